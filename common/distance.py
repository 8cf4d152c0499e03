"""How far two stored arrays are apart, read in pieces: whatever their size, a few megabytes of memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

PIECE = 2**17  # elements at a time: both pieces and their difference stay in the processor's cache
SAMPLE = 2**18  # elements that are enough to tell the size of random errors


@dataclass(frozen=True)
class Apart:
    """Root mean squares of a − b and of b, the number of elements, and the share that is not equal.

    NaN where a value is not finite on one side alone; equal values that are not finite are no difference.
    """

    error: float
    size: float
    count: int
    unequal: float

    def relative(self, scale: float = 0.0) -> float:
        """The error by the size of b or by `scale`, whichever is larger."""
        if self.error == 0:
            return 0.0
        size = max(self.size, scale)
        return self.error / size if size else math.inf


def apart(a, b, sample: bool = False) -> Apart:
    """Two data sets or arrays of one shape against each other.

    Args:
        sample: of large arrays, the first examples: enough where only the size of random errors is asked for.
    """
    squares = sizes = 0.0
    unequal = count = 0
    floating = a.dtype.kind == "f" or b.dtype.kind == "f"
    for x, y in _pieces(a, b, sample):
        with np.errstate(invalid="ignore", over="ignore"):
            difference = np.subtract(x, y, dtype=np.float64).reshape(-1)
            found = float(np.dot(difference, difference))
            y64 = y.astype(np.float64, copy=False).reshape(-1)
            sizes += float(np.dot(y64, y64))
        if not math.isfinite(found):
            found = _squares_beside_equal(x.reshape(-1), y.reshape(-1), difference)
        if not floating:
            unequal += int(np.count_nonzero(x != y))
        squares += found
        count += x.size
    if not count:
        return Apart(0.0, 0.0, 0, 0.0)
    return Apart(math.sqrt(squares / count), math.sqrt(sizes / count), count, unequal / count)


def _squares_beside_equal(x: np.ndarray, y: np.ndarray, difference: np.ndarray) -> float:
    """The sum of squares where infinities and NaNs that both have are no difference."""
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    rest = difference[~same]
    return float(np.vdot(rest, rest))


def sampled_error(array: np.ndarray, dataset) -> float:
    """Root mean square of array − dataset, of large ones from their first examples."""
    return apart(array, dataset, sample=True).error


def _pieces(a, b, sample: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pieces of both along the first axis; of a row that is too long, along its own. Of a sample, the first rows."""
    if not a.ndim:
        yield np.asarray(a[()]), np.asarray(b[()])
        return
    width = max(1, a.size // max(1, a.shape[0]))
    rows = max(1, PIECE // width)
    end = min(a.shape[0], -(-SAMPLE // width)) if sample else a.shape[0]
    for at in range(0, end, rows):
        x, y = a[at : min(end, at + rows)], b[at : min(end, at + rows)]
        if x.size <= 2 * PIECE:
            yield x, y
            continue
        x, y = x.reshape(-1), y.reshape(-1)
        for start in range(0, x.size, PIECE):
            yield x[start : start + PIECE], y[start : start + PIECE]
