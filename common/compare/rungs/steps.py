"""The optimiser steps of two traces: losses, gradients, moments, weights and running statistics at each."""

from __future__ import annotations

from ..aligned_rung import AlignedRung
from ..matching.calls import CallPair
from ..matching.layers import Matching
from ..row import Row
from ..verdict import Rung
from .sides import Sides, excuse_kinks, of_both
from .statistics import statistics_row

MOST_STEPS = 1000


def step_rungs(sides: Sides, matching: Matching, pairs: list[CallPair]) -> list[Rung]:
    a, b = sides.main
    if not (a.steps and b.steps):
        rows = _weight_rows(sides, "after", matching, pairs, 1)
        return [AlignedRung("running statistics", [row for row in rows if row.error64 is not None])]
    rungs = []
    for step in range(1, min(a.steps, b.steps, MOST_STEPS) + 1):
        rows: list[Row] = []
        if step > 1:
            rows.append(sides.row("loss", (step, step), "loss", "float64 ten steps"))
            rows += _section(sides, f"gradients/{step}", matching, "gradient of ")
        for moment in ("first", "second", "velocity", "square"):
            rows += _section(sides, f"moments/{step}/{moment}", matching, f"{moment} moment of ")
        rows += _weight_rows(sides, f"weights/{step}", matching, pairs, step)
        if step == 1:
            excuse_kinks(sides, rows, pairs)
        else:  # left alone, float32 parts from float64 faster and faster: shown, not judged
            for row in rows:
                row.bound32 = None
                if getattr(row, "noise", False):
                    row.error32, row.ulp = {}, {}
        rungs.append(AlignedRung(f"step {step}", rows))
    return rungs


def _section(sides: Sides, section: str, matching: Matching, prefix: str) -> list[Row]:
    names = (run.names(section) for run in sides.main)
    first, second = names
    if not (first and second):  # another optimiser, with other moments: what it does to the weights is compared
        return []
    return [
        sides.row(section, pair, prefix + pair[0], "float64 ten steps")
        for pair in of_both(first, matching.weights, second)
    ]


def _weight_rows(sides: Sides, section: str, matching: Matching, pairs: list[CallPair], step: int) -> list[Row]:
    rows = []
    for x, y in of_both(sides.main[0].names(section), matching.weights, sides.main[1].names(section)):
        row = sides.row(section, (x, y), x, "float64 ten steps")
        if not row.same and x.endswith(".running_var"):
            row = statistics_row(sides, section, (x, y), row, pairs, step)
        rows.append(row)
    return rows
