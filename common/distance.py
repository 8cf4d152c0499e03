"""How far two arrays are apart: absolutely, by their size, and in units of the last place.

They are read in pieces, so that whatever their size, in memory or in a file, it costs a few megabytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .errors import BadInput

if TYPE_CHECKING:
    import h5py

ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24, "tf32": 2.0**-11, "float16": 2.0**-11, "bfloat16": 2.0**-8}
PIECE = 2**17  # elements at a time: both pieces and their difference stay in the processor's cache
SAMPLE = 2**18  # elements that are enough to tell the size of random errors


@dataclass(frozen=True)
class Apart:
    """Root mean squares of a − b and of b, the number of elements, and the share that is not equal.

    NaN where a value is not finite on one side alone. Equal values that are not finite are no difference; of equal
    infinities the size says nothing.
    """

    error: float
    size: float
    count: int
    unequal: float

    def relative(self, scale: float = 0.0) -> float:
        """The error by the size of b or by `scale`, whichever is larger; NaN where b has NaNs."""
        if self.error == 0:
            return 0.0 if not math.isnan(self.size) else math.nan
        size = max(self.size, scale)
        return self.error / size if size else math.inf

    def ulps(self, dtype: str = "float32") -> float:
        """The error in units of the dtype's last place at the size of b; as it is where it is 0 or not finite."""
        if self.error == 0 or not math.isfinite(self.error):
            return self.error
        if not (math.isfinite(self.size) and self.size):
            return math.nan if self.size else math.inf
        return self.error / (2 * unit_roundoff(dtype) * 2.0 ** math.floor(math.log2(self.size)))


def apart(a: np.ndarray | h5py.Dataset, b: np.ndarray | h5py.Dataset, sample: bool = False) -> Apart:
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
            total = float(np.dot(difference, difference))
            y64 = y.astype(np.float64, copy=False).reshape(-1)
            size = float(np.dot(y64, y64))
        if not math.isfinite(total):
            total, size = _squares_beside_equal(x.reshape(-1), y.reshape(-1), difference, y64)
        if not floating:
            unequal += int(np.count_nonzero(x != y))
        squares, sizes = squares + total, sizes + size
        count += x.size
    if not count:
        return Apart(0.0, 0.0, 0, 0.0)
    return Apart(math.sqrt(squares / count), math.sqrt(sizes / count), count, unequal / count)


def _squares_beside_equal(x: np.ndarray, y: np.ndarray, difference: np.ndarray, y64: np.ndarray) -> tuple[float, float]:
    """Sums of squares of the difference and of y: infinities that both have are no difference, and no size; NaNs that
    both have are no difference, but leave no size to hold others against."""
    infinite = (x == y) & np.isinf(y64)
    rest, sizes = difference[~(infinite | (np.isnan(x) & np.isnan(y)))], y64[~infinite]
    with np.errstate(invalid="ignore", over="ignore"):
        return float(np.dot(rest, rest)), float(np.dot(sizes, sizes))


def sampled_error(array: np.ndarray, dataset: np.ndarray | h5py.Dataset) -> float:
    """Root mean square of array − dataset, of large ones from their first examples."""
    return apart(array, dataset, sample=True).error


def relative_error(a: np.ndarray | None, b: np.ndarray | None, scale: float = 0.0) -> float:
    """‖a − b‖ / ‖b‖ in float64, or by `scale` where that, as a root mean square, is larger.

    0 for equal arrays, also for zeros; infinite for one that is missing or has another shape, or where b is 0; NaN if a
    value is not finite.
    """
    if a is None or b is None or np.shape(a) != np.shape(b):
        return math.inf
    a, b = np.asarray(a), np.asarray(b)
    if np.array_equal(a, b):
        return 0.0
    distance = apart(a, b)
    return distance.relative(scale) if math.isfinite(distance.size) else math.nan


def ulps(measured: np.ndarray, exact64: np.ndarray, dtype: str = "float32") -> float:
    """Root mean square of the error, in units of the dtype's last place at the root mean square of the exact values.

    0 for equal arrays; inf for an error where every exact value is 0, NaN if a value is not finite.
    """
    distance = apart(np.asarray(measured), np.asarray(exact64))
    return distance.ulps(dtype) if math.isfinite(distance.size) and math.isfinite(distance.error) else math.nan


def unit_roundoff(dtype: str) -> float:
    """The largest relative error of one rounding to nearest: 2^−p for p binary digits.

    Raises:
        BadInput: a dtype other than float64, float32, tf32, float16, bfloat16.
    """
    if dtype not in ROUNDOFF:
        raise BadInput(f"there is no rounding rule for {dtype!r}; give one of {', '.join(ROUNDOFF)}")
    return ROUNDOFF[dtype]


def root_mean_square(values: np.ndarray) -> float:
    """√mean(values²); 0 for an empty array."""
    values = np.asarray(values, np.float64)
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0


def _pieces(
    a: np.ndarray | h5py.Dataset, b: np.ndarray | h5py.Dataset, sample: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pieces of both along the first axis; of a row that is too long, along its own. Of a sample, the first rows."""
    if not a.ndim:
        yield np.asarray(a[()]), np.asarray(b[()])
        return
    width = max(1, math.prod(a.shape[1:]))
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
