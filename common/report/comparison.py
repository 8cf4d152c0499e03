"""The report of a comparison of two models: where they part, on which lines, why, and how they were held together."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from .. import drawing
from ..compare.models import Difference
from ..compare.row import Row
from ..compare.summary import computes, first_divergence, lines_of, own_error, own_errors, pair_of, told_apart
from ..compare.tolerances import TOLERANCES
from ..compare.verdict import FAIL, Rung
from .blocks import Block, Cell, Figure, Report, Section, Table, Text
from .rungs import error_text, most_telling, rows_table, rungs_table

MOST_ROWS, MOST_LAYERS = 60, 80  # of one rung, in its table and in its figure
FEWEST_LAYERS = 2  # a figure of one says no more than its row
MOST_NAMES = 12  # in one sentence
MOST_STEPS = 5  # that fail, each with its table
WHOLE = "the model itself"
STEP = re.compile(r"step (\d+)")

ABOUT = {  # rung → what it compares, and the tolerance of its mathematics
    "inputs": ("What both models were given, bit for bit.", None),
    "weights": ("The weights that both start from.", "initial weights"),
    "forward": ("The output of every call in execution order, and what the model returns.", "float64 forward"),
    "loss": ("The number that is differentiated.", "float64 forward"),
    "gradients": ("Gradients of every output and weight, in the order of the backward pass.", "float64 gradient"),
    "step": ("Loss, gradients, moments and weights of this optimiser step.", "float64 ten steps"),
    "running statistics": ("Running means and variances after the pass.", "float64 ten steps"),
}
HOW = (
    "Mathematics: the two sides in float64, each from the same weights and inputs. They agree to rounding, or they are "
    "different systems.\n\nPrecision: the error of each side's float32 against its own float64, held against what "
    "rounding explains there (“explained”). Errors are ‖a − b‖ / ‖b‖."
)
BY = {
    "name": "its name",
    "graph": "what feeds it and what it feeds",
    "map": "--map",
    "only one of its kind": "being the only one of its kind",
}
FOLLOWS = (
    "Where the values of the forward pass part, gradients part with them: mend the forward pass first, then look at "
    "the gradients."
)


def build_report(difference: Difference, facts: Sequence[tuple[str, Cell]], folder: Path) -> Report:
    """Assemble the page; its plots are drawn into `folder`.

    Args:
        facts: what was compared with what: versions, inputs, seed, optimiser, steps.
    """
    verdict = difference.verdict
    exact = "float64 error" if any(row.error32 for rung in verdict.rungs for row in rung.rows) else "error"
    steps = [rung for rung in verdict.rungs if STEP.fullmatch(rung.name)]
    sections = [] if verdict.ok else [_parting(difference)]
    sections.append(Section("The rungs", HOW, [rungs_table(verdict, exact)]))
    for rung in verdict.rungs:
        if rung not in steps:
            sections.append(_section(rung, difference, exact, folder))
        elif rung is steps[0]:
            sections += _steps(steps, difference, exact, folder)
    sections.append(_matched(difference))
    return Report(
        title=f"Alignment: {re.sub(r'[^ ]*/', '', verdict.recipe)}",
        verdict=difference.sentence,
        ok=verdict.ok,
        summary=list(facts),
        sections=sections,
        footer="Made by dualport.",
    )


def _parting(difference: Difference) -> Section:
    rung, row = first_divergence(difference)
    pair, sides = pair_of(difference, rung, row), difference.names
    rows: list[list[Cell]] = [["line", *(line or None for line in lines_of(difference, rung, row))]]
    if pair is not None:
        rows.append(["computes", computes(pair.a), computes(pair.b)])
    if row.error32:
        rows.append(["float32 error", *(error_text(row.error32.get(side)) for side in sides)])
    rows = [line for line in rows if any(line[1:])]
    blocks: list[Block] = [Table(["", *sides], rows)] if rows else []
    blocks += [*_own(difference), *_explanations(difference)]
    return Section("Where it parts", _first(rung, row), blocks, ok=False)


def _first(rung: Rung, row: Row) -> str:
    """The first divergence in words: its own error against what it inherited."""
    said = f"First at {row.name} ({rung.name})" + (f": {row.remark}." if row.remark else ".")
    if row.same:
        worst, error = max(row.error32.items(), key=lambda item: (math.isnan(item[1]), item[1]))
        explained = error_text(row.bound32)
        return f"{said}\n\nfloat32 of {worst} is off by {error_text(error)}, where rounding explains {explained}."
    inherited, own, limit = getattr(row, "inherited", None), error_text(own_error(row)), error_text(row.bound64)
    if math.isinf(row.error64):
        return said
    if inherited is None:
        return f"{said}\n\nThe two differ by {own}; the bound is {limit}."
    return f"{said}\n\nWhat goes in differs by {error_text(inherited)}, what comes out by {own}; the bound is {limit}."


def _own(difference: Difference) -> list[Block]:
    found: dict[tuple, list[tuple[Rung, Row]]] = {}
    for rung, row in own_errors(difference):
        found.setdefault((row.name, row.where), []).append((rung, row))
    if not found:
        return [Text("No call has an error of its own: what differs was there before, or comes of the step.")]
    rungs = {rung.name for same in found.values() for rung, _ in same}
    note = FOLLOWS if "gradients" in rungs and len(rungs) > 1 else ""
    header = ["what parts by itself", "rung", "its inputs", "itself", *difference.names]
    return [Table(header, [_own_line(difference, same) for same in found.values()], note=note)]


def _own_line(difference: Difference, same: list[tuple[Rung, Row]]) -> list[Cell]:
    """One call, with the rungs that it parts in: `forward; eval`."""
    rung, row = same[0]
    pair, lines = pair_of(difference, rung, row), lines_of(difference, rung, row)
    calls = ("", "") if pair is None else told_apart(pair)
    sides = [", ".join(part for part in both if part) or None for both in zip(calls, lines, strict=True)]
    where = "; ".join([rung.name, *(other.name.rpartition(", ")[2] for other, _ in same[1:])])
    name = row.name.removesuffix(f" at {lines[0]}")
    return [name, where, error_text(row.inherited), error_text(own_error(row)), *sides]


def _explanations(difference: Difference) -> list[Block]:
    if not difference.explanations:
        return [Text("No known difference explains it.")] if any(own_errors(difference)) else []
    calls = [getattr(one, "call", None) for one in difference.explanations]
    header = ["at"] * any(calls) + ["what was tried", "error before", "after", "removes it"]
    rows = [
        [call] * any(calls) + [one.text, _measured(one.before), _measured(one.after), bool(one.removed)]
        for one, call in zip(difference.explanations, calls, strict=True)
    ]
    marks = [True if one.removed else None for one in difference.explanations]
    note = "Each difference was applied to one side, and the two compared again."
    first, _ = first_divergence(difference)
    left = [row.name for rung, row in own_errors(difference) if rung is first and row.name not in calls]
    if any(calls) and left:
        more = f" and {len(left) - MOST_NAMES} more" if len(left) > MOST_NAMES else ""
        note += f" Without an explanation: {', '.join(left[:MOST_NAMES])}{more}."
    return [Table(header, rows, marks, note)]


def _measured(error: float) -> str:
    return "–" if math.isnan(error) else error_text(error)


def _section(rung: Rung, difference: Difference, exact: str, folder: Path) -> Section:
    about, quantity = ABOUT[_kind(rung)]
    if rung.skipped:
        return Section(rung.name, f"{about}\n\nSkipped: {rung.reason}.")
    if all(row.ok and row.error64 == 0 and not row.error32 for row in rung.rows):
        return Section(rung.name, f"{about}\n\n{len(rung.rows)} compared: all are equal.", ok=True)
    if quantity and TOLERANCES[quantity].bound in {row.bound64 for row in rung.rows}:
        about += f"\n\nThe bound of the mathematics: {TOLERANCES[quantity].why}."
    blocks: list[Block] = []
    if rung.first is not None:
        remark = f": {rung.first.remark}" if rung.first.remark else ""
        blocks.append(Text(f"First at {rung.first.name}{remark}."))
    if _kind(rung) in ("forward", "gradients"):
        blocks += _layers(rung, difference.names, folder)
    blocks.append(rows_table(rung.rows, difference.names, MOST_ROWS, exact))
    return Section(rung.name, about, blocks, rung.status != FAIL)


def _kind(rung: Rung) -> str:
    """`step 3` is a step, `forward, eval` a forward pass."""
    return "step" if STEP.fullmatch(rung.name) else rung.name.partition(",")[0]


def _layers(rung: Rung, sides: tuple[str, str], folder: Path) -> list[Block]:
    """The errors of one rung, layer by layer; without what cannot be compared, or is whole numbers."""
    lossy = any(row.error32 for row in rung.rows)
    rows = [row for row in rung.rows if (len(row.error32) == len(sides) if lossy else math.isfinite(row.error64))]
    chosen = most_telling(rows, MOST_LAYERS)
    if len(chosen) < FEWEST_LAYERS:
        return []
    bounds = [row.bound32 if lossy else row.bound64 for row in chosen]
    path = drawing.error_by_layer(
        folder / f"{rung.name.replace(', ', '-')}.png",
        [row.name for row in chosen],
        _series(sides, lossy, lambda side: [row.error32[side] for row in chosen], [row.error64 for row in chosen]),
        [math.inf if limit is None else limit for limit in bounds],
        title=f"{sides[0]} and {sides[1]}, call by call: {rung.name}",
    )
    caption = "Each side's float32 against its own float64, and the two in float64." if lossy else "The two sides."
    caption += " Where the dashed line is at the right edge, float32 is not judged." if None in bounds else ""
    caption += f" The {len(chosen)} most telling of {len(rows)}." if len(chosen) < len(rows) else ""
    return [Figure(path, caption)]


def _series(sides: tuple[str, str], lossy: bool, of_side: Callable, between: list) -> dict[str, list]:
    """Errors of each side's float32, where there is any, and between the two; without a line that has gaps."""
    series = {f"{side} float32": of_side(side) for side in sides} if lossy else {}
    series["float64 between the two" if lossy else "between the two"] = between
    return {name: errors for name, errors in series.items() if None not in errors}


def _steps(steps: list[Rung], difference: Difference, exact: str, folder: Path) -> list[Section]:
    """How the errors grow, then the steps that fail and the last, each with its table."""
    failed = [rung for rung in steps if rung.status == FAIL]
    shown = [rung for rung in steps if rung in failed[:MOST_STEPS] or rung is steps[-1]]
    text = f"{len(steps)} optimiser steps, each side going on from its own state." if len(steps) > 1 else "One step."
    if failed:
        more = f"; the first {MOST_STEPS} and the last are shown" if len(failed) > MOST_STEPS else ""
        text += f" Failed: {len(failed)}{more}."
    head = Section("The steps", text, _growth(steps, difference.names, folder), not failed)
    return [head, *(_section(rung, difference, exact, folder) for rung in shown)]


def _growth(steps: list[Rung], sides: tuple[str, str], folder: Path) -> list[Block]:
    lossy = any(row.error32 for rung in steps for row in rung.rows)
    between = [rung.float64_error for rung in steps]
    series = _series(sides, lossy, lambda side: [rung.float32_error(side) for rung in steps], between)
    if not series:
        return []
    numbers = [int(STEP.fullmatch(rung.name).group(1)) for rung in steps]
    title = f"{sides[0]} and {sides[1]}, step by step: the worst error"
    path = drawing.error_growth(folder / "steps.png", numbers, series, title=title)
    caption = "The largest error of each step; what is zero but for rounding is left out."
    grows = " In float32 errors grow by themselves: after the first step they are shown, not judged." if lossy else ""
    return [Figure(path, caption + grows)]


def _matched(difference: Difference) -> Section:
    matching, sides = difference.matching, difference.names
    same = [x for x, y, how in matching.pairs if x == y and how == "name"]
    other = [[x or WHOLE, y or WHOLE, BY[how]] for x, y, how in matching.pairs if not (x == y and how == "name")]
    blocks: list[Block] = [Table([*sides, "matched by"], other)] if other else []
    blocks += [] if matching.whole else [Text(f"Not matched: {matching.complaint(sides)}.")]
    lonely = [
        [side, call, times]
        for side, calls in zip(sides, difference.unpaired, strict=True)
        for call, times in Counter(calls).items()
    ]
    if lonely:
        blocks.append(Table(["only in", "calls without a counterpart", "times"], lonely))
    else:
        blocks.append(Text("Every call that computes has its counterpart."))
    if any(difference.moves):
        moved = [f"{len(calls)} in {side}" for side, calls in zip(sides, difference.moves, strict=True)]
        blocks.append(Text(f"Without a counterpart, but only moving values: {', '.join(moved)}."))
    blocks += [Text(f"Note: {note}.") for note in difference.notes]
    text = f"Layers with the same name: {len(same)}." if same else ""
    return Section("How the layers were matched", text, blocks)
