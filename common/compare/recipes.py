"""Two realisations of one recipe: the evidence of both sides judged rung by rung."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from ..arrays import text_of
from .facts import About, Told
from .ladder import LOWERED, REFUSED, RUNGS, UNSUPPORTED, LadderPlan
from .rounding.derived import DerivedRounding
from .row import Row
from .rungs import backward, forward, start, statistics, steps, whole_training
from .rungs.sides import Evidence
from .verdict import Rung

ROWS: Mapping[str, Callable[[Evidence, DerivedRounding], list[Row]]] = dict(
    zip(
        RUNGS,
        (
            start.structure,
            start.data,
            start.initialisation,
            forward.forward,
            backward.objective,
            backward.gradients,
            steps.one_step,
            steps.steps,
            statistics.statistics,
            whole_training.resume,
            whole_training.training,
        ),
        strict=True,
    )
)


class Ladder:
    """Judges what both sides have to show, on each rung of a plan."""

    def __init__(self, plan: LadderPlan) -> None:
        self.plan, self.judged_by = plan, DerivedRounding(plan)

    def judge(self, name: str, evidence: Evidence) -> Rung:
        """The rung with its rows; `evidence` maps each side to its arrays, and is empty for a rung that is skipped."""
        if name in self.plan.skips:
            return Rung(name, skip=self.plan.skips[name])
        began = time.perf_counter()
        refusals = {side: text_of(arrays[REFUSED]) for side, arrays in evidence.items() if REFUSED in arrays}
        if refusals:
            return Rung(name, [_refusal(side, reason) for side, reason in refusals.items()])
        if name in LOWERED:
            rung = self._lowered(LOWERED[name], evidence)
        else:
            rung = Rung(name, ROWS[name](evidence, self.judged_by))
        if name == "steps":
            rung.growth = steps.growth(evidence)
        rung.seconds = time.perf_counter() - began
        return rung

    def _lowered(self, dtype: str, evidence: Evidence) -> Rung:
        """A lower precision, with what a side says that has it not."""
        lacking = {side: text_of(arrays[UNSUPPORTED]) for side, arrays in evidence.items() if UNSUPPORTED in arrays}
        able = {side: arrays for side, arrays in evidence.items() if side not in lacking}
        rows = forward.lowered(able, self.judged_by, dtype) if able else []
        return Rung("forward", rows, dtype=dtype, lacking=lacking)


def _refusal(side: str, reason: str) -> Row:
    return Row(About("refusal", reason, side=side), math.inf, 0.0, cause=Told(reason))
