"""In which order one array holds the elements of another: the same, axes permuted, or parts of axes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations

import numpy as np

from ...tolerances import bound

SAMPLES = 64  # elements that are looked at before all are
MOST_AXES = 6  # whose permutations are tried: 720
LARGEST_SORTED = 2**21  # elements: beyond it, parts of axes are not looked for


@dataclass(frozen=True)
class Layout:
    """`b` is `a.reshape(split).transpose(order).reshape(shape)`."""

    shape: tuple[int, ...]
    split: tuple[int, ...] = ()
    order: tuple[int, ...] = ()

    @classmethod
    def same(cls, shape: tuple[int, ...]) -> Layout:
        return cls(tuple(shape))

    @property
    def in_order(self) -> bool:
        """Whether the elements come in one order, whatever the shape."""
        return self.order == tuple(range(len(self.order)))

    def of(self, array: np.ndarray) -> np.ndarray:
        """The elements of `a` as `b` has them."""
        if self.in_order:
            return np.asarray(array).reshape(self.shape)
        return np.asarray(array).reshape(self.split).transpose(self.order).reshape(self.shape)


def layout_between(a: np.ndarray, b: np.ndarray, tolerance: float = bound("same value")) -> Layout | None:
    """How `b` holds the elements of `a`, or None where it does not, to `tolerance` by the largest |a|.

    Whole numbers and truth values are only looked for in one order: they are too few to tell orders apart. Equal
    infinities and NaNs are equal.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.size != b.size:
        return None
    if not a.size:
        return Layout(b.shape) if a.shape == b.shape else None
    x, y = a.reshape(-1), b.reshape(-1)
    room = tolerance * _largest(x)
    if _equal(x, y, room):
        return Layout(b.shape)
    if a.dtype.kind not in "fc" or b.dtype.kind not in "fc":
        return None
    at = _samples(a.size)
    wanted = y[at]
    for split, order in _orders(a.shape, b.shape):
        if _equal(x[_places(at, split, order)], wanted, room):
            layout = Layout(b.shape, split, order)
            if _equal(layout.of(a).reshape(-1), y, room):
                return layout
    found = _by_sorting(x, y, room) if a.size <= LARGEST_SORTED else None
    return None if found is None else Layout(b.shape, *found)


def _largest(x: np.ndarray) -> float:
    if x.dtype.kind not in "fc":
        return float(max(abs(int(x.max())), abs(int(x.min()))))
    sizes = np.abs(x)
    largest = float(sizes.max())
    return largest if math.isfinite(largest) else float(sizes[np.isfinite(sizes)].max(initial=0.0))


def _equal(x: np.ndarray, y: np.ndarray, room: float) -> bool:
    if x.dtype.kind == "b" or y.dtype.kind == "b":
        return bool(np.array_equal(x, y))
    with np.errstate(all="ignore"):
        near = np.abs(x - y) <= room
    if near.all():
        return True
    far_x, far_y = x[~near], y[~near]
    return bool(np.all((far_x == far_y) | ((far_x != far_x) & (far_y != far_y))))


@lru_cache(maxsize=256)
def _samples(count: int) -> np.ndarray:
    return np.unique(np.random.default_rng(count).integers(0, count, SAMPLES)) if count > SAMPLES else np.arange(count)


def _places(at: np.ndarray, split: tuple[int, ...], order: tuple[int, ...]) -> np.ndarray:
    """Places in a of the elements that come at `at` once its axes are permuted."""
    strides = [math.prod(split[axis + 1 :]) for axis in range(len(split))]
    places, rest = np.zeros_like(at), at
    for axis in reversed(order):
        rest, digit = np.divmod(rest, split[axis])
        places += digit * strides[axis]
    return places


def _orders(a: tuple[int, ...], b: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Permutations of a's axes, and of axes of a that become b's when they are permuted."""
    tried = set()
    for shape, inverse in ((_wide(a), False), (_wide(b), True)):
        if 2 <= len(shape) <= MOST_AXES:
            for order in list(permutations(range(len(shape))))[1:]:
                split, made = (shape, order) if not inverse else (_taken(shape, order), _inverse(order))
                if (split, made) not in tried:
                    tried.add((split, made))
                    yield split, made


def _wide(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without the axes of one element."""
    return tuple(length for length in shape if length != 1)


def _taken(shape: tuple[int, ...], order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(shape[axis] for axis in order)


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(place) for place in np.argsort(order))


def _by_sorting(x: np.ndarray, y: np.ndarray, room: float) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Split and order where parts of axes are permuted, of elements that are all different numbers."""
    from_x, from_y = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    low, high = x[from_x], y[from_y]
    if not np.all(np.isfinite(low)) or not _equal(low, high, room) or np.any(np.diff(low) <= 2 * room):
        return None
    places = np.empty(x.size, np.int64)
    places[from_y] = from_x
    return _as_axes(places)


def _as_axes(places: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Split and order of a permutation that is one of axes: read from the strides of its innermost axis outwards."""
    lengths, strides, block = [], [], 1
    while block < places.size:
        heads = places[::block]
        stride = int(heads[1])
        steady = heads == np.arange(heads.size) * stride
        length = heads.size if steady.all() else int(np.argmin(steady))
        if stride < 1 or length < 2 or heads.size % length:
            return None
        lengths.append(length)
        strides.append(stride)
        block *= length
    outer_first = sorted(range(len(lengths)), key=lambda axis: -strides[axis])
    split = tuple(lengths[axis] for axis in outer_first)
    order = tuple(outer_first.index(axis) for axis in reversed(range(len(lengths))))
    if math.prod(split) != places.size or len(order) > 32:
        return None
    return (split, order) if np.array_equal(_places(np.arange(places.size), split, order), places) else None
