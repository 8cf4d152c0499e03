"""When a training has diverged: a loss or a weight is no number, the loss has left its range and stays out of it, or
weights were thrown so far that outputs which are bounded no longer move.

One step at too high a rate can throw the loss up a thousandfold, and the next ones bring it back: a single high loss is
no divergence.
"""

from __future__ import annotations

import numpy as np

from ..errors import Diverged
from ..spec import Recipe
from ..tolerances import bound
from .checkpoint import Position
from .epoch_plan import EpochPlan
from .folder import RunFolder

LATELY = 10  # steps in which a loss that was thrown up has come down


class LossWatch:
    """The losses per image of the steps that one process takes, and what they say."""

    def __init__(self, recipe: Recipe, folder: RunFolder) -> None:
        self.recipe, self.folder = recipe, folder
        self.losses: list[float] = []

    def see(self, terms: np.ndarray, plan: EpochPlan, position: Position) -> None:
        """Take note of the steps from `position` on.

        Args:
            terms: `[k, 3]`, loss and summed reconstruction and KL of each step.

        Raises:
            Diverged: one of them is not finite.
        """
        if not np.isfinite(terms).all():
            raise diverged(
                self.folder, f"the loss is not a finite number in epoch {position.epoch}, step {position.step}"
            )
        self.losses += [self._per_image(row, plan, position.step + place) for place, row in enumerate(terms)]

    def end_epoch(self, epoch: int) -> None:
        """Raise `Diverged` where half of the last steps are beyond the range of the loss."""
        if len(self.losses) >= LATELY:
            self._refuse(float(np.median(self.losses[-LATELY:])), f"in the last steps of epoch {epoch}")

    def end_run(self, terms: np.ndarray, gradient: bool, plan: EpochPlan, step: int) -> None:
        """Judge the model that is left.

        Args:
            terms: `[3]`, of a step's images and the model as it is. gradient: whether any weight still has one.

        Raises:
            Diverged: its loss is no finite number or out of its range, or it can learn nothing any more.
        """
        if not np.isfinite(terms).all():
            raise diverged(self.folder, "the loss is not a finite number after the last step")
        loss = self._per_image(terms, plan, step)
        self._refuse(loss, "after the last step")
        if loss > 0 and not gradient:
            raise diverged(self.folder, "after the last step no weight has a gradient any more, all is saturated")

    def _per_image(self, terms: np.ndarray, plan: EpochPlan, step: int) -> float:
        start, stop = plan.bounds(step)
        return float(terms[1] + self.recipe.objective.beta * terms[2]) / (stop - start)

    def _refuse(self, loss: float, when: str) -> None:
        first = next(iter(self.losses), 0.0)
        if loss > bound("diverged loss") * first > 0:
            raise diverged(self.folder, f"the loss per image is {loss:.3g} {when}, {loss / first:.2g} times the first")


def diverged(folder: RunFolder, what: str) -> Diverged:
    """The error of a run whose numbers are lost; `what` says how that was noticed."""
    kept = "; its last good checkpoint is kept" if any(folder.checkpoints.glob("step-*")) else ""
    return Diverged(f"{folder.path}: {what}{kept}; train into another --out with a lower --set learning_rate=…")
