"""Errors by layer and by step: every framework stays visible, zeros and what is no number have their place."""

from __future__ import annotations

import numpy as np
import pytest
from dualport.common.drawing import error_by_layer, error_growth
from dualport.common.drawing.error_plots import ABOVE, MARKS
from dualport.common.drawing.sheet import INK, MAXIMUM_WIDTH
from dualport.common.errors import BadInput
from matplotlib.colors import to_rgb
from PIL import Image

FIRST, SECOND = MARKS[0]["color"], MARKS[1]["color"]


def read(path) -> np.ndarray:
    with Image.open(path) as file:
        return np.asarray(file.convert("RGB")).astype(int)


def pixels_of(picture: np.ndarray, colour: str) -> np.ndarray:
    """Places [K, 2], as (row, column), that have this colour."""
    wanted = np.round(np.array(to_rgb(colour)) * 255)
    return np.argwhere(np.abs(picture - wanted).max(axis=-1) <= 2)


def names(count: int) -> list[str]:
    return [f"decoder.#{index}:leaky_relu" for index in range(count)]


@pytest.mark.parametrize("count", [1, 5, 40])
def test_equal_errors_show_both_frameworks(tmp_path, count):
    equal = np.full(count, 1e-7)
    picture = read(error_by_layer(tmp_path / "e.png", names(count), {"torch": equal, "paddle": equal}, equal * 10))
    assert picture.shape[1] <= MAXIMUM_WIDTH
    plotted = picture[:-70]  # without the legend
    for colour in (FIRST, SECOND):
        assert len(pixels_of(plotted, colour)) > 10 * count
    picture = read(error_growth(tmp_path / "g.png", range(count), {"torch": equal, "paddle": equal}))
    for colour in (FIRST, SECOND):
        assert len(pixels_of(picture[:-70], colour)) > 10 * count


def test_layers_run_downwards_and_errors_to_the_right(tmp_path):
    picture = read(error_by_layer(tmp_path / "e.png", names(3), {"torch": [1e-8, 1e-6, 1e-4]}, [1e-3] * 3))
    places = pixels_of(picture[:-70], FIRST)
    places = places[places[:, 0].argsort()]
    rows = np.split(places, np.flatnonzero(np.diff(places[:, 0]) > 10) + 1)
    columns = [row[:, 1].mean() for row in rows]
    assert len(rows) == 3
    assert columns == sorted(columns)
    dashes = pixels_of(picture[places[:, 0].min() : places[:, 0].max()], INK)
    assert dashes[:, 1].max() > columns[-1]  # the bound lies beyond


def test_zeros_lie_on_the_edge_and_are_marked(tmp_path):
    zero = pixels_of(read(error_by_layer(tmp_path / "a.png", names(2), {"torch": [0.0, 1e-7]})), FIRST)[:, 1].min()
    none = pixels_of(read(error_by_layer(tmp_path / "b.png", names(2), {"torch": [1e-8, 1e-7]})), FIRST)[:, 1].min()
    assert zero < none
    picture = read(error_growth(tmp_path / "c.png", [0, 1, 2], {"torch": [0.0, 1e-7, 1e-6]}))
    rows = pixels_of(picture[:-70], FIRST)
    left, right = rows[rows[:, 1].argmin()], rows[rows[:, 1].argmax()]
    assert left[0] > right[0]  # rows count from the top


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_what_is_no_number_is_on_a_red_edge(tmp_path, odd):
    sound = read(error_by_layer(tmp_path / "a.png", names(2), {"torch": [1e-8, 1e-7]}))
    broken = read(error_by_layer(tmp_path / "b.png", names(2), {"torch": [1e-8, odd]}))
    assert len(pixels_of(sound, ABOVE)) == 0
    assert len(pixels_of(broken, ABOVE)) > 50
    assert len(pixels_of(read(error_growth(tmp_path / "c.png", [0, 1], {"torch": [odd, 1e-7]})), ABOVE)) > 50


def test_anything_can_be_drawn(tmp_path):
    odd = r"$\nosuch$"
    error_by_layer(tmp_path / "a.png", [odd, "n" * 200], {odd: [0.0, 0.0]}, [0.0, 0.0], title=odd)
    error_by_layer(tmp_path / "b.png", names(1), {"torch": [np.nan]}, [np.inf])
    error_growth(tmp_path / "c.png", [7], {odd: [0.0]}, bounds=[1e-7], title=odd)
    many = {f"framework {index}": [1e-300, 1.0] for index in range(9)}
    assert read(error_growth(tmp_path / "d.png", [0, 1], many)).shape[1] <= MAXIMUM_WIDTH


@pytest.mark.parametrize(
    ("errors", "bounds"),
    [({}, None), ({"torch": [1.0]}, None), ({"torch": [1.0, -1.0]}, None), ({"torch": [1.0, 1.0]}, [1.0])],
)
def test_errors_refuse(tmp_path, errors, bounds):
    for draw, where in ((error_by_layer, names(2)), (error_growth, [0, 1])):
        with pytest.raises(BadInput):
            draw(tmp_path / "e.png", where, errors, bounds=bounds)
    with pytest.raises(BadInput):
        error_by_layer(tmp_path / "e.png", [], {"torch": []})
    assert not list(tmp_path.iterdir())
