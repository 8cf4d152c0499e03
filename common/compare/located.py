"""What was located, told in the rows of a comparison: which part by themselves, which inherit it, which rewrite."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..tolerances import bound
from ..traces.reading import Call, Run, Trace
from ..traces.writing import safe
from .facts import (
    About,
    Cause,
    Comes,
    OneSided,
    OtherGiven,
    OtherOperations,
    OtherPlace,
    OtherShapes,
    OtherSteps,
    Place,
    Rearranged,
)
from .matching.calls import CallPair, call_name
from .models import Comparison
from .regions import faults as how
from .regions.cuts import Cuts
from .regions.ends import fold
from .regions.faults import Fault, Located
from .regions.locate import locate
from .regions.second_side import Again, made_of
from .row import Row
from .verdict import Rung

QUANTITY = "float64 forward"
MOST_KEPT = 16  # outputs that are kept to be explained
MOST_BYTES = 2**28  # of one of them
Parted = tuple[list[tuple[int, int]], set[tuple[int, int]]]  # ends that part; values that a judge takes for equal


def parted(rung: Rung) -> Parted | None:
    """What a forward pass that does not agree is to be searched with; None where it agrees, or holds NaNs."""
    if all(row.same for row in rung.rows) or math.isnan(rung.rows[0].error64 or 0.0):
        return None
    pairs = [(row, tuple(map(int, row.place.names))) for row in rung.rows if row.place.section == "values"]
    ends = [(x, y) for row, (x, y) in pairs if row.about.what == "output" and not row.same]
    return ends, {(x, y) for row, (x, y) in pairs if row.same}


def located(
    runs: tuple[Run, Run],
    given: Parted,
    pairs: Sequence[CallPair],
    again: Again | None = None,
    kept: Path | None = None,
) -> Located:
    """Where two passes part.

    Args:
        again: makes calls of the second one again.
        kept: a file for what calls at fault make of the first side's inputs.
    """
    ends, excused = given
    cuts = Cuts(*runs, excused, inside=True)
    if not ends:  # they agree, and what they come from did not on its way
        jumped = [cuts.pairing.classes[place].members for place in cuts.jumps]
        ends = [(min(first), min(second)) for first, second in jumped]
    found = locate(cuts, ends, pairs, again)
    if again is not None and kept is not None:
        _keep(runs, found, again, kept)
    return found


def _keep(runs: tuple[Run, Run], found: Located, again: Again, path: Path) -> None:
    """Write what each call that is a fault on its own makes of the very inputs of its counterpart."""
    import h5py

    calls = [{call.index: call for call in run.every_call} for run in runs]
    with h5py.File(path, "a") as file:
        group = file.require_group(runs[1].mode)
        for fault in found.faults:
            if fault.how not in (how.SAME_CALL, how.OTHER_STEPS) or any(len(side) != 1 for side in fault.calls):
                continue
            a, b = (each[side[0]] for each, side in zip(calls, fault.calls, strict=True))
            for at, array in enumerate(made_of(runs[0], a, b, again) or []):
                name = safe(f"{b.index}.{at}")
                if len(group) < MOST_KEPT and array.nbytes <= MOST_BYTES and name not in group:
                    group.create_dataset(name, data=np.asarray(array))


def locate_from_traces(comparison: Comparison, a: Trace, b: Trace) -> None:
    """Tell where each mode parts first, as far as two files tell: no call can be made again."""
    for mode, rung in comparison.forwards.items():
        given = parted(rung)
        if given is not None:
            runs = comparison.runs_of(a, b, mode)
            with contextlib.suppress(Exception):  # nothing that explains may take the verdict down
                mark(comparison, mode, runs, located(runs, given, comparison.paired[mode]))


def mark(comparison: Comparison, mode: str, runs: tuple[Run, Run], found: Located) -> None:
    """Say of each row whether it parts by itself; a fault that no row is about gets one."""
    if found.faults:
        _Marks(comparison, mode, runs, found).mark()


class _Marks:
    def __init__(self, comparison: Comparison, mode: str, runs: tuple[Run, Run], found: Located) -> None:
        self.names, self.found = comparison.names, found
        self.rung, self.pairs = comparison.forwards[mode], comparison.paired[mode]
        self.calls = [{call.index: call for call in run.every_call} for run in runs]

    def mark(self) -> None:
        guilty = [self._row(fault) for fault in self.found.faults]
        inside = [row for row in self.rung.rows if row.about.what == "call" and not row.same]
        touched = self.found.touched
        for row in inside:
            if any(row is one for one in guilty) or row.place.pair < 0:
                continue
            pair = self.pairs[row.place.pair]
            row.by_itself = False
            if pair.a.index not in touched[0] and pair.out_b.index not in touched[1]:
                fold([row])
            elif not isinstance(row.cause, OtherShapes):
                row.cause = Comes("input")
        rest = [row for row in self.rung.rows if not any(row is one for one in guilty)]
        at = next((place for place, row in enumerate(rest) if not row.same), len(rest))
        first = [row for row in guilty[:1] if not row.same]
        self.rung.rows[:] = [*rest[:at], *first, *self._in_between(rest[at:], guilty[1:] if first else guilty)]

    def _in_between(self, rows: list[Row], guilty: list[Row]) -> list[Row]:
        """Rows in the order of their pairs, with those of further faults before what follows from them."""
        waiting = list(guilty)
        made: list[Row] = []
        for row in rows:
            while waiting and (row.place.pair < 0 or row.place.pair >= waiting[0].place.pair >= 0):
                made.append(waiting.pop(0))
            made.append(row)
        return made + waiting

    def _row(self, fault: Fault) -> Row:
        a, b = ([self.calls[side][index] for index in fault.calls[side]] for side in (0, 1))
        pair = self._pair(a, b)
        rows = [each for each in self.rung.rows if each.place.pair == pair >= 0 and not each.same]
        row = rows[0] if rows else None
        if row is None:
            one = (a or b)[0]
            lines = tuple(side[0].where if side else "" for side in (a, b))
            place = Place(pair=pair, lines=(lines[0], lines[1]))
            row = Row(About("call", call_name(one)), fault.error, bound(QUANTITY), quantity=QUANTITY, place=place)
        row.by_itself, row.error_on_same_inputs = True, fault.alone
        cause = self._cause(fault, a, b, pair)
        row.cause = row.cause if isinstance(row.cause, OtherShapes) and isinstance(cause, Comes) else cause
        return row

    def _pair(self, a: list[Call], b: list[Call]) -> int:
        """The place of the pair that a fault is about, which is made if it is one call on each side; −1: it is not."""
        given, theirs = [call.index for call in a], [call.index for call in b]
        for place, pair in enumerate(self.pairs):
            whole = [each.index for each in (pair.b, pair.ends_b) if each is not None]
            if given == [pair.a.index] and theirs and theirs in (whole, whole[:1], whole[1:]):
                return place
        if len(a) != 1 or len(b) != 1:
            return -1
        self.pairs.append(CallPair(a[0], b[0]))
        return len(self.pairs) - 1

    def _cause(self, fault: Fault, a: list[Call], b: list[Call], pair: int) -> Cause:
        labels = {name: tuple(call.label for call in calls) for name, calls in zip(self.names, (a, b), strict=True)}
        match fault.how:
            case how.ONE_SIDED:
                return OneSided(self.names[0] if a else self.names[1])
            case how.OTHER_INPUTS:
                return OtherGiven("order")
            case how.OTHER_VALUE:
                return OtherGiven("value")
            case how.OTHER_CONSTANT:
                return OtherGiven("constant")
            case how.REARRANGED:
                return Rearranged(labels)
            case how.OTHER_ORDER:
                return OtherPlace(labels)
            case how.SAME_CALL:
                return Comes("itself")
        if pair >= 0 and self.pairs[pair].ends_b is not None and a[0].kind == b[0].kind:
            return Comes("itself")
        if len(a) == len(b) == 1:
            return OtherOperations({name: each[0] for name, each in labels.items()})
        return OtherSteps(labels)
