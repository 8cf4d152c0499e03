"""The ladder: judges the evidence of both sides rung by rung, and says which rungs a recipe has none of."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

from ..arrays import Arrays, text_of
from .ladder import LOWERED, RUNGS, Climb
from .rounding.derived import Reference
from .row import Row
from .rungs import recipe_rungs, recipe_training
from .verdict import Rung

REFUSED = "refused"  # the key under which a side says why it could not go on
UNSUPPORTED = "unsupported"  # the same of a precision that a side does not have: no fault, and no pass either
JUDGES: Mapping[str, Callable[[Mapping[str, Arrays], Reference], list[Row]]] = dict(
    zip(
        RUNGS,
        (
            recipe_rungs.structure,
            recipe_rungs.data,
            recipe_rungs.initialisation,
            recipe_rungs.forward,
            recipe_rungs.objective,
            recipe_rungs.gradients,
            recipe_training.one_step,
            recipe_training.steps,
            recipe_training.statistics,
            recipe_training.resume,
            recipe_training.training,
        ),
        strict=True,
    )
)


def skipped(climb: Climb) -> dict[str, str]:
    """Rungs that this climb leaves out, with the reason."""
    reasons = {}
    if climb.steps < 2:
        reasons["steps"] = "one step was asked for, and the rung before took it"
    if not climb.recipe.model.has_batch_norm():
        reasons["running statistics"] = "the model has no batch normalisation"
    if not climb.epochs:
        reasons["training"] = "asked for with --epochs"
    return reasons


class Ladder:
    """Judges one climb."""

    def __init__(self, climb: Climb) -> None:
        self.reference, self.skips = Reference(climb), skipped(climb)

    def judge(self, name: str, evidence: Mapping[str, Arrays]) -> Rung:
        """The rung with its rows; `evidence` maps each side to its arrays, and is empty for a rung that is skipped."""
        if name in self.skips:
            return Rung(name, reason=self.skips[name], skipped=True)
        began = time.perf_counter()
        refusals = {side: text_of(arrays[REFUSED]) for side, arrays in evidence.items() if REFUSED in arrays}
        if refusals:
            rows = [
                Row(f"{side}: {text}", error64=math.inf, bound64=0.0, remark=text) for side, text in refusals.items()
            ]
            return Rung(name, rows)
        rung = self._lowered(name, evidence) if name in LOWERED else Rung(name, JUDGES[name](evidence, self.reference))
        if name == "steps":
            rung.growth = recipe_training.growth(evidence)
        rung.seconds = time.perf_counter() - began
        return rung

    def _lowered(self, name: str, evidence: Mapping[str, Arrays]) -> Rung:
        """A lower precision; skipped where neither side has it, and with the reason where one has not."""
        dtype = LOWERED[name]
        lacking = {side: text_of(arrays[UNSUPPORTED]) for side, arrays in evidence.items() if UNSUPPORTED in arrays}
        reasons = dict.fromkeys(lacking.values())  # one that both give is told once
        reason = "; ".join(f"{' and '.join(s for s in lacking if lacking[s] == why)}: {why}" for why in reasons)
        able = {side: arrays for side, arrays in evidence.items() if side not in lacking}
        rows = recipe_rungs.lowered(able, self.reference, dtype) if able else []
        return Rung(name, rows, reason=reason, skipped=not able, dtype=dtype)
