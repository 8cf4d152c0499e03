"""Comparing arrays by name: one row for each name, with the errors in float64 and in float32 and their bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from ..distance import relative_error, ulps

WITNESS = "witness"


@dataclass
class Row:
    """What was found for one name.

    Errors are ‖a − b‖ / max(‖b‖, scale). `error64` is the largest between any two of the sides and the witness;
    `error32` is that of each side's float32 against its own float64, `ulp` the same in units of the last place, and
    `worst` its worst element; on the rung of a lower precision they are of that one, not of float32. A bound of None:
    shown, not judged. `remark` says who differs, or what is missing.
    """

    name: str
    error64: float | None = None
    bound64: float | None = None
    error32: dict[str, float] = field(default_factory=dict)
    bound32: float | None = None
    ulp: dict[str, float] = field(default_factory=dict)
    worst: dict[str, str] = field(default_factory=dict)
    remark: str = ""

    @property
    def same(self) -> bool:
        """Whether the mathematics agrees. An error that is not a number does not."""
        return self.error64 is None or self.bound64 is None or self.error64 <= self.bound64

    @property
    def precise(self) -> bool:
        """Whether rounding explains what float32 loses, on both sides."""
        return self.bound32 is None or all(error <= self.bound32 for error in self.error32.values())

    @property
    def ok(self) -> bool:
        return self.same and self.precise


def arrays_row(
    name: str,
    exact: Mapping[str, np.ndarray | None],
    bound64: float | None,
    single: Mapping[str, np.ndarray | None] | None = None,
    bound32: float | None = None,
    scale: float = 0.0,
    dtype: str = "float32",
) -> Row:
    """The row of one name.

    Args:
        exact: who → its float64 array, None where it has none; the witness, where it says something, among them.
        single: side → its array in `dtype`.
        scale: as a root mean square, what an error is judged against where the true values are smaller.
    """
    row = Row(name, bound64=bound64, bound32=bound32)
    reference = WITNESS if WITNESS in exact else next(iter(exact))
    others = [who for who in exact if who != reference]
    apart = {who: relative_error(exact[who], exact[reference], scale) for who in others}
    between = [relative_error(exact[others[1]], exact[others[0]], scale)] if len(others) == 2 else []
    row.error64 = _largest([*apart.values(), *between])
    if not row.same:
        row.remark = _remark(exact, apart, bound64, reference)
    for side, array in (single or {}).items():
        own = exact.get(side)
        row.error32[side] = relative_error(array, own, scale)
        if array is not None and own is not None and np.shape(array) == np.shape(own):
            row.ulp[side] = ulps(array, own, dtype)
            row.worst[side] = _worst(array, own)
    return row


def _largest(errors: list[float]) -> float:
    """The largest; NaN if one is."""
    return float(np.max(errors)) if errors else 0.0


def _remark(exact: Mapping, apart: Mapping[str, float], bound: float, reference: str) -> str:
    missing = [who for who, array in exact.items() if array is None]
    if missing:
        return f"{' and '.join(missing)} has none"
    shapes = {who: tuple(np.shape(array)) for who, array in exact.items()}
    if len(set(shapes.values())) > 1:
        return ", ".join(f"{who} {shape}" for who, shape in shapes.items())
    if reference != WITNESS:
        return ""
    wrong = [who for who, error in apart.items() if not error <= bound]
    return f"{' and '.join(wrong)} differs from the NumPy witness" if wrong else "the frameworks differ from each other"


def _worst(array: np.ndarray, own: np.ndarray) -> str:
    """Index of the worst element, with what it should be and is."""
    error = np.abs(np.asarray(array, np.float64) - own)
    if not error.size:
        return ""
    place = np.unravel_index(int(np.argmax(np.where(np.isnan(error), np.inf, error))), error.shape)
    where = ", ".join(map(str, map(int, place)))
    return f"[{where}] {float(own[place]):.9g} as {float(np.asarray(array)[place]):.9g}"
