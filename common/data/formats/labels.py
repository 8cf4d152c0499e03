"""Labels as whole numbers 0..9, whichever way a file holds them; nothing about their meaning is guessed."""

from __future__ import annotations

import numpy as np

from ...errors import BadInput, by_size, choose

CLASSES = 10
# What labels 1..10 may mean: the two ways to say it.
MEANINGS = {
    "ten-is-zero": "10 stands for the digit 0, and 1..9 for themselves",
    "shifted": "every label is its digit plus one",
}


def check_labels(values: np.ndarray, count: int, source: str, meaning: str | None = None) -> np.ndarray:
    """Labels as int64 `[N]` from one-hot rows `[N, 10]` (or `[10, N]`) or from whole numbers 0..9.

    Args:
        values: numbers of any type; axes of length 1 do not matter.
        count: N, how many images there are.
        source: the file and the variable, for messages.
        meaning: what labels 1..10 stand for: "ten-is-zero" or "shifted". Without it they are refused.

    Raises:
        BadInput: another count, a value that is no whole number or not a number, a row without exactly one 1, or
            labels outside 0..9.
    """
    label_layout(values.shape, count, source)
    wrong = np.flatnonzero(~np.isfinite(values)) if values.dtype.kind == "f" else np.zeros(0)
    if wrong.size:
        row = np.unravel_index(wrong[0], values.shape)
        place = ", ".join(map(str, row))
        raise BadInput(f"{source}: holds {values[row]} at [{place}]; labels must be numbers, so mend the file")
    if values.size == count:
        return _whole(values.reshape(-1), source, meaning)
    return _from_one_hot(_rows(values, count), source)


def label_layout(shape: tuple[int, ...], count: int, source: str) -> str:
    """Tell "whole numbers" from "one-hot rows" by the shape alone, before anything is read.

    Raises:
        BadInput: the shape fits neither, or another number of images.
    """
    axes = [n for n in shape if n != 1]
    if int(np.prod(shape)) == count and len(axes) <= 1:
        return "whole numbers"
    if sorted(axes) == sorted(n for n in (count, CLASSES) if n != 1):
        return "one-hot rows"
    if len(axes) == 2 and count in axes:
        wide = next((n for n in axes if n != count), count)
        raise BadInput(f"{source}: its one-hot rows are {wide} wide; make them {CLASSES}, one for each class")
    raise BadInput(
        f"{source}: is {by_size(shape)}, which does not fit {count:,} images; "
        "give one label or one one-hot row for each image"
    )


def _rows(values: np.ndarray, count: int) -> np.ndarray:
    """One-hot rows `[N, 10]`; MATLAB's reversed `[10, N]` is told by its shape."""
    axes = [n for n in values.shape if n != 1]
    if len(axes) == 2 and axes[0] != count:
        return values.reshape(axes).T
    return values.reshape(count, CLASSES)


def _from_one_hot(rows: np.ndarray, source: str) -> np.ndarray:
    wrong = np.flatnonzero(((rows != 0) & (rows != 1)).any(1) | (rows.sum(1) != 1))
    if wrong.size:
        raise BadInput(
            f"{source}: row {wrong[0]} is not one-hot (exactly one 1, else 0), as are {wrong.size - 1} others; "
            f"mend the rows, or give whole numbers 0..9"
        )
    return rows.argmax(1).astype(np.int64)


def _whole(values: np.ndarray, source: str, meaning: str | None) -> np.ndarray:
    wrong = np.flatnonzero(values != np.floor(values)) if values.dtype.kind == "f" else np.zeros(0, int)
    if wrong.size:
        raise BadInput(
            f"{source}: label {values[wrong[0]]} at index {wrong[0]} is not a whole number; labels are the digits 0..9"
        )
    low, high = values.min(), values.max()
    first, last = (0, CLASSES - 1) if meaning is None else (1, CLASSES)
    if meaning is None and low >= 1 and high == CLASSES:
        raise BadInput(
            f"{source}: labels run from {low:g} to 10, which can mean two things: say `--labels ten-is-zero` if 10 "
            f"stands for the digit 0, or `--labels shifted` if each is its digit plus one"
        )
    if low < first or high > last:
        wrong = np.flatnonzero((values < first) | (values > last))
        raise BadInput(
            f"{source}: label {values[wrong[0]]:g} at index {wrong[0]} is outside {first}..{last}; mend the labels"
        )
    digits = values.astype(np.int64)
    if meaning is None:
        return digits
    return digits % CLASSES if choose(meaning, MEANINGS, "meaning of labels") == "ten-is-zero" else digits - 1
