"""Turning the numbers of an image variable into grey levels, without ever holding them all in 32 or 64 bits."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from ...errors import BadInput
from ..dataset import GREY

Blocks = Callable[[], Iterable[tuple[tuple[slice, ...], np.ndarray]]]
LEVELS = np.arange(256, dtype=np.float32)
# Fractions that reach beyond 1 but not beyond this are neither 0..1 nor 0..255.
LEAST_TOP = 16


def to_pixels(blocks: Blocks, shape: tuple[int, ...], where: str) -> np.ndarray:
    """An array of `shape`: uint8 grey levels if every value lies on the 1/255 grid, else float32 in [0, 1].

    Args:
        blocks: called for each pass over the data; yields (place, values).
        shape: of the whole variable, any number of axes.
        where: the file and the variable, for messages.

    Raises:
        BadInput: a value is not finite, or the values fit neither 0..1 nor 0..255.
    """
    top = _guess(blocks)
    grey = _as_grey(blocks, shape, top)
    if grey is not None:
        return grey
    top = _range_of(blocks, where)  # not as it looked: now every value is examined
    grey = _as_grey(blocks, shape, top)
    return grey if grey is not None else _as_fractions(blocks, shape, top)


def _guess(blocks: Blocks) -> int:
    _, first = next(iter(blocks()))
    return 255 if first.max() > 1 else 1


def _as_grey(blocks: Blocks, shape: tuple[int, ...], top: int) -> np.ndarray | None:
    """Grey levels, or None as soon as a value is off the grid (as NaN, infinity and what is out of range are)."""
    table = LEVELS if top == 255 else GREY
    grey = np.empty(shape, np.uint8)
    for place, values in blocks():
        with np.errstate(invalid="ignore", over="ignore"):
            single = values.astype(np.float32, copy=False)
            levels = np.rint(single * np.float32(255 / top)).astype(np.uint8)
        if not np.array_equal(table[levels], single):
            return None
        grey[place] = levels
    return grey


def _as_fractions(blocks: Blocks, shape: tuple[int, ...], top: int) -> np.ndarray:
    fractions = np.empty(shape, np.float32)
    for place, values in blocks():
        fractions[place] = values if top == 1 else values / top
    return fractions


def _range_of(blocks: Blocks, where: str) -> int:
    """1 or 255: the value that white has."""
    high, whole = 0.0, True
    for place, values in blocks():
        wrong = ~((values >= 0) & (values <= 255))  # true for NaN too
        if wrong.any():
            _refuse(values, wrong, place, where)
        high = max(high, float(values.max()))
        whole = whole and bool((values == np.floor(values)).all())
    if high <= 1:
        return 1
    if not whole and high <= LEAST_TOP:
        raise BadInput(f"{where} holds fractions up to {high:g}, neither 0..1 nor 0..255; bring the pixels to 0..1")
    return 255


def _refuse(values: np.ndarray, wrong: np.ndarray, place: tuple[slice, ...], where: str) -> None:
    inside = np.unravel_index(int(wrong.argmax()), wrong.shape)
    at = ", ".join(str(part.start + offset) for part, offset in zip(place, inside, strict=True))
    raise BadInput(
        f"{where} holds {values[inside]:g} at [{at}]; pixels must be finite, 0..1 or 0..255, so bring them to 0..1"
    )
