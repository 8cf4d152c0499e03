"""The forward pass: of two traces call by call, whose error is its own and what was only inherited; of a recipe every
activation against the witness."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ...dictionary.index import BY_KIND
from ...distance import ROUNDOFF
from ...traces.plan import EXACT
from ..facts import About, Cause, Comes, OtherCounts, OtherOperations
from ..judge import Bounds
from ..matching.calls import CallPair
from ..rounding.derived import DerivedRounding
from ..row import Row
from ..verdict import Rung
from .lowered import Lowered
from .sides import Evidence, Sides, names_of, sides_of

QUANTITY = "float64 forward"


def forward_rung(sides: Sides, pairs: list[CallPair], mode: str) -> Rung:
    """Every pair of calls in execution order, then what the models return.

    Args:
        mode: where it is not the first one.
    """
    rows, known, lowered = [], {}, Lowered(sides)
    for place, pair in enumerate(pairs):
        largest, sound = _inputs(sides, pair, known)
        if _lowered(sides, pair):
            sides.loosen("output", pair.name)
        if _rounded_positions(sides, pair):
            sides.loosen("positions", pair.name)
        if all(low := lowered.of(pair)):
            sides.lowered = max(sides.lowered, *low, key=lambda name: ROUNDOFF.get(name, 0.0))
        for (output, x), (_, y) in zip(pair.a.outputs, pair.out_b.outputs, strict=False):
            if (x, y) in known:
                continue
            row = known[x, y] = sides.row(about_output("call", pair, output), "values", (x, y), QUANTITY)
            row.error_of_inputs, row.by_itself = largest, not row.same and sound
            row.place.pair, row.place.lines = place, (pair.a.where, pair.b.where)
            row.cause = row.cause or _cause(row, pair, sides.names) or (None if row.precise else lowered.cause(pair))
            rows.append(row)
    return Rung("forward", rows + _outputs(sides), mode)


def about_output(what: str, pair: CallPair, output: str) -> About:
    """One output of a call, by its name where there are several."""
    return About(what, pair.name, part=output if len(pair.a.outputs) > 1 else "")


def _rounded_positions(sides: Sides, pair: CallPair) -> bool:
    entry = BY_KIND.get(pair.a.kind)
    if entry is None or entry.inexact is None or "paddle" not in sides.names or not pair.a.inputs:
        return False
    shapes = [sides.main[0].shape("values", pairs[0][1]) for pairs in (pair.a.inputs, pair.a.outputs)]
    return all(shapes) and entry.inexact(pair.a.settings, *shapes)


def _lowered(sides: Sides, pair: CallPair) -> bool:
    """Whether a call gives float32 in a float64 pass, as where a model casts by itself."""
    made = [
        (run, number) for run, call in zip(sides.main, (pair.a, pair.out_b), strict=True) for _, number in call.outputs
    ]
    return sides.dtype == EXACT and any(run.dtype_of("values", number) == "float32" for run, number in made)


def _inputs(sides: Sides, pair: CallPair, known: dict) -> tuple[float | None, bool]:
    """The largest error of the inputs, and whether all of them agree."""
    errors, sound = [], True
    for (_, x), (_, y) in zip(pair.a.inputs, pair.b.inputs, strict=False):
        row = known.get((x, y))
        if row is None and None not in (sides.main[0].shape("values", x), sides.main[1].shape("values", y)):
            row = known[x, y] = sides.row(About("input"), "values", (x, y), QUANTITY)
        if row is not None:
            errors.append(row.error64 or 0.0)
            sound = sound and row.same
    return max(errors, default=None), sound


def _cause(row: Row, pair: CallPair, names: tuple[str, ...]) -> Cause | None:
    if row.same:
        return None
    if pair.a.kind != pair.b.kind:
        return OtherOperations({names[0]: pair.a.label, names[1]: pair.b.label})
    return Comes("itself") if row.by_itself else Comes("input")


def _outputs(sides: Sides) -> list[Row]:
    rows = []
    for (name, x), (_, y) in zip(*(run.outputs for run in sides.main), strict=False):
        rows.append(sides.row(About("output", name), "values", (x, y), QUANTITY))
        rows[-1].cause = rows[-1].cause or (None if rows[-1].same else Comes("output"))
    counts = tuple(len(run.outputs) for run in sides.main)
    if counts[0] != counts[1]:
        rows.append(Row(About("outputs"), math.inf, 0.0, quantity=QUANTITY, cause=OtherCounts(counts)))
    return rows


def forward(evidence: Evidence, judge: DerivedRounding) -> list[Row]:
    """Every intermediate activation of the first batch, in execution order."""
    return activation_rows(sides_of(evidence, judge, lower="float32"), "activation")


def activation_rows(sides: Sides, what: str) -> list[Row]:
    """One row a name. What the witness does not name, such as z before its dropout, is compared between the sides."""
    made = [run.observed for run in sides.main]
    return [sides.row(About(what, name), "values", numbers_of(made, name), QUANTITY) for name in names_of(*made)]


def numbers_of(made: Sequence[Mapping[str, int]], name: str) -> tuple[int, ...]:
    """Number of the value that each side has under a name; −1, which no value has, where it has none."""
    return tuple(each.get(name, -1) for each in made)


def lowered(evidence: Evidence, judge: DerivedRounding, dtype: str) -> list[Row]:
    """Every activation of the first batch in `dtype` against the same side's float64, whose mathematics is not judged
    again. Only sides that have such an arithmetic are in the evidence."""
    sides, bounds, rows = sides_of(evidence, judge, lower=dtype), judge.lowered_bounds(dtype), []
    made = [run.observed for run in sides.main]
    for name in names_of(*made):
        about, limits = About("lowered activation", name), Bounds(None, bounds.get(name))
        rows.append(sides.row(about, "values", numbers_of(made, name), QUANTITY, limits))
        rows[-1].error64 = None
    return rows
