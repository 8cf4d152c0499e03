"""Curves and scatters: what they accept, and that what matters is visible in the pixels."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from dualport.common.drawing import latent_scatter, loss_curves, step_difference
from dualport.common.drawing.curves import ABOVE, LINES, POINT
from dualport.common.drawing.sheet import MAXIMUM_WIDTH
from dualport.common.errors import BadInput
from matplotlib.colors import to_rgb
from PIL import Image


def read(path) -> np.ndarray:
    with Image.open(path) as file:
        return np.asarray(file.convert("RGB")).astype(int)


def pixels_of(picture: np.ndarray, colour: str) -> np.ndarray:
    """Places [K, 2], as (row, column), that have this colour."""
    wanted = np.round(np.array(to_rgb(colour)) * 255)
    return np.argwhere(np.abs(picture - wanted).max(axis=-1) <= 2)


def points(places: np.ndarray) -> list[float]:
    """Mean row of each point, from left to right."""
    places = places[places[:, 1].argsort()]
    apart = np.flatnonzero(np.diff(places[:, 1]) > 20) + 1
    return [float(part[:, 0].mean()) for part in np.split(places, apart)]


def history(epochs: int, **change) -> list[dict]:
    rows = [{"epoch": e, "loss": 50.0 - e, "reconstruction": 40.0 - e, "kl": 5.0 + e} for e in range(epochs)]
    return [row | change for row in rows]


@pytest.mark.parametrize("epochs", [1, 2, 30])
def test_equal_losses_show_both_backends(tmp_path, epochs):
    both = {"torch": history(epochs), "paddle": history(epochs)}
    picture = read(loss_curves(tmp_path / "l.png", both))
    assert picture.shape[1] <= MAXIMUM_WIDTH
    plotted = picture[:-90]  # without the legend
    for panel in np.array_split(np.arange(picture.shape[1]), 3):
        for look in LINES[:2]:
            assert len(pixels_of(plotted[:, panel], look["color"])) > 20


def test_dollars_are_no_mathematics(tmp_path):
    odd = r"$\nosuch$"
    values = np.eye(2)
    loss_curves(tmp_path / "a.png", {odd: history(2)}, title=odd, units=odd)
    step_difference(tmp_path / "b.png", [0], [1.0], 1.0, title=odd)
    latent_scatter(tmp_path / "c.png", values, values, title=odd)


def test_a_part_that_nobody_has_gets_no_panel(tmp_path):
    whole = read(loss_curves(tmp_path / "a.png", {"torch": history(3)}))
    no_kl = read(loss_curves(tmp_path / "b.png", {"torch": history(3, kl=None)}))
    only_loss = read(loss_curves(tmp_path / "c.png", {"torch": [{"epoch": 0, "loss": 2.6e6}]}))
    assert whole.shape[1] > no_kl.shape[1] > only_loss.shape[1]


def test_losses_that_are_not_numbers_leave_a_gap(tmp_path):
    loss_curves(tmp_path / "a.png", {"torch": [*history(3), {"epoch": 3, "loss": np.nan, "kl": np.inf}]})
    loss_curves(tmp_path / "b.png", {"torch": history(1, loss=np.nan)})


@pytest.mark.parametrize("histories", [{}, {"torch": []}, {"torch": [{"loss": 1.0}]}, {"torch": [{"epoch": 0}]}])
def test_loss_curves_refuse_nothing_to_draw(tmp_path, histories):
    with pytest.raises(BadInput, match="train for one epoch"):
        loss_curves(tmp_path / "l.png", histories)


def test_step_difference_sorts_its_points(tmp_path):
    difference = [0, 1e-9, 1e-8, 1e-4, np.nan]
    picture = read(step_difference(tmp_path / "s.png", range(5), difference, 1e-6, title="t"))
    plotted = picture[:, : picture.shape[1] * 5 // 6]  # without the legend
    equal, smaller, larger = points(pixels_of(plotted, POINT))
    above, not_a_number = points(pixels_of(plotted, ABOVE))
    assert equal > smaller > larger > above > not_a_number  # rows count from the top
    assert 0.1 < (smaller - larger) / (larger - above) < 0.5  # one decade to four: a logarithmic scale


@pytest.mark.parametrize("difference", [[0.0, 0.0], [1e-16, 1.0], [0.0, np.inf], [np.nan, np.nan]])
def test_step_difference_draws_any_difference(tmp_path, difference):
    assert read(step_difference(tmp_path / "s.png", [0, 1], difference, 1e-9)).shape[1] <= MAXIMUM_WIDTH


@pytest.mark.parametrize(
    ("steps", "difference", "bound"),
    [([], [], 1), ([0], [0, 1], 1), ([0], [-1.0], 1), ([0], [1.0], 0), ([0], [1.0], np.nan)],
)
def test_step_difference_refuses(tmp_path, steps, difference, bound):
    with pytest.raises(BadInput):
        step_difference(tmp_path / "s.png", steps, difference, bound)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dimensions", [1, 2, 20])
@pytest.mark.parametrize("labels", [None, np.arange(50) % 10])
def test_scatter_of_any_latent_size(tmp_path, dimensions, labels):
    values = np.random.default_rng(0).normal(size=(50, dimensions))
    picture = read(latent_scatter(tmp_path / "s.png", values, np.exp(values), labels, title="t"))
    assert 1200 < picture.shape[1] <= MAXIMUM_WIDTH


def test_scatter_says_that_it_shows_two_of_many(tmp_path):
    values = np.random.default_rng(0).normal(size=(50, 20))
    many = read(latent_scatter(tmp_path / "a.png", values, values))
    two = read(latent_scatter(tmp_path / "b.png", values[:, :2], values[:, :2]))
    assert (many[-40:] != two[-40:]).any()  # "of 20" at the axis


def test_a_digit_keeps_its_colour_of_tab10_and_is_named(tmp_path):
    """Two images of a "2", as in run C: both green, nothing in the blue of "0"."""
    picture = read(latent_scatter(tmp_path / "s.png", np.eye(2), np.eye(2), np.array([2, 2])))
    tab10 = matplotlib.colormaps["tab10"]
    assert len(pixels_of(picture[:, -100:], tab10(2))) > 20  # the legend's dot
    assert len(pixels_of(picture, tab10(0))) == 0


def test_an_autoencoder_has_one_panel(tmp_path):
    means = np.random.default_rng(0).normal(size=(50, 2))
    one = read(latent_scatter(tmp_path / "a.png", means, None, np.zeros(50, int)))
    two = read(latent_scatter(tmp_path / "b.png", means, means, np.zeros(50, int)))
    assert one.shape[1] < two.shape[1]


@pytest.mark.parametrize("classes", [20, 47, 100])
def test_scatter_of_many_classes(tmp_path, classes):
    values = np.random.default_rng(0).normal(size=(200, 2))
    picture = read(latent_scatter(tmp_path / "s.png", values, values, np.arange(200) % classes))
    assert picture.shape[1] <= MAXIMUM_WIDTH


@pytest.mark.parametrize(
    ("means", "deviations", "labels"),
    [
        (np.zeros(5), None, None),
        (np.zeros((5, 2)), np.zeros((4, 2)), None),
        (np.zeros((5, 2)), None, np.zeros(4)),
        (np.zeros((5, 2)), None, np.full(5, 0.5)),
        (np.zeros((0, 2)), None, None),
    ],
)
def test_scatter_refuses(tmp_path, means, deviations, labels):
    with pytest.raises(BadInput):
        latent_scatter(tmp_path / "s.png", means, deviations, labels)
