"""The report of a comparison: every rung with its figures; of two models also where they part, and why."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..compare.models import Comparison
from ..compare.row import Row
from ..compare.summary import computes, told_apart
from ..compare.verdict import FAIL, Rung, Verdict
from ..compare.wording import error_text, measured
from ..errors import listed
from ..tolerances import TOLERANCES
from .blocks import Block, Cell, Report, Section, Table, Text
from .plots import growth_plot, layers_plot, steps_plot
from .rungs import rows_table, rungs_table

MOST_ROWS = 60  # of one rung; of more, the most telling
MOST_NAMES = 12  # in one sentence
MOST_STEPS = 5  # that fail, each with its table
WHOLE = "the model itself"

OF_MODELS = {  # rung → what it compares
    "inputs": "What both models were given, bit for bit.",
    "layers": "The layers with weights, and which is which.",
    "weights": "The weights that both start from.",
    "forward": "The output of every call in execution order, and what the model returns.",
    "loss": "The number that is differentiated.",
    "gradients": "Gradients of every output and weight, in the order of the backward pass.",
    "step": "Loss, gradients, moments and weights of this optimiser step.",
    "running statistics": "Running means and variances after the pass.",
}
OF_RECIPES = {
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
LOWERED = "Every intermediate value of the first batch in {}, against the same framework's float64."
LAYERED = ("forward", "gradients")  # rungs with a figure, and for recipes:
EVALUATED = "running statistics"
HOW_MODELS = (
    "Mathematics: the two sides in float64, each from the same weights and inputs. They agree to rounding, or they are "
    "different systems.\n\nPrecision: the error of each side's float32 against its own float64, held against what "
    "rounding explains there. Errors are ‖a − b‖ / ‖b‖."
)
HOW_RECIPES = (
    "Mathematics: both frameworks in float64, and NumPy beside them. They agree to rounding, or they are different "
    "systems.\n\nPrecision: the error of each framework's float32 against its own float64, held against what rounding "
    "can explain. That bound is computed for each array from the sizes of the sums behind it; no constant is tuned. "
    "Errors are ‖a − b‖ / ‖b‖, or relative to the terms of a sum where they cancel."
)
BY = {
    "name": "its name",
    "graph": "what feeds it and what it feeds",
    "map": "--map",
    "only one of its kind": "being the only one of its kind",
    "value": "the values that it makes",
    "trial": "trial: with it the ends agree or come nearest",
}
FOLLOWS = (
    "Where the values of the forward pass part, gradients part with them: mend the forward pass first, then look at "
    "the gradients."
)
Facts = Sequence[tuple[str, Cell]]


def validation_report(verdict: Verdict, facts: Facts, folder: Path) -> Report:
    """The page of two realisations of one recipe; its plots are drawn into `folder`.

    Args:
        facts: what was validated with what: data, seed, devices, versions.
    """
    sections = [Section("The ladder", HOW_RECIPES, [rungs_table(verdict)])]
    sections += [_section(rung, verdict.sides, folder, OF_RECIPES) for rung in verdict.rungs]
    return _page(f"Validation of {verdict.title}: PaddlePaddle and PyTorch", verdict, facts, sections)


def alignment_report(comparison: Comparison, facts: Facts, folder: Path) -> Report:
    """The page of two models; its plots are drawn into `folder`.

    Args:
        facts: what was compared with what: versions, inputs, seed, optimiser, steps.
    """
    verdict = comparison.verdict
    exact = "float64 error" if any(row.error32 for rung in verdict.rungs for row in rung.rows) else "error"
    steps = [rung for rung in verdict.rungs if rung.key == "step"]
    parted = comparison.first_divergence
    sections = [] if parted is None else [_parting(comparison, *parted)]
    sections.append(Section("The rungs", HOW_MODELS, [rungs_table(verdict, exact)]))
    for rung in verdict.rungs:
        if rung not in steps:
            sections.append(_section(rung, verdict.sides, folder, OF_MODELS, exact))
        elif rung is steps[0]:
            sections += _steps(steps, verdict.sides, folder, exact)
    sections.append(_matched(comparison))
    return _page(f"Alignment: {re.sub(r'[^ ]*/', '', verdict.title)}", verdict, facts, sections)


def _page(title: str, verdict: Verdict, facts: Facts, sections: Sequence[Section]) -> Report:
    return Report(title, verdict.sentence, verdict.ok, list(facts), sections, "Made by dualport.")


def _section(
    rung: Rung, sides: Sequence[str], folder: Path, about: Mapping[str, str], exact: str = "float64 error"
) -> Section:
    """One rung: what it compares, where it parts first, its figure and its rows."""
    text = about[rung.key] if rung.dtype == "float32" else LOWERED.format(rung.dtype)
    if rung.skipped:
        return Section(rung.name, f"{text}\n\nSkipped: {rung.reason}.")
    if all(row.ok and row.error64 == 0 and not row.error32 for row in rung.rows):
        return Section(rung.name, f"{text}\n\n{len(rung.rows)} compared: all are equal.", ok=True)
    for quantity in dict.fromkeys(row.quantity for row in rung.rows if row.quantity):
        if any(row.bound64 == TOLERANCES[quantity].bound for row in rung.rows if row.quantity == quantity):
            text += f"\n\nThe bound of the mathematics: {TOLERANCES[quantity].why}."
    blocks: list[Block] = []
    if rung.first is not None:
        remark = f": {rung.first.remark}" if rung.first.remark else ""
        blocks.append(Text(f"First at {rung.first.name}{remark}."))
    if rung.reason:
        blocks.append(Text(f"Not measured: {rung.reason}."))
    if rung.dtype == "float32" and (rung.key in LAYERED or (rung.key == EVALUATED and about is OF_RECIPES)):
        blocks += layers_plot(rung, sides, folder)
    blocks += [*growth_plot(rung, folder), rows_table(rung, sides, MOST_ROWS, exact)]
    return Section(rung.name, text, blocks, rung.status != FAIL)


def _parting(comparison: Comparison, rung: Rung, row: Row) -> Section:
    pair, sides = comparison.pair_of(rung, row), comparison.names
    rows: list[list[Cell]] = [["line", *(line or None for line in comparison.lines_of(rung, row))]]
    if pair is not None:
        rows.append(["computes", computes(pair.a), computes(pair.b)])
    if row.error32:
        rows.append(["float32 error", *(error_text(row.error32.get(side)) for side in sides)])
    rows = [line for line in rows if any(line[1:])]
    blocks: list[Block] = [Table(["", *sides], rows)] if rows else []
    blocks += [*_by_themselves(comparison), *_explanations(comparison)]
    return Section("Where it parts", _first(rung, row), blocks, ok=False)


def _first(rung: Rung, row: Row) -> str:
    """The first divergence in words: its own error against what it inherited."""
    text = f"First at {row.name} ({rung.name})" + (f": {row.remark}." if row.remark else ".")
    if row.same:
        worst, error = max(row.error32.items(), key=lambda item: (math.isnan(item[1]), item[1]))
        explained = error_text(row.bound32)
        return f"{text}\n\nfloat32 of {worst} is off by {error_text(error)}, where rounding explains {explained}."
    inherited, gap, limit = row.error_of_inputs, error_text(row.error_by_itself), error_text(row.bound64)
    if row.error64 == math.inf:
        return text
    if inherited is None:
        return f"{text}\n\nThe two differ by {gap}; the bound is {limit}."
    return f"{text}\n\nWhat goes in differs by {error_text(inherited)}, what comes out by {gap}; the bound is {limit}."


def _by_themselves(comparison: Comparison) -> list[Block]:
    groups: dict[tuple, list[tuple[Rung, Row]]] = {}
    for rung, row in comparison.by_themselves():
        groups.setdefault((row.name, row.place.lines), []).append((rung, row))
    if not groups:
        return [Text("No call has an error of its own: what differs was there before, or comes of the step.")]
    rungs = {rung.name for same in groups.values() for rung, _ in same}
    note = FOLLOWS if "gradients" in rungs and len(rungs) > 1 else ""
    header = ["what parts by itself", "rung", "its inputs", "itself", *comparison.names]
    return [Table(header, [_row_by_itself(comparison, same) for same in groups.values()], note=note)]


def _row_by_itself(comparison: Comparison, same: list[tuple[Rung, Row]]) -> list[Cell]:
    """One call, with the rungs that it parts in: `forward; eval`."""
    rung, row = same[0]
    pair, lines = comparison.pair_of(rung, row), comparison.lines_of(rung, row)
    calls = ("", "") if pair is None else told_apart(pair)
    sides = [", ".join(part for part in both if part) or None for both in zip(calls, lines, strict=True)]
    where = "; ".join([rung.name, *(other.mode or other.name for other, _ in same[1:])])
    return [row.name, where, error_text(row.error_of_inputs), error_text(row.error_by_itself), *sides]


def _explanations(comparison: Comparison) -> list[Block]:
    if not comparison.explanations:
        return [Text("No known difference explains it.")] if any(comparison.by_themselves()) else []
    calls = [explanation.call for explanation in comparison.explanations]
    header = ["at", "what was tried", "error before", "after", "removes it"]
    rows = [
        [
            explanation.call,
            explanation.text,
            measured(explanation.before),
            measured(explanation.after),
            explanation.removed,
        ]
        for explanation in comparison.explanations
    ]
    marks = [True if explanation.removed else None for explanation in comparison.explanations]
    note = "Each difference was applied to one side, and the two compared again."
    failed = comparison.verdict.failed
    left = [row.name for rung, row in comparison.by_themselves() if rung is failed and row.name not in calls]
    if left:
        note += f" Without an explanation: {listed(left, MOST_NAMES)}."
    return [Table(header, rows, marks, note)]


def _steps(steps: list[Rung], sides: Sequence[str], folder: Path, exact: str) -> list[Section]:
    """How the errors grow, then the steps that fail and the last, each with its table."""
    failed = [rung for rung in steps if rung.status == FAIL]
    shown = [rung for rung in steps if rung in failed[:MOST_STEPS] or rung is steps[-1]]
    text = f"{len(steps)} optimiser steps, each side going on from its own state." if len(steps) > 1 else "One step."
    if failed:
        more = f"; the first {MOST_STEPS} and the last are shown" if len(failed) > MOST_STEPS else ""
        text += f" Failed: {len(failed)}{more}."
    head = Section("The steps", text, steps_plot(steps, sides, folder), not failed)
    return [head, *(_section(rung, sides, folder, OF_MODELS, exact) for rung in shown)]


def _matched(comparison: Comparison) -> Section:
    matching, sides = comparison.matching, comparison.names
    same = [x for x, y, how in matching.pairs if x == y and how == "name"]
    other = [[x or WHOLE, y or WHOLE, BY[how]] for x, y, how in matching.pairs if not (x == y and how == "name")]
    blocks: list[Block] = [Table([*sides, "matched by"], other)] if other else []
    blocks += [] if matching.whole else [Text(f"Not matched: {matching.complaint(sides)}.")]
    lonely = [
        [side, call, times]
        for side, calls in zip(sides, comparison.unpaired, strict=True)
        for call, times in Counter(calls).items()
    ]
    if lonely:
        blocks.append(Table(["only in", "calls without a counterpart", "times"], lonely))
    else:
        blocks.append(Text("Every call that computes has its counterpart."))
    if any(comparison.moves):
        moved = [f"{len(calls)} in {side}" for side, calls in zip(sides, comparison.moves, strict=True)]
        blocks.append(Text(f"Without a counterpart, but only moving values: {', '.join(moved)}."))
    blocks += [Text(f"Note: {note}.") for note in comparison.notes]
    text = f"Layers with the same name: {len(same)}." if same else ""
    return Section("How the layers were matched", text, blocks)
