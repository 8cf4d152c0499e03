"""Which part of an array a call takes out of it, by its output alone: an index, or where a slice begins."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .array_changes import Changes

Position = tuple[str, int, int, int]  # what is taken in words, the axis, where it begins, its length (0 for an index)


def other_positions(inputs: list[np.ndarray], outputs: tuple[np.ndarray, ...], names: tuple[str, str]) -> Changes:
    """Where each output is one part of its input and no other: the second's position on the first's input."""
    found = [list(_positions(np.asarray(x), np.asarray(y))) for x, y in zip(inputs, outputs, strict=True)]
    if any(len(places) != 1 for places in found) or found[0] == found[1]:
        return
    (one, axis, begin, _), (two, other_axis, start, length) = (places[0] for places in found)
    if axis == other_axis and abs(begin - start) == 1:
        two += ", off by one"
    elif axis != other_axis:
        one, two = (f"{words} of axis {place}" for words, place in ((one, axis), (two, other_axis)))
    yield f"{names[0]} takes {one} and {names[1]} {two}", _taken(np.asarray(inputs[0]), other_axis, start, length)


def _positions(x: np.ndarray, y: np.ndarray) -> Iterator[Position]:
    """Every place of `x` that `y` is, along one axis."""
    if not np.any(y) or x.ndim - y.ndim not in (0, 1):
        return
    for axis in range(x.ndim):
        rest, length = x.shape[:axis] + x.shape[axis + 1 :], 0
        if y.ndim == x.ndim:
            length = y.shape[axis]
        if (y.shape[:axis] + y.shape[axis + 1 :] if length else y.shape) != rest or length == x.shape[axis]:
            continue
        for at in range(x.shape[axis] - max(length, 1) + 1):
            if np.array_equal(_taken(x, axis, at, length), y):
                yield f"{at} to {at + length}" if length else f"index {at}", axis, at, length


def _taken(x: np.ndarray, axis: int, start: int, length: int) -> np.ndarray:
    part = np.take(x, range(start, start + max(length, 1)), axis)
    return part if length else np.squeeze(part, axis)
