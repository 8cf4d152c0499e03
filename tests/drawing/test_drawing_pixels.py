"""Tiling: where each pixel lands, what the value range does, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from dualport.common.drawing import raster, save_png
from dualport.common.errors import BadInput
from PIL import Image

UNIT, NOTEBOOK = (0, 1), (-1, 1)


def test_raster_has_the_documented_size_and_fills_row_by_row():
    images = np.zeros((6, 1, 3, 4))
    images[:, 0, 0, 1] = np.arange(6) / 5  # a telling pixel in each tile: first row, second column
    picture = raster(images, 2, 3, UNIT, padding=1, scale=1)
    assert picture.shape == (2 * 4 - 1, 3 * 5 - 1)
    assert picture.dtype == np.uint8
    assert picture[0, [1, 6, 11]].tolist() == [0, 51, 102]
    assert picture[4, [1, 6, 11]].tolist() == [153, 204, 255]


def test_gaps_and_places_without_an_image_are_white_and_the_rim_has_none():
    picture = raster(np.zeros((3, 1, 2, 2)), 2, 2, UNIT, padding=1, scale=1)
    black = np.array([[0, 0, 1, 0, 0], [0, 0, 1, 0, 0], [1, 1, 1, 1, 1], [0, 0, 1, 1, 1], [0, 0, 1, 1, 1]])
    assert (picture == black * 255).all()


def test_scale_makes_squares_of_pixels():
    small = raster(np.arange(4.0).reshape(1, 1, 2, 2) / 3, 1, 1, UNIT, scale=1)
    large = raster(np.arange(4.0).reshape(1, 1, 2, 2) / 3, 1, 1, UNIT, scale=3)
    assert (large == np.kron(small, np.ones((3, 3), np.uint8))).all()


def test_values_outside_the_range_are_clipped():
    images = np.array([-9.0, -1, 0, 1, 9]).reshape(1, 1, 1, 5)
    assert raster(images, 1, 1, NOTEBOOK, scale=1).tolist() == [[0, 0, 128, 255, 255]]


def test_colour_stays_colour():
    images = np.zeros((2, 3, 2, 2), np.float32)
    images[0, 0], images[1, 2] = 1, 1  # red, then blue
    picture = raster(images, 1, 2, UNIT, padding=0, scale=1)
    assert picture.shape == (2, 4, 3)
    assert picture[0, 0].tolist() == [255, 0, 0]
    assert picture[0, 2].tolist() == [0, 0, 255]


@pytest.mark.parametrize(
    ("shape", "rows", "value_range", "reason"),
    [
        ((4, 28, 28), 2, UNIT, "must be"),
        ((4, 2, 5, 5), 2, UNIT, "must be"),
        ((0, 1, 5, 5), 2, UNIT, "at least one"),
        ((5, 1, 5, 5), 2, UNIT, "do not fit"),
        ((4, 1, 5, 5), 0, UNIT, "cannot tile"),
        ((4, 1, 5, 5), 2, (1, 1), "low to high"),
    ],
)
def test_raster_refuses(shape, rows, value_range, reason):
    with pytest.raises(BadInput, match=reason):
        raster(np.zeros(shape), rows, 2, value_range)


def test_raster_refuses_what_is_not_finite_and_counts_it():
    images = np.zeros((4, 1, 2, 2))
    images[1, 0, 0, 0], images[3, 0, 1, 1] = np.nan, np.inf
    with pytest.raises(BadInput, match="2 of 4 images"):
        raster(images, 2, 2, UNIT)


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 3)])
def test_save_png_keeps_every_byte(tmp_path, shape):
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    assert save_png(tmp_path / "a.png", array) == tmp_path / "a.png"
    with Image.open(tmp_path / "a.png") as file:
        assert file.format == "PNG"
        assert (np.asarray(file) == array).all()


@pytest.mark.parametrize("array", [np.zeros((3, 3)), np.zeros((3, 3, 4), np.uint8), np.zeros(3, np.uint8)])
def test_save_png_refuses_what_is_no_picture_and_leaves_nothing(tmp_path, array):
    with pytest.raises(BadInput, match="uint8"):
        save_png(tmp_path / "a.png", array)
    assert not list(tmp_path.iterdir())
