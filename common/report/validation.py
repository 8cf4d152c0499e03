"""The report of `validate`: every rung with its figures, and what float32 loses, layer by layer and step by step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .. import drawing
from ..compare.ladder import LOWERED
from ..compare.row import Row
from ..compare.tolerances import TOLERANCES
from ..compare.verdict import FAIL, Rung, Verdict, short
from .blocks import Cell, Figure, Report, Section, Table, Text

MOST_ROWS = 60  # of one rung; of more, those nearest to their bounds

ABOUT = {
    "structure": "Names, shapes and numbers of parameters and buffers, and which optimiser steps which parameter.",
    "data": "The batches on each device, bit for bit, against those that NumPy draws.",
    "initialisation": "The weights of fresh models, bit for bit.",
    "forward": "Every intermediate value of the first batch in execution order, against NumPy's float64 evaluation.",
    "objective": "The terms of the loss, the loss, and the number that the write-up prints.",
    "gradients": "Gradients of every intermediate value and parameter, in the order of the backward pass.",
    "one step": "Loss, moments and weights after one optimiser step; weights by what the step did to them.",
    "steps": "Each further step: in float64 both frameworks go on from their own state; in float32 each step starts "
    "from the float64 state, so that its error is that of one step.",
    "running statistics": "Running means and variances, and every intermediate value in evaluation, which uses them.",
    "resume": "Going on from the own checkpoint and from the other framework's, against going on without a break.",
    "training": "Means of whole epochs in float32, each framework going its own way.",
}
ABOUT |= {
    name: f"Every intermediate value of the first batch in {dtype}, against the same framework's float64."
    for name, dtype in LOWERED.items()
}
LAYERED = {"forward": "forward", "gradients": "backward", "running statistics": "evaluation"}
HOW = (
    "Mathematics: both frameworks in float64, and NumPy beside them. They agree to rounding, or they are different "
    "systems.\n\nPrecision: the error of each framework's float32 against its own float64, held against what rounding "
    "can explain. That bound is computed for each array from the sizes of the sums behind it; no constant is tuned. "
    "Errors are ‖a − b‖ / ‖b‖, or relative to the terms of a sum where they cancel."
)


def build_report(verdict: Verdict, facts: Sequence[tuple[str, Cell]], folder: Path) -> Report:
    """Assemble the page; its plots are drawn into `folder`.

    Args:
        facts: what was validated with what: data, seed, devices, versions.
    """
    return Report(
        title=f"Validation of {verdict.recipe}: PaddlePaddle and PyTorch",
        verdict=verdict.sentence,
        ok=verdict.ok,
        summary=list(facts),
        sections=[
            Section("The ladder", HOW, [_overview(verdict)]),
            *(_section(rung, verdict, folder) for rung in verdict.rungs),
        ],
        footer="Made by dualport.",
    )


def _overview(verdict: Verdict) -> Table:
    sides = verdict.sides
    header = ["rung", "verdict", "float64 error", "bound"]
    header += [f"{side} float32" for side in sides]
    header += ["ratio", "of what rounding explains", "seconds"] + ["first divergence"] * (not verdict.ok)
    rows = [
        [
            rung.name,
            rung.status,
            _figure(rung.float64_error),
            _figure(rung.bound),
            *(_figure(rung.float32_error(side)) for side in sides),
            _ratio([rung.float32_error(side) for side in sides]),
            _percent([rung.share(side) for side in sides]),
            f"{rung.seconds:.1f}",
            *([rung.first.name if rung.first else None] * (not verdict.ok)),
        ]
        for rung in verdict.rungs
    ]
    marks = [None if rung.skipped else rung.status != FAIL for rung in verdict.rungs]
    note = f"ratio: the float32 error of {sides[-1]} over that of {sides[0]}. Each column shows its worst value."
    if any(rung.name in LOWERED for rung in verdict.rungs):
        note += " A rung named after another precision has that precision's errors instead of float32's."
    return Table(header, rows, marks, note)


def _section(rung: Rung, verdict: Verdict, folder: Path) -> Section:
    if rung.skipped:
        return Section(rung.name, f"Skipped: {rung.reason}.")
    blocks = []
    if rung.first is not None:
        blocks.append(Text(f"The first divergence is at {rung.first.name}. {rung.first.remark}"))
    if rung.reason:
        blocks.append(Text(f"Not measured: {rung.reason}."))
    blocks += _plots(rung, verdict, folder)
    if all(row.ok and row.error64 == 0 and not row.error32 for row in rung.rows):
        return Section(rung.name, f"{ABOUT[rung.name]}\n\n{len(rung.rows)} compared: all are equal.", ok=True)
    rows = _most_telling(rung.rows)
    note = f"The {len(rows)} of {len(rung.rows)} rows that come nearest to their bounds." if rows != rung.rows else ""
    blocks.append(_table(rows, verdict.sides, note, rung.dtype))
    bounds = {row.bound64 for row in rung.rows if row.bound64}
    reasons = {t.why for name, t in TOLERANCES.items() if t.bound in bounds and name.startswith("float64")}
    text = ABOUT[rung.name] + "".join(f"\n\nThe bound of the mathematics: {why}." for why in sorted(reasons))
    return Section(rung.name, text, blocks, rung.status != FAIL)


def _most_telling(rows: list[Row]) -> list[Row]:
    if len(rows) <= MOST_ROWS:
        return rows
    nearest = sorted(range(len(rows)), key=lambda place: -_nearness(rows[place]))[:MOST_ROWS]
    return [rows[place] for place in sorted(nearest)]


def _nearness(row: Row) -> float:
    """The largest share of a bound that the row uses up; failures come first."""
    if not row.ok:
        return float("inf")
    shares = [row.error64 / row.bound64] if row.bound64 else []
    shares += [error / row.bound32 for error in row.error32.values()] if row.bound32 else []
    return max(shares, default=0.0)


def _table(rows: Sequence[Row], sides: Sequence[str], note: str, dtype: str) -> Table:
    header, cells = ["", "float64 error", "bound"], []
    lossy = any(row.error32 for row in rows)
    placed = any(row.worst for row in rows)
    if lossy:
        header += [*(f"{side} {dtype}" for side in sides), "rounding explains"]
    if placed:
        header += [*(f"{side} ulp" for side in sides), *(f"{side}: worst element, exact as {dtype}" for side in sides)]
    for row in rows:
        line = [row.name, _figure(row.error64), "not judged" if row.bound64 is None else _figure(row.bound64)]
        if lossy:
            line += [*(_figure(row.error32.get(side)) for side in sides), _figure(row.bound32)]
        if placed:
            ulps = [row.ulp.get(side) for side in sides]
            line += [*("–" if ulp is None else f"{ulp:.1f}" for ulp in ulps), *(row.worst.get(side) for side in sides)]
        cells.append(line)
    return Table(header, cells, [row.ok for row in rows], note)


def _plots(rung: Rung, verdict: Verdict, folder: Path) -> list[Figure]:
    figures = []
    rows = [row for row in rung.rows if row.bound32 is not None and len(row.error32) == len(verdict.sides)]
    if rung.name in LAYERED and rows:
        path = drawing.error_by_layer(
            folder / f"{LAYERED[rung.name]}.png",
            [row.name for row in rows],
            {f"{side} float32": [row.error32[side] for row in rows] for side in verdict.sides},
            [row.bound32 for row in rows],
            title=f"{verdict.recipe}: what float32 loses, {LAYERED[rung.name]} pass",
        )
        figures.append(Figure(path, "Error of each framework's float32 against its own float64, layer by layer."))
    if rung.growth:
        count = max(len(errors) for errors in rung.growth.values())
        path = drawing.error_growth(
            folder / "growth.png",
            list(range(1, count + 1)),
            {f"{side} float32": errors for side, errors in rung.growth.items()},
            title=f"{verdict.recipe}: float32 on its own, weights against float64",
        )
        caption = "Left alone, rounding grows from step to step in either framework: shown, not judged."
        figures.append(Figure(path, caption))
    return figures


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return "0" if value == 0 else short(value)


def _ratio(values: Sequence[float | None]) -> str:
    if None in values or not values[0]:
        return "–"
    return f"{values[-1] / values[0]:.2f}"


def _percent(values: Sequence[float | None]) -> str:
    found = [value for value in values if value is not None]
    return f"{max(found):.0%}" if found else "–"
