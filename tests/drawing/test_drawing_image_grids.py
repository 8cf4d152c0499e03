"""Sheets of images: sizes, where each image lies, and that its pixels are not touched."""

from __future__ import annotations

import numpy as np
import pytest
from dualport.common.drawing import image_grid, manifold, manifold_latents, raster, two_rows
from dualport.common.drawing.sheet import MAXIMUM_WIDTH
from dualport.common.errors import BadInput
from PIL import Image

NOTEBOOK = (-1, 1)


def read(path) -> np.ndarray:
    with Image.open(path) as file:
        return np.asarray(file.convert("RGB"))


def noise(count: int, channels: int = 1, side: int = 28) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (count, channels, side, side))


def find(picture: np.ndarray, part: np.ndarray) -> tuple[int, int] | None:
    """Where `part` lies in `picture`, pixel for pixel: (row, column)."""
    part = part if part.ndim == 3 else np.repeat(part[..., None], 3, axis=2)
    height, width = part.shape[:2]
    for row, column in np.argwhere((picture == part[0, 0]).all(axis=-1)):
        if np.array_equal(picture[row : row + height, column : column + width], part):
            return int(row), int(column)
    return None


@pytest.mark.parametrize("title", [None, r"$\nosuch$ is no mathematics"])
def test_the_notebooks_grid_holds_every_pixel(tmp_path, title):
    images = noise(200)
    path = image_grid(tmp_path / "grid.png", images, 10, 20, NOTEBOOK, title=title)
    picture = read(path)
    assert picture.shape[1] <= MAXIMUM_WIDTH
    assert find(picture, raster(images, 10, 20, NOTEBOOK, padding=1, scale=2)) is not None


def test_labels_stand_left_and_above(tmp_path):
    images = np.ones((6, 1, 8, 8))
    bare = read(image_grid(tmp_path / "bare.png", images, 2, 3, NOTEBOOK))
    labelled = read(
        image_grid(tmp_path / "l.png", -images, 2, 3, NOTEBOOK, row_labels="01", column_labels=["a", "b", "c"])
    )
    assert (bare == 255).all()
    tiles = raster(-images, 2, 3, NOTEBOOK, padding=1, scale=6)
    top, left = find(labelled, tiles)
    assert (labelled[top : top + len(tiles), :left] < 128).any()
    assert (labelled[:top, left : left + tiles.shape[1]] < 128).any()
    assert (labelled[:, left + tiles.shape[1] :] == 255).all()
    assert (labelled[top + len(tiles) :] == 255).all()


def test_column_labels_that_are_too_wide_stand_upright(tmp_path):
    images = noise(20)
    short = read(image_grid(tmp_path / "s.png", images, 1, 20, NOTEBOOK, column_labels=range(20)))
    long = read(image_grid(tmp_path / "l.png", images, 1, 20, NOTEBOOK, column_labels=["interpolation"] * 20))
    assert long.shape[1] == short.shape[1]
    assert long.shape[0] > short.shape[0] + 50
    top = find(long, raster(images, 1, 20, NOTEBOOK, scale=2))[0]
    written = np.flatnonzero((long[:top] < 128).any(axis=(1, 2)))
    assert np.ptp(written) > 50  # as high as the word is long


@pytest.mark.parametrize(("side", "rows", "columns"), [(256, 2, 10), (28, 60, 3), (28, 1, 1), (28, 3, 100)])
def test_no_sheet_is_wider_than_a_page(tmp_path, side, rows, columns):
    images = noise(rows * columns, 3, side)
    labels = ["a rather long label, as people write them"] * rows
    picture = read(image_grid(tmp_path / "g.png", images, rows, columns, NOTEBOOK, row_labels=labels, title="t " * 200))
    assert picture.shape[1] <= MAXIMUM_WIDTH


@pytest.mark.parametrize("side", range(20, 36))
def test_sizes_are_exact_whatever_the_rounding(tmp_path, side):
    images = noise(15, side=side)
    scale = min(1200 // (15 * (side + 1) - 1), 6)
    picture = read(image_grid(tmp_path / "g.png", images, 1, 15, NOTEBOOK))
    tiles = raster(images, 1, 15, NOTEBOOK, scale=scale)
    assert picture.shape[:2] == (tiles.shape[0] + 36, tiles.shape[1] + 36)


def test_two_rows_puts_the_first_on_top(tmp_path):
    top, bottom = noise(10), -noise(10)
    picture = read(two_rows(tmp_path / "two.png", top, bottom, NOTEBOOK, title="posterior over prior"))
    assert find(picture, raster(np.concatenate([top, bottom]), 2, 10, NOTEBOOK, scale=4)) is not None


def test_manifold_is_seamless_and_starts_at_the_top_left(tmp_path):
    images = noise(400)
    path = manifold(tmp_path / "m.png", images, 20, 20, (-3, 3), (-2, 2), NOTEBOOK, title="manifold")
    assert find(read(path), raster(images, 20, 20, NOTEBOOK, padding=0, scale=2)) is not None


def test_manifold_latents_grow_right_and_upwards():
    latents = manifold_latents((-3, 3), (10, 20), rows=3, columns=4)
    assert latents.shape == (12, 2)
    assert latents[0].tolist() == [-3, 20]  # top left
    assert latents[3].tolist() == [3, 20]  # top right
    assert latents[8].tolist() == [-3, 10]  # bottom left
    assert latents[5].tolist() == [-1, 15]


@pytest.mark.parametrize("x_range", [(0, 2), (0, 0.3)])  # rounding puts the tick of 0.3 above 0.3
def test_manifold_axes_mark_the_centres_of_the_images(tmp_path, x_range):
    """The first tick stands under the middle of the first image, the last under the last; the y axis alike."""
    images = np.zeros((9, 1, 7, 7))
    picture = read(manifold(tmp_path / "m.png", images, 3, 3, x_range, (0, 2), NOTEBOOK))
    tiles = raster(images, 3, 3, NOTEBOOK, padding=0, scale=6)
    top, left = find(picture, tiles)
    side = tiles.shape[0]
    below = picture[top + side + 1, left : left + side].min(axis=-1)
    beside = picture[top : top + side, left - 2].min(axis=-1)
    for line in (below, beside):
        ticks = np.flatnonzero(line < 200)
        assert abs(ticks.min() - 21) <= 1
        assert abs(ticks.max() - 105) <= 1


@pytest.mark.parametrize("low_high", [(1, 1), (2, 1), (0, np.nan), (0, np.inf)])
def test_manifold_refuses_a_range_that_runs_nowhere(tmp_path, low_high):
    with pytest.raises(BadInput, match="y_range must run"):
        manifold(tmp_path / "m.png", noise(4), 2, 2, (0, 1), low_high, NOTEBOOK)


def test_a_manifold_of_one_column_needs_no_width(tmp_path):
    manifold(tmp_path / "m.png", noise(3), 3, 1, (0.5, 0.5), (0, 1), NOTEBOOK)


def test_grids_refuse_what_does_not_fit(tmp_path):
    with pytest.raises(BadInput, match="takes 4 images, not 3"):
        manifold(tmp_path / "m.png", noise(3), 2, 2, (0, 1), (0, 1), NOTEBOOK)
    with pytest.raises(BadInput, match="2 row labels for 3 rows"):
        image_grid(tmp_path / "g.png", noise(3), 3, 1, NOTEBOOK, row_labels=["a", "b"])
    with pytest.raises(BadInput, match="must match"):
        two_rows(tmp_path / "t.png", noise(3), noise(2), NOTEBOOK)
    with pytest.raises(BadInput, match=r"ends in \.png"):
        image_grid(tmp_path / "g.pdf", noise(1), 1, 1, NOTEBOOK)
    assert not list(tmp_path.iterdir())
