"""Optimiser steps: losses, gradients, moments and weights after each, of two traces or of a recipe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ...dictionary.index import MOMENTS
from ...tolerances import bound
from ..facts import About
from ..judge import Bounds
from ..matching.calls import CallPair
from ..matching.layers import Matching, of_both
from ..rounding.derived import DerivedRounding
from ..rounding.training_step import StepScale
from ..row import Row
from ..verdict import Rung
from .kinks import excuse_kinks
from .sides import Evidence, Sides, names_of, sides_of
from .statistics import by_each_rule

MOST_STEPS = 1000
QUANTITY = "float64 ten steps"


def step_rungs(sides: Sides, matching: Matching, pairs: list[CallPair]) -> list[Rung]:
    """A rung for each step that both traces took; where none was, the running statistics after the pass."""
    a, b = sides.main
    if not (a.steps and b.steps):
        rows = _weights(sides, "after", matching, pairs, 1)
        return [Rung("running statistics", rows)]
    rungs = []
    for step in range(1, min(a.steps, b.steps, MOST_STEPS) + 1):
        rows: list[Row] = []
        if step > 1:
            rows.append(sides.row(About("loss"), "loss", (step, step), QUANTITY))
            rows += _section(sides, f"gradients/{step}", matching, About("gradient in a step"))
        for moment in dict.fromkeys(MOMENTS["torch"].values()):
            rows += _section(sides, f"moments/{step}/{moment}", matching, About("moment", part=moment))
        rows += _weights(sides, f"weights/{step}", matching, pairs, step)
        if step == 1:
            excuse_kinks(sides, rows, pairs)
        else:  # left alone, float32 parts from float64 faster and faster: shown, not judged
            for row in rows:
                row.bound32 = None
        rungs.append(Rung("step", rows, step=step))
    return rungs


def _section(sides: Sides, section: str, matching: Matching, about: About) -> list[Row]:
    first, second = (run.names(section) for run in sides.main)
    if not (first and second):  # another optimiser, with other moments: what it does to the weights is compared
        return []
    return [
        sides.row(replace(about, name=x, other_name=y), section, (x, y), QUANTITY)
        for x, y in of_both(first, matching.weights, second)
    ] + _carried(sides, section, matching, about)


def _carried(sides: Sides, section: str, matching: Matching, about: About) -> list[Row]:
    """The rows of what is made of other weights, not of one as it is."""
    there = set(sides.main[1].names(section))
    return [
        row
        for y, carry in matching.carries.items()
        if y in there
        for row in sides.carried_rows(about, section, carry, y, QUANTITY)
    ]


def _weights(sides: Sides, section: str, matching: Matching, pairs: list[CallPair], step: int) -> list[Row]:
    rows = []
    for x, y in of_both(sides.main[0].names(section), matching.weights, sides.main[1].names(section)):
        rows.append(sides.row(About("weight", x, y), section, (x, y), QUANTITY))
        if not rows[-1].same and x.endswith(".running_var"):
            by_each_rule(sides, rows[-1], pairs, step)
    return rows + _carried(sides, section, matching, About("weight"))


def one_step(evidence: Evidence, judge: DerivedRounding) -> list[Row]:
    """The first step: loss, moments, what it does to each parameter, and what the optimisers say of themselves."""
    return _StepRows(evidence, judge, 1, judge.first).rows()


def steps(evidence: Evidence, judge: DerivedRounding) -> list[Row]:
    """Every further step. Both sides go on from their own state in float64; float32 takes each step from there."""
    taken = list(zip(range(1, judge.plan.steps + 1), judge.batches(), strict=False))
    return [row for step, batch in taken[1:] for row in _StepRows(evidence, judge, step, batch).rows()]


def growth(evidence: Evidence) -> dict[str, list[float]]:
    """For each side: how far float32 on its own is from float64 after each step, in weights."""
    told = {side: trace.in_mode("train")["float32"].note("growth") or [] for side, trace in evidence.items()}
    return {side: [weights for _, weights in each] for side, each in told.items()}


class _StepRows:
    """The rows of one step of a recipe, counted from 1."""

    def __init__(self, evidence: Evidence, judge: DerivedRounding, step: int, batch: tuple) -> None:
        self.judge, self.step, self.number = judge, step, step if step > 1 else None
        self.sides = sides_of(evidence, judge)
        self.scale = StepScale(judge, step - 1, batch, self.sides.main[0])

    def rows(self) -> list[Row]:
        rows = [self._row(About("terms of a step"), "terms", f"{self.step}", Bounds(bound(QUANTITY)))]
        self._precision(rows[0], "terms", f"{self.step}", self.scale.budgets.terms["loss"].bound)
        owners, buffers = self.scale.owners, self.judge.recipe.model.buffers()
        for name in self._names(owners, "weights"):
            if name in buffers:
                continue
            for moment in ("first", "second"):
                limits = Bounds(bound(QUANTITY), scale=self.scale.moment(moment, name))
                about = About("moment after a step", name, part=moment)
                rows.append(self._row(about, f"moments/{self.step}/{moment}", name, limits))
            rows.append(self._weight(name))
        for name in self._names((), "settings"):
            about = About("optimiser settings", name)
            rows.append(self._row(about, f"settings/{self.step}", name, None, "optimiser settings"))
        return rows

    def _names(self, wanted: Iterable[str], what: str) -> list[str]:
        return names_of(wanted, *(run.names(f"{what}/{self.step}") for run in self.sides.main))

    def _row(self, about: About, section: str, name: str, limits: Bounds | None, quantity: str = QUANTITY) -> Row:
        return self.sides.row(replace(about, number=self.number), section, name, quantity, limits)

    def _weight(self, name: str) -> Row:
        """By what training did to it: weights of order 1 would hide a wrong step of 1e-4."""
        section, before, given = f"weights/{self.step}", self.judge.weights.get(name), {}
        for side, run in zip(self.sides.names, self.sides.main, strict=True):
            after = run.array(section, name)
            if after is not None and before is not None and after.shape == before.shape:
                after = after - before
            given[side] = after
        about = About("weight after a step", name, number=self.number)
        limits = Bounds(None if name in self.scale.still else bound(QUANTITY), scale=self.scale.stored(name))
        row = self.sides.compared(about, given, QUANTITY, limits)
        self._precision(row, section, name, self.scale.update_bound(name))
        return row

    def _precision(self, row: Row, section: str, name: str, limit: float | None) -> None:
        """What each side measured of a single step in float32."""
        row.bound32 = limit
        lost = {
            side: runs["float32"].lost(section, name)
            for side, runs in zip(self.sides.names, self.sides.runs, strict=True)
        }
        row.error32 = {side: distance.relative() for side, distance in lost.items() if distance is not None}
