"""Two sides held together, array by array: the rows of every rung, whoever recorded them and whoever judges."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ...distance import ROUNDOFF, Apart, apart
from ...tolerances import bound
from ...traces.plan import EXACT
from ...traces.reading import Trace, renumbered
from ..facts import About, DiffersFromWitness, Missing, OtherShapes, Place
from ..judge import WITNESS, Bounds, Judge
from ..matching.carry import Carry
from ..row import Row

NUMBERED = ("values", "flow")  # sections whose names are numbers of values
NOWHERE = Apart(math.inf, 0.0, 0, 1.0)
Evidence = Mapping[str, Trace]  # side → what it has shown so far


@dataclass
class Sides:
    """The same pass on both sides: for each its arrays by precision, and who judges them.

    `dtype` is the highest precision that both have, `lower` one that each is held against it in, if any. Errors are
    relative to the witness or, where it says nothing, to the side at place `reference`. `absent`: what is lost of an
    array that the lower precision has not; None: nothing is told of it. `loose` says what in float64 was computed in
    float32 all the same: a key of `wording.ROUNDED`, and the name of a call. `lowered`: what both
    compute in from here on that is lower than `lower`; empty: nothing.
    """

    names: tuple[str, ...]
    runs: tuple[Mapping, ...]
    judge: Judge
    dtype: str = EXACT
    lower: str | None = None
    reference: int = 0
    absent: Apart | None = None
    loose: tuple[str, str] | None = None
    lowered: str = ""

    def loosen(self, what: str, name: str) -> None:
        """From here on nothing can agree better than float32."""
        self.loose = self.loose or (what, name)

    @property
    def main(self) -> tuple:
        """Each side's run in the highest precision."""
        return tuple(runs[self.dtype] for runs in self.runs)

    def row(
        self,
        about: About,
        section: str,
        names: str | Sequence[str | int],
        quantity: str,
        bounds: Bounds | None = None,
        absent_is_zero: bool = False,
    ) -> Row:
        """The row of one array that the sides have in one section, under one name or each under its own.

        Args:
            bounds: what it is held to, where that is not for the judge to say.
            absent_is_zero: an array that one side lacks is held to be zeros, as a gradient that never arrived is.
        """
        each = (names,) * len(self.runs) if isinstance(names, str) else tuple(map(str, names))
        arrays = [run.stored(section, name) for run, name in zip(self.main, each, strict=True)]
        shapes = [array.shape for array in arrays if array is not None]
        if absent_is_zero and shapes:
            arrays = [np.zeros(shapes[0]) if array is None else array for array in arrays]
        given = dict(zip(self.names, arrays, strict=True))
        return self.compared(about, given, quantity, bounds, Place(section, each))

    def carried_rows(self, about: About, section: str, carry: Carry, name: str, quantity: str) -> Iterator[Row]:
        """The rows of one array of the second side, laid out as a weight is: one for each that it is made of."""
        a, b = self.main
        for part, ours, theirs in carry.parts(lambda each: a.array(section, each), b.array(section, name)):
            given = dict(zip(self.names, (ours, theirs), strict=True))
            yield self.compared(
                replace(about, name=part, other_name=name), given, quantity, None, Place(section, (part, name))
            )

    def compared(
        self,
        about: About,
        given: Mapping[str, np.ndarray | None],
        quantity: str,
        bounds: Bounds | None = None,
        place: Place | None = None,
    ) -> Row:
        """The row of arrays that are given: who → what it has, None where it has none.

        With a `place`, what is lost in the lower precision is looked up there.
        """
        row = Row(about, bound64=bound(quantity), quantity=quantity, place=place or Place())
        witness = self.judge.witness(about)
        told = {**witness, **given}
        everyone = {who: array for who, array in told.items() if array is not None}
        shapes = {who: tuple(array.shape) for who, array in everyone.items()}
        if len(everyone) < len(told) or len(set(shapes.values())) > 1:
            missing = tuple(who for who in told if who not in everyone)
            row.error64, row.cause = math.inf, Missing(missing) if missing else OtherShapes(shapes)
            return row
        reference = WITNESS if witness else list(given)[self.reference]
        others = [who for who in everyone if who != reference]
        distances = {who: apart(everyone[who], everyone[reference]) for who in others}
        between = [apart(everyone[others[1]], everyone[others[0]])] if len(others) == 2 else []
        if all(array.dtype.kind != "f" for array in everyone.values()):
            limits, errors = Bounds(0.0, whole=True), [distance.unequal for distance in (*distances.values(), *between)]
        else:
            limits = self._limits(row, next(iter(distances.values()))) if bounds is None else bounds
            errors = [distance.relative(limits.scale) for distance in (*distances.values(), *between)]
        row.error64 = float(np.max(errors)) if errors else 0.0  # not a number, if one is not
        row.bound64, row.below_rounding = limits.bound64, limits.below_rounding
        if witness and not row.same and (limit := row.bound64) is not None:
            wrong = (who for who, error in zip(distances, errors, strict=False) if not error <= limit)
            row.cause = DiffersFromWitness(tuple(wrong))
        if place is not None and self.lower is not None and not (limits.below_rounding or limits.whole):
            self._precision(row, limits)
        return row

    def _limits(self, row: Row, between: Apart) -> Bounds:
        """What the judge says; where float64 was not computed as such, of float32."""
        limits = self.judge.bounds(row, between, "float32" if self.loose and self.dtype == EXACT else self.dtype)
        if not self.lowered or self.lower is None or limits.bound32 is None:
            return limits
        return replace(limits, bound32=limits.bound32 * ROUNDOFF[self.lowered] / ROUNDOFF[self.lower])

    @cached_property
    def _numbers(self) -> list[dict[str, str]]:
        """For each side, the number that a value has in the lower precision where that is another."""
        return [renumbered(runs[self.dtype], runs[self.lower]) for runs in self.runs]

    def _precision(self, row: Row, limits: Bounds) -> None:
        """What each side's lower precision loses against its own exact arrays."""
        lost, worst = {}, {}
        for at, (side, runs) in enumerate(zip(self.names, self.runs, strict=True)):
            section, name = row.place.section, row.place.names[at]
            its = self._numbers[at].get(name, name) if section in NUMBERED else name
            exact, single = runs[self.dtype].stored(section, name), runs[self.lower].stored(section, its)
            if exact is None or single is None or exact.shape != single.shape:
                lost[side] = runs[self.lower].lost(section, its) or self.absent
            elif single.dtype.kind == "f":
                in_memory = isinstance(single, np.ndarray)
                lost[side] = apart(single, exact, sample=not in_memory)
                worst |= {side: _worst(single, exact)} if in_memory else {}
        if len(lost) < len(self.names) or None in lost.values():
            return
        errors = {side: distance.relative(limits.scale) for side, distance in lost.items()}
        row.bound32 = None if limits.few else limits.bound32
        if not limits.cancels or any(not error <= limits.bound32 for error in errors.values()):
            row.error32, row.worst = errors, worst
            dtype = self.lowered or self.lower
            row.ulp = {side: distance.ulps(dtype) for side, distance in lost.items() if distance.size}


def sides_of(
    evidence: Evidence, judge: Judge, dtype: str = EXACT, lower: str | None = None, mode: str = "train"
) -> Sides:
    """The two realisations of a recipe in one mode: an array that is not there is as wrong as can be."""
    runs = tuple(trace.in_mode(mode) for trace in evidence.values())
    return Sides(tuple(evidence), runs, judge, dtype, lower, absent=NOWHERE)


def names_of(*traces: Iterable[str]) -> list[str]:
    """Every name of several traces, in the order of the first that has it."""
    return list(dict.fromkeys(name for trace in traces for name in trace))


def _worst(array: np.ndarray, exact: np.ndarray) -> str:
    """Index of the worst element, with what it should be and is."""
    error = np.abs(np.asarray(array, np.float64) - exact)
    if not error.size:
        return ""
    place = np.unravel_index(int(np.argmax(np.where(np.isnan(error), np.inf, error))), error.shape)
    where = ", ".join(map(str, map(int, place)))
    return f"[{where}] {float(exact[place]):.9g} as {float(np.asarray(array)[place]):.9g}"
