"""Pixels and labels that mean nothing: cases 32 and 33 of the list of bad inputs."""

from __future__ import annotations

import numpy as np
import pytest

one_hot = np.eye(10, dtype=np.float32)


# 32: pixels


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.0, 256.0, 65535.0])
@pytest.mark.parametrize("chunks", [None, (8, 1, 28, 28)])
def test_one_bad_pixel_is_found_32(mat, refused, value, chunks):
    values = np.full((30, 1, 28, 28), 0.5, np.float32)
    values[21, 0, 3, 4] = value
    refused(mat(values, chunks=chunks), f"{value:g} at [21, 0, 3, 4]", "0..1 or 0..255")


def test_other_ranges_32(mat, refused, images):
    refused(mat(images[:, None] / 127.5 - 1), "holds -")
    refused(mat(images[:, None].astype("u2") * 257), "0..1 or 0..255")
    refused(mat(images[:, None] * 1e300), "0..1 or 0..255")
    refused(mat(images[:, None] / 255 * 1.5), "neither 0..1 nor 0..255")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((30, 32, 32), "30×32×32"),
        ((30, 3, 28, 28), "28×28"),
        ((784, 30), "784×30"),
        ((28, 28, 30), "permute"),
        ((), ""),
    ],
)
def test_other_shapes_32(mat, refused, shape, words):
    refused(mat(np.zeros(shape, np.uint8)), words, "N×28×28")


# 33: labels


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (np.arange(30.0) % 10 + 1, ("--labels ten-is-zero", "--labels shifted")),
        (np.arange(30.0) % 11, ("label 10 at index 10", "0..9")),
        (np.full(30, -1.0), ("label -1",)),
        (np.full(30, 0.5), ("0.5 at index 0", "whole")),
        (np.full(30, np.nan), ("nan",)),
        (np.full((30, 10), np.nan), ("nan",)),
        (np.ones((30, 10)), ("row 0 is not one-hot",)),
        (np.zeros((30, 10)), ("row 0 is not one-hot",)),
        (one_hot[np.arange(30) % 10] * 0.5, ("row 0 is not one-hot",)),
        ((one_hot + one_hot[::-1])[np.arange(30) % 10] * 0.5, ("row 0 is not one-hot",)),
        (np.eye(11)[np.arange(30) % 10], ("11 wide",)),
        (np.zeros(29), ("29", "30 images")),
        (one_hot[np.arange(29) % 10], ("29×10", "30 images")),
        (np.full(30, 2.0**70), ("outside 0..9",)),
    ],
    ids=[
        "1-10",
        "0-10",
        "negative",
        "half",
        "nan",
        "nan-rows",
        "ones",
        "zeros",
        "halves",
        "two halves",
        "11-wide",
        "count",
        "count-rows",
        "huge",
    ],
)
def test_labels_33(mat, refused, label, words):
    refused(mat(label=label), "label", *words)


def test_a_said_meaning_still_needs_1_to_10_33(mat, refused):
    refused(mat(label=np.arange(30.0) % 10), "label 0 at index 0 is outside 1..10", label_meaning="shifted")
