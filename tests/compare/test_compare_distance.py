"""The one measure of how far two arrays are apart, against the definition, at its edges and in pieces."""

from __future__ import annotations

import math

import h5py
import numpy as np
import pytest
from dualport.common import distance
from dualport.common.distance import apart, relative_error, ulps
from dualport.common.tolerances import bound


@pytest.fixture
def near(rng) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays of one shape, 1e-7 apart, of rows that no piece divides."""
    b = rng.normal(size=(41, 97))
    return b + 1e-7 * rng.normal(size=b.shape), b


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("piece", [1, 7, 100, 2**17])
def test_pieces_of_any_size_give_the_definition(monkeypatch, tmp_path, near, piece):
    monkeypatch.setattr(distance, "PIECE", piece)
    a, b = near
    defined = np.linalg.norm(a - b) / np.linalg.norm(b)
    assert abs(relative_error(a, b) / defined - 1) <= bound("closed form")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        assert apart(a, file.create_dataset("b", data=b)) == apart(a, b)


def test_a_scale_counts_where_it_is_larger_than_the_values(near):
    a, b = near
    assert relative_error(a, b, 1e3) == apart(a, b).error / 1e3
    assert relative_error(a, b, 1e-3) == relative_error(a, b)


@pytest.mark.parametrize(
    "a", [np.zeros(3), np.array([1, 2, 3]), np.array([True, False]), np.zeros(0), 2.5, np.array([np.inf, 1])]
)
def test_equal_arrays_are_not_apart(a):
    assert relative_error(a, np.asarray(a)) == 0


@pytest.mark.parametrize(
    ("a", "b", "error"),
    [
        (None, np.ones(2), math.inf),
        (np.ones(2), None, math.inf),
        (np.ones((1, 3)), np.ones(3), math.inf),
        (np.ones(3), np.zeros(3), math.inf),
        (np.array([True, False]), np.array([True, True]), math.sqrt(0.5)),
        (np.uint8([3, 4]), np.uint8([4, 3]), math.sqrt(2 / 25)),
        (np.array([np.nan, 1.0]), np.array([np.nan, 1.0]), math.nan),
        (np.array([1.0, 1.0]), np.array([1.0, np.nan]), math.nan),
        (np.array([np.inf, 1.0]), np.array([np.inf, 2.0]), 0.5),  # of what is finite
        (np.array([np.inf, 1.0]), np.array([-np.inf, 1.0]), math.nan),
        (np.array([1e200]), np.array([2e200]), math.nan),  # their squares are too large for float64
    ],
)
def test_what_is_missing_of_another_shape_or_not_finite_is_no_small_error(a, b, error):
    assert relative_error(a, b) == pytest.approx(error, rel=bound("closed form"), nan_ok=True)


def test_an_error_of_one_unit_in_the_last_place_is_one_ulp():
    ones = np.ones(5)
    assert ulps(ones + 2.0**-23, ones) == 1
    assert apart(ones + 2.0**-23, ones).ulps() == 1
    assert ulps(ones + 2.0**-7, ones, "bfloat16") == 1
    assert apart(ones, 0 * ones).ulps() == math.inf
