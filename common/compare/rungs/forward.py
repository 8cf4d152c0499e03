"""The forward pass of two traces, call by call: whose error is its own, and what was only inherited."""

from __future__ import annotations

from ...alignment.constants import positions_rounded
from ...traces.reading import Run
from ..aligned_rung import AlignedRung
from ..matching.calls import CallPair
from ..verdict import Rung
from .sides import CallRow, Sides


def forward_rung(sides: Sides, pairs: list[CallPair], title: str) -> Rung:
    rows, known = [], {}
    for place, pair in enumerate(pairs):
        inherited, sound = _inherited(sides, pair, known)
        if _lowered(sides, pair):
            sides.loose = sides.loose or f"{pair.name} gives float32 in the float64 pass too"
        if _rounded_positions(sides, pair):
            sides.loose = sides.loose or f"Paddle has the positions of {pair.name} in float32"
        for (x_name, x), (_, y) in zip(pair.a.outputs, pair.out_b.outputs, strict=False):
            if (x, y) in known:
                continue
            shown = pair.name + (f" [{x_name}]" if len(pair.a.outputs) > 1 else "")
            row = sides.row("values", (x, y), shown, "float64 forward")
            row.inherited, row.place, row.where = inherited, place, (pair.a.where, pair.b.where)
            row.own = not row.same and sound
            row.remark = row.remark or _forward_remark(row, pair, sides)
            known[x, y] = row
            rows.append(row)
    rows += _outputs(sides, known)
    return AlignedRung(title, rows)


def _rounded_positions(sides: Sides, pair: CallPair) -> bool:
    if pair.a.kind != "interpolate" or "paddle" not in sides.names or not pair.a.inputs:
        return False
    shapes = [sides.main[0].shape("values", pairs[0][1]) for pairs in (pair.a.inputs, pair.a.outputs)]
    return all(shapes) and positions_rounded(pair.a.settings, *shapes)


def _lowered(sides: Sides, pair: CallPair) -> bool:
    """Whether a call gives float32 in a float64 pass, as where a model casts by itself."""
    made = [
        (run, number) for run, call in zip(sides.main, (pair.a, pair.out_b), strict=True) for _, number in call.outputs
    ]
    return sides.dtype == "float64" and any(run.dtype_of("values", number) == "float32" for run, number in made)


def _inherited(sides: Sides, pair: CallPair, known: dict) -> tuple[float | None, bool]:
    """The largest error of the inputs, and whether all of them agree."""
    errors, sound = [], True
    for (_, x), (_, y) in zip(pair.a.inputs, pair.b.inputs, strict=False):
        row = known.get((x, y))
        if (
            row is None
            and sides.main[0].shape("values", x) is not None
            and sides.main[1].shape("values", y) is not None
        ):
            row = sides.row("values", (x, y), "", "float64 forward")
            known[x, y] = row if not _is_output(sides, x) else known.get((x, y), row)
        if row is not None:
            errors.append(row.error64 or 0.0)
            sound = sound and row.same
    return max(errors, default=None), sound


def _is_output(sides: Sides, number: int) -> bool:
    return sides.main[0].sources.get(number, "").startswith("call")


def _forward_remark(row: CallRow, pair: CallPair, sides: Sides) -> str:
    if row.same:
        return ""
    where = " against ".join(dict.fromkeys(one for one in row.where if one))
    if pair.a.kind != pair.b.kind:
        return f"{pair.a.label} in {sides.names[0]}, {pair.b.label} in {sides.names[1]} ({where})"
    return f"same input, different output ({where})" if row.own else "inherited from its input"


def _outputs(sides: Sides, known: dict) -> list[CallRow]:
    rows = []
    for (name, x), (_, y) in zip(*(outputs_of(run) for run in sides.main), strict=False):
        row = sides.row("values", (x, y), f"output {name}".strip(), "float64 forward")
        row.remark = row.remark or ("" if row.same else "inherited")
        rows.append(row)
    counts = [len(outputs_of(run)) for run in sides.main]
    if counts[0] != counts[1]:
        rows.append(CallRow("number of outputs", float("inf"), 0.0, remark=f"{counts[0]} and {counts[1]}"))
    return rows


def outputs_of(run: Run) -> list[tuple[str, int]]:
    """(name, number of the value) of what a model returned."""
    return [(str(name), int(number)) for name, number in run.note("outputs") or []]
