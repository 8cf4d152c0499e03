"""Arrays that are left in their file until they are asked for, so that a model need not fit into memory.

`np.asarray` reads one, afresh each time, into memory of its own: nothing is mapped, since a file that is cut while it
is mapped ends the process.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

BLOCK = 128  # rows and columns turned at a time, so that they stay in the processor's cache


class Stored:
    """An array of which shape and type are known, and whose content `fetch` brings."""

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, fetch: Callable[[], np.ndarray]) -> None:
        self.shape, self.dtype, self._fetch = tuple(shape), np.dtype(dtype), fetch

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def T(self) -> Stored:  # noqa: N802 - as NumPy calls it
        return Stored(self.shape[::-1], self.dtype, lambda: turned(np.asarray(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self._fetch()
        return array if dtype is None else array.astype(dtype, copy=False)

    def __getitem__(self, rows: slice) -> Stored:
        """Some of its rows."""
        count = len(range(*rows.indices(self.shape[0])))
        return Stored((count, *self.shape[1:]), self.dtype, lambda: np.asarray(self)[rows])

    def reshape(self, shape: tuple[int, ...]) -> Stored:
        return Stored(shape, self.dtype, lambda: np.asarray(self).reshape(shape))

    def astype(self, dtype: Any) -> Stored:
        return Stored(self.shape, np.dtype(dtype), lambda: np.asarray(self).astype(dtype))

    def view(self, dtype: Any) -> Stored:
        """The same bytes as another type of the same size."""
        return Stored(self.shape, np.dtype(dtype), lambda: np.asarray(self).view(dtype))


Array = np.ndarray | Stored


def is_array(value: object) -> bool:
    return isinstance(value, (np.ndarray, Stored))


def turned(array: np.ndarray) -> np.ndarray:
    """The transposed array, laid out anew; of a large matrix in blocks, which is several times faster."""
    if array.ndim != 2 or array.size < BLOCK**2:
        return np.ascontiguousarray(array.T)
    made = np.empty(array.shape[::-1], array.dtype)
    for row in range(0, array.shape[0], BLOCK):
        for column in range(0, array.shape[1], BLOCK):
            block = array[row : row + BLOCK, column : column + BLOCK]
            made[column : column + BLOCK, row : row + BLOCK] = block.T
    return made


def transposed(array: Array) -> Array:
    """The transposed array, still in its file where it was."""
    return array.T if isinstance(array, Stored) else turned(array)
