"""Two traced passes held together, array by array: the rows of every rung."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from ...distance import ROUNDOFF, Apart, apart
from ...traces.reading import Run
from ..row import Row
from ..tolerances import bound

EXACT = "float64"
FEW = 16  # elements
MOMENT_SHARE = {"first": ("beta1", 0.9), "second": ("beta2", 0.999), "square": ("alpha", 0.99)}
KINKED = ("relu", "relu6", "leaky_relu", "prelu", "elu", "celu", "selu", "hardtanh", "hardswish", "hardsigmoid", "abs")
POOLS = tuple(f"{kind}{n}d" for kind in ("max_pool", "adaptive_max_pool") for n in (1, 2, 3))


@dataclass
class CallRow(Row):
    """A row of one call. `inherited` is the error of its inputs; `own` says that they agree and the output does not;
    `own_error`, where it was measured, is what its call makes of its counterpart's very inputs. `noise`: its true value
    is so near zero that rounding, not the table, says how far the sides may be apart: such errors are judged, and not
    told as figures.

    `place` tells the pair of calls apart; `where` is the user's line on each side.
    """

    inherited: float | None = None
    own: bool = False
    own_error: float | None = None
    noise: bool = False
    place: int = -1
    where: tuple[str, str] = ("", "")


@dataclass
class Sides:
    """The same mode of both traces: for each side its runs by precision and what rounding explains of it.

    `dtype` is the highest precision that both have; `loose` says what in it was computed in float32.
    """

    names: tuple[str, str]
    runs: tuple[Mapping[str, Run], Mapping[str, Run]]
    rounding: tuple[Mapping, Mapping]
    rounding64: tuple[Mapping, Mapping]
    dtype: str
    loose: str = ""
    largest: dict[str, float] = field(default_factory=dict)

    @property
    def main(self) -> tuple[Run, Run]:
        return self.runs[0][self.dtype], self.runs[1][self.dtype]

    @property
    def lower(self) -> str | None:
        """The precision that is held against the exact one on each side."""
        return "float32" if self.dtype == EXACT and all("float32" in runs for runs in self.runs) else None

    def explained(self, section: str, names: tuple[str, str], tried: tuple[Mapping, Mapping] | None = None) -> float:
        """What rounding, made larger, did to an array: absolute, as root mean square; 0 where nobody tried."""
        sides = self.rounding if tried is None else tried
        return max(
            (float(side.get(section, {}).get(name, 0.0)) for side, name in zip(sides, names, strict=True)),
            default=0.0,
        )

    def row(
        self, section: str, names: tuple[str | int, str | int], shown: str, quantity: str, absent_is_zero: bool = False
    ) -> CallRow:
        """The row of one array that both have under their own names.

        Args:
            absent_is_zero: an array that one side lacks is held to be zeros, as a gradient that never arrived is.
        """
        names = (str(names[0]), str(names[1]))
        a, b = (run.stored(section, name) for run, name in zip(self.main, names, strict=True))
        if absent_is_zero and (a is None) != (b is None):
            a, b = (np.zeros(b.shape) if a is None else a), (np.zeros(a.shape) if b is None else b)
        row = CallRow(shown)
        if a is None or b is None or a.shape != b.shape:
            row.error64, row.bound64 = float("inf"), bound(quantity)
            row.remark = _unlike(self.names, a, b)
            return row
        between = apart(a, b)
        if "f" not in (a.dtype.kind, b.dtype.kind):
            row.error64, row.bound64 = between.unequal, 0.0
            return row
        self._judge(row, between, section, names, quantity)
        return row

    def _judge(self, row: CallRow, between: Apart, section: str, names: tuple[str, str], quantity: str) -> None:
        """Errors and bounds of one array. What rounding explains in float64 was tried, where steps were taken: Adam
        brings tiny gradients to full size, so that float32 tells nothing of it; else it scales with the precision.
        """
        explained, exactly = self.explained(section, names), self.explained(section, names, self.rounding64)
        size = between.size
        explained += self._of_constants(section) * size
        room = bound("rounding, room" if between.count >= FEW else "rounding, room of few elements")
        unit = ROUNDOFF[self.dtype if self.dtype in ROUNDOFF and self.dtype != EXACT else "float32"]
        # One rounding of the result itself is always explained.
        allowed32 = room * max(explained, unit * size)
        exact = self.dtype == EXACT and not self.loose
        least, beside = exactly or max(explained, unit * size) * ROUNDOFF[EXACT] / unit, self._beside(section, size)
        room64 = bound("rounding, room in float64")
        allowed = max(bound(quantity) * size, room64 * (least + beside)) if exact else 2 * allowed32
        beside = 0.0 if section.startswith("weights") else beside  # there it is a limit, and says nothing of the value
        row.noise = exact and least + beside > bound(quantity) * size
        # A true zero that rounding fills, such as the gradient of a bias before a batch norm, has no size of its own.
        scale = max(size, explained)
        if not exact and quantity == "float64 forward":
            # What changes more from pass to pass than this is random, or cannot be compared.
            allowed = min(allowed, bound("forward, at most") * scale)
        row.error64 = between.relative(scale)
        row.bound64 = allowed / scale if scale else 0.0
        if self.lower is not None and not row.noise:
            self._precision(row, section, names, allowed32, (size, scale))
            if between.count < FEW:  # one random draw says too little of a handful of elements: shown, not judged
                row.bound32 = None

    def _precision(
        self, row: CallRow, section: str, names: tuple[str, str], allowed: float, sizes: tuple[float, float]
    ) -> None:
        """What each side's float32 loses against its own float64.

        Args:
            sizes: of the values themselves, and what their errors are held against.
        """
        size, scale = sizes
        found = {}
        for side, runs, name in zip(self.names, self.runs, names, strict=True):
            found[side] = self._lost(runs, section, name)
            if found[side] is None:
                return
        row.bound32 = allowed / scale if scale else 0.0
        errors = {side: one.relative(scale) for side, one in found.items()}
        if scale == size or any(not error <= row.bound32 for error in errors.values()):
            row.error32 = errors  # the relative error of a true zero says nothing, unless it is too large
            row.ulp = {side: one.ulps() for side, one in found.items() if one.size}

    def _lost(self, runs: Mapping[str, Run], section: str, name: str) -> Apart | None:
        """An array's lower precision against its exact one; None where either is missing or has another shape."""
        exact, single = (runs[dtype].stored(section, name) for dtype in (EXACT, self.lower))
        if single is None:
            return runs[self.lower].lost(section, name)
        if exact is None or exact.shape != single.shape or single.dtype.kind != "f":
            return None
        return apart(single, exact, sample=True)

    def _beside(self, section: str, size: float) -> float:
        """One rounding in float64 of the largest gradient so far: where a gradient is truly zero, it is what is left of
        larger ones that cancel, and how much is left depends on the order of a framework's sums. Of weights, what an
        optimiser that divides by its size makes of that.
        """
        key = section.partition("/")[0]
        if key not in ("flow", "gradients", "moments", "weights"):
            return 0.0
        if key == "weights":
            told = self.main[0].note("optimiser") or {}
            slope = float(told.get("lr", 1e-3)) / max(float(told.get("eps", 1.0)), 1e-30)
            return slope * ROUNDOFF[EXACT] * self.largest.get("gradients", 0.0)
        name = key if key != "moments" else section.rpartition("/")[2]
        self.largest[name] = max(self.largest.get(name, 0.0), size)
        return ROUNDOFF[EXACT] * self.largest[name]

    def _of_constants(self, section: str) -> float:
        """The relative error that an optimiser's own numbers bring in float32: 1 − 0.999 keeps four digits of seven."""
        moment = MOMENT_SHARE.get(section.rpartition("/")[2]) if section.startswith("moments/") else None
        if moment is None:
            return 0.0
        told = (self.main[0].note("optimiser") or {}) | (self.main[1].note("optimiser") or {})
        return ROUNDOFF["float32"] / max(1 - float(told.get(moment[0], moment[1])), ROUNDOFF["float32"])


def _unlike(names: tuple[str, str], a, b) -> str:
    if a is None or b is None:
        return f"{names[0] if a is None else names[1]} has none"
    return f"{names[0]} {list(a.shape)}, {names[1]} {list(b.shape)}"


def excuse_kinks(sides: Sides, rows: list, pairs: list) -> None:
    """Where float32 falls on the other side of a kink, its gradients jump: such a row is shown, and not judged.

    That it did is looked up: signs before a ReLU, and the elements that a maximum was taken from, against float64.
    """
    broken = [row for row in rows if not row.precise]
    if not broken or sides.lower is None:
        return
    crossed = {
        side: _crossed(sides.runs[at], sides.lower, [(pair.a, pair.b)[at] for pair in pairs])
        for at, side in enumerate(sides.names)
    }
    for row in broken:
        guilty = [side for side, error in row.error32.items() if not error <= row.bound32]
        if all(crossed[side] for side in guilty):
            count = " and ".join(f"{crossed[side]} in {side}" for side in guilty)
            row.bound32 = None
            row.remark = row.remark or f"float32 crosses kinks of activations ({count})"


def _crossed(runs: Mapping[str, Run], lower: str, calls: list) -> int:
    """How many elements lie on the other side of a kink, or are another maximum, than in float64."""
    total = 0
    for call in calls:
        section = "values" if call.kind in KINKED else "flow" if call.kind in POOLS else None
        if section is None or not call.inputs:
            continue
        a, b = (runs[dtype].array(section, call.inputs[0][1]) for dtype in (EXACT, lower))
        if a is not None and b is not None and a.shape == b.shape:
            total += int(np.count_nonzero((a > 0) != (b > 0) if section == "values" else (a != 0) != (b != 0)))
    return total


def of_both(names_a: list[str], to_b: Mapping[str, str], names_b: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of canonical names that are there on either side."""
    there = set(names_b)
    for name in names_a:
        if name in to_b:
            yield name, to_b[name]
            there.discard(to_b[name])
    back = {y: x for x, y in to_b.items()}
    for name in names_b:
        if name in there and name in back:
            yield back[name], name
