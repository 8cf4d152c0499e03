"""Which value of one pass is which value of another: by what they hold, whatever their layout, name and maker.

A fingerprint does not depend on the order of the elements and finds candidates; the elements then confirm them, up to a
reshape and a permutation of axes, or of parts of axes. Not up to a flip: that would explain `cat([b, a])` away. Equal
to a tolerance that is far above rounding and far below chance: it says which is which, not whether they agree.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...tolerances import bound
from .layouts import Layout, layout_between

SAME = bound("same value")
Key = Any  # what a caller calls its values by


@dataclass(frozen=True)
class Fingerprint:
    """What is known of an array whatever the order of its elements; in float64, of the finite ones.

    Attributes:
        odd: how many elements are −∞, ∞ and NaN. largest: max |x|. mean, top, bottom: by `largest`; rms: as it is.
        constant: whether all elements are one number: such an array tells nothing of where it comes from.
    """

    count: int
    odd: tuple[int, int, int]
    rms: float
    mean: float
    top: float
    bottom: float
    largest: float
    constant: bool

    @property
    def finite(self) -> bool:
        return not any(self.odd)

    def may_be(self, other: Fingerprint, tolerance: float = SAME) -> bool:
        """Whether an array of the other fingerprint may hold the same elements."""
        if (self.count, self.odd, self.constant) != (other.count, other.odd, other.constant):
            return False
        room = 2 * tolerance
        return (
            abs(self.rms - other.rms) <= room * self.largest
            and abs(self.mean - other.mean) <= room
            and abs(self.top - other.top) <= room
            and abs(self.bottom - other.bottom) <= room
        )


def fingerprint(array: np.ndarray) -> Fingerprint:
    """The fingerprint of an array of numbers or truth values."""
    x = np.asarray(array)
    if x.dtype.kind == "c":
        x = np.stack([np.real(x), np.imag(x)])
    x = x.astype(np.float64, copy=False).reshape(-1)
    count, odd = x.size, (0, 0, 0)
    with np.errstate(all="ignore"):
        squares = float(np.dot(x, x))
    if not math.isfinite(squares):
        odd = int(np.sum(x == -np.inf)), int(np.sum(x == np.inf)), int(np.sum(np.isnan(x)))
        x = x[np.isfinite(x)]
    if not x.size:
        return Fingerprint(count, odd, 0.0, 0.0, 0.0, 0.0, 0.0, True)
    top, bottom = float(x.max()), float(x.min())
    largest = max(abs(top), abs(bottom))
    size = largest or 1.0
    if math.isfinite(squares):
        rms, mean = math.sqrt(squares / x.size), float(x.sum()) / x.size / size
    else:
        scaled = x / size
        rms, mean = size * math.sqrt(float(np.dot(scaled, scaled)) / x.size), float(scaled.sum()) / x.size
    return Fingerprint(count, odd, rms, mean, top / size, bottom / size, largest, top == bottom and not any(odd))


class ValueTable:
    """Many values by what they hold.

    Args:
        load: reads the array of a value again, to confirm a candidate.
    """

    def __init__(self, load: Callable[[Key], np.ndarray], tolerance: float = SAME) -> None:
        self.load, self.tolerance = load, tolerance
        self.prints: dict[Key, Fingerprint] = {}
        self._buckets: dict[tuple, list[tuple[float, int, Key]]] = {}

    def add(self, key: Key, array: np.ndarray | Fingerprint) -> Fingerprint:
        """Hold one more value; its fingerprint may be given instead of the array."""
        made = array if isinstance(array, Fingerprint) else fingerprint(array)
        insort(self._buckets.setdefault((made.count, made.odd), []), (made.rms, len(self.prints), key))
        self.prints[key] = made
        return made

    def candidates(self, made: Fingerprint) -> Iterator[Key]:
        """Values that may hold the same elements, in the order in which they were added."""
        bucket, room = self._buckets.get((made.count, made.odd), []), 2 * self.tolerance * made.largest
        start = bisect_left(bucket, made.rms - room, key=lambda entry: entry[0])
        near = []
        for entry in bucket[start:]:
            if entry[0] > made.rms + room:
                break
            near.append(entry)
        for _, _, key in sorted(near, key=lambda entry: entry[1]):
            if made.may_be(self.prints[key], self.tolerance):
                yield key

    def found(self, array: np.ndarray, made: Fingerprint | None = None) -> Iterator[tuple[Key, Layout]]:
        """The values that hold the same elements, each with its layout in terms of that one: `layout.of(value)` has the
        order of `array`. Nothing is found for a constant array."""
        made = made or fingerprint(array)
        if made.constant or not made.count:
            return
        for key in self.candidates(made):
            layout = layout_between(self.load(key), array, self.tolerance)
            if layout is not None:
                yield key, layout

    def find(self, array: np.ndarray) -> list[Key]:
        """The values that hold the same elements as an array."""
        return [key for key, _ in self.found(array)]


@dataclass
class ValueClass:
    """Values of both sides that hold the same elements. A class with members on both sides is a cut.

    Attributes:
        members: value → its layout in terms of the first member. distance: the largest |a − b| by the largest |a|,
            between the first member of either side.
    """

    members: tuple[dict[int, Layout], dict[int, Layout]] = field(default_factory=lambda: ({}, {}))
    distance: float = 0.0

    @property
    def cut(self) -> bool:
        return all(self.members)


class Pairing:
    """The classes of two passes.

    Args:
        loads: read one value of either side; each is read once, and again where it is confirmed.

    Attributes:
        of: for each side, value → place of its class; constant arrays have none, and what was never added.
    """

    def __init__(self, loads: Sequence[Callable[[int], np.ndarray | None]], tolerance: float = SAME) -> None:
        self.loads = loads
        self.classes: list[ValueClass] = []
        self.of: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self._table = ValueTable(self._load, tolerance)
        self._places: dict[Key, int] = {}

    def add(self, side: int, number: int) -> None:
        """Put one value of a side into its class; those of the first side must all be added first."""
        array = self.loads[side](number)
        made = None if array is None else fingerprint(array)
        if array is None or made is None or made.constant or not made.count:
            return
        key, layout = next(self._table.found(array, made), (None, None))
        if key is None or layout is None:
            key, layout = (side, number), Layout.same(array.shape)
            self._table.add(key, made)
            self._places[key] = len(self.classes)
            self.classes.append(ValueClass())
        known = self.classes[self._places[key]]
        if side and not known.members[1] and known.members[0]:
            known.distance = distance(layout.of(self._load(key)), array)
        known.members[side][number] = layout
        self.of[side][number] = self._places[key]

    def place_of(self, array: np.ndarray) -> tuple[int | None, float]:
        """The class that an array belongs to, which is not added, and how far it is from the class's first member."""
        key, layout = next(self._table.found(array), (None, None))
        if key is None or layout is None:
            return None, 0.0
        return self._places[key], distance(layout.of(self._load(key)), array)

    def _load(self, key: tuple[int, int]) -> np.ndarray:
        array = self.loads[key[0]](key[1])
        assert array is not None, f"value {key} was there when it was added"
        return array

    def class_of(self, side: int, number: int) -> ValueClass | None:
        place = self.of[side].get(number)
        return None if place is None else self.classes[place]

    def is_cut(self, side: int, number: int) -> bool:
        known = self.class_of(side, number)
        return known is not None and known.cut

    def partners(self, side: int, number: int) -> dict[int, Layout]:
        """The values of the other side that hold the same elements."""
        known = self.class_of(side, number)
        return {} if known is None else known.members[1 - side]


def pair_values(
    a: Callable[[int], np.ndarray | None],
    b: Callable[[int], np.ndarray | None],
    numbers: tuple[Iterable[int], Iterable[int]],
    tolerance: float = SAME,
) -> Pairing:
    """Find the classes of two passes.

    Args:
        a, b: read one value of either side.
        numbers: of the values of either side that may be paired, in the order of execution; not those of weights.
    """
    pairing = Pairing((a, b), tolerance)
    for side in (0, 1):
        for number in numbers[side]:
            pairing.add(side, number)
    return pairing


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """The largest |a − b| by the largest |a|, of arrays that have one order; equal infinities and NaNs are equal."""
    x, y = (np.asarray(array).reshape(-1) for array in (a, b))
    if x.dtype.kind not in "fc":
        x, y = x.astype(np.float64), y.astype(np.float64)
    with np.errstate(all="ignore"):
        apart = np.abs(x - y)
    finite = np.isfinite(apart)
    if not finite.all():
        odd = ~finite
        if not np.all((x[odd] == y[odd]) | (np.isnan(x[odd]) & np.isnan(y[odd]))):
            return float("inf")
        apart, x = apart[finite], x[finite]
    largest = float(np.abs(x).max(initial=0.0))
    return float(apart.max(initial=0.0)) / largest if largest else float(apart.max(initial=0.0))
