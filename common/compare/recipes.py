"""Two realisations of one recipe: the evidence of both sides judged rung by rung."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from .facts import About, Told
from .ladder import LOWERED, RUNGS, LadderPlan
from .rounding.derived import DerivedRounding
from .row import Row
from .rungs import backward, forward, start, statistics, steps, whole_training
from .rungs.sides import Evidence
from .verdict import Rung

ROWS: Mapping[str, Callable[[Evidence, DerivedRounding], list[Row]]] = dict(zip(RUNGS, (
    start.structure, start.data, start.initialisation, forward.forward, backward.objective, backward.gradients,
    steps.one_step, steps.steps, statistics.statistics, whole_training.resume, whole_training.training,
), strict=True))  # fmt: skip


class Ladder:
    """Judges what both sides have to show, on each rung of a plan."""

    def __init__(self, plan: LadderPlan) -> None:
        self.plan, self.judged_by = plan, DerivedRounding(plan)

    def judge(self, name: str, evidence: Evidence) -> Rung:
        """The rung with its rows; `evidence` maps each side to its trace; of a rung that is skipped it is not read."""
        if name in self.plan.skips:
            return Rung(name, skip=self.plan.skips[name])
        began = time.perf_counter()
        refusals = _reasons("refused", name, evidence)
        if refusals:
            return Rung(name, [_refusal(side, reason) for side, reason in refusals.items()])
        rung = self._lowered(name, evidence) if name in LOWERED else Rung(name, ROWS[name](evidence, self.judged_by))
        if name == "steps":
            rung.growth = steps.growth(evidence)
        rung.seconds = time.perf_counter() - began
        return rung

    def _lowered(self, name: str, evidence: Evidence) -> Rung:
        """A lower precision, with what a side says that has it not."""
        lacking = _reasons("unsupported", name, evidence)
        able = {side: trace for side, trace in evidence.items() if side not in lacking}
        rows = forward.lowered(able, self.judged_by, LOWERED[name]) if able else []
        return Rung("forward", rows, dtype=LOWERED[name], lacking=lacking)


def _reasons(key: str, rung: str, evidence: Evidence) -> dict[str, str]:
    """What those sides say that could not show a rung."""
    return {side: trace.head[key][rung] for side, trace in evidence.items() if rung in trace.head[key]}


def _refusal(side: str, reason: str) -> Row:
    return Row(About("refusal", reason, side=side), math.inf, 0.0, cause=Told(reason))
