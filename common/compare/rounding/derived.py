"""What the witness says of a climb: the exact values of its first batch, and what rounding may do to them."""

from __future__ import annotations

from functools import cached_property
from math import prod

import numpy as np

from ...runs.epoch_plan import plan_epoch
from ...runs.initial_weights import initial_weights
from ..ladder import Climb, steps_of
from ..witness import exact as witness
from ..witness.walk import outputs
from . import budgets

SMALL = 20_000  # parameters up to which differences of the loss take less than a second
EACH = 2


class Reference:
    """Computed once and kept; every part only when a rung asks for it."""

    def __init__(self, climb: Climb) -> None:
        self.climb, self.recipe = climb, climb.recipe
        self.dataset = climb.some()
        self.weights = initial_weights(climb.recipe, climb.seed)

    @cached_property
    def plan(self):
        return plan_epoch(self.recipe, self.climb.seed, 0, len(self.dataset))

    def batch(self, plan, step: int) -> tuple:
        """Image, label, noise and masks of one step, as NumPy has them."""
        rows = slice(*plan.bounds(step))
        chosen = self.dataset.subset(plan.order[rows])
        label = chosen.one_hot(self.recipe.model.classes) if self.recipe.model.conditional else None
        return chosen.scaled(*self.recipe.data.value_range), label, plan.noise[rows], plan.masks(step) or None

    def batches(self):
        """The batches of the training steps, one after the other."""
        for plan, step in steps_of(self.recipe, self.climb.seed, len(self.dataset)):
            yield self.batch(plan, step)

    @cached_property
    def first(self) -> tuple:
        return next(self.batches())

    @cached_property
    def activations(self) -> dict[str, np.ndarray]:
        return witness.forward(self.recipe, self.weights, *self.first)

    @cached_property
    def forward_bounds(self) -> dict[str, float]:
        return budgets.forward_bounds(self.recipe, self.weights, *self.first)

    def lowered_bounds(self, dtype: str) -> dict[str, float]:
        """What rounding explains in each activation in `dtype`: tf32, float16 or bfloat16."""
        return budgets.forward_bounds(self.recipe, self.weights, *self.first, dtype=dtype)

    @cached_property
    def objective(self) -> dict[str, float]:
        heads, decoded = outputs(self.recipe, self.activations)
        values = witness.objective(self.recipe, heads, decoded, self.first[0])
        return dict(zip(("loss", "reconstruction", "kl"), values, strict=True))

    @cached_property
    def elements(self) -> dict[str, np.ndarray]:
        """For a small model, an element or two of every parameter to differentiate by differences: flat indices."""
        if sum(prod(shape) for shape in self.recipe.model.parameters().values()) > SMALL:
            return {}
        return witness.pick(self.recipe, self.climb.seed, EACH)

    @cached_property
    def differences(self) -> dict[str, np.ndarray]:
        """Central differences of the loss at `elements`; NaN where a kink of a ReLU makes them worthless."""
        return witness.central_differences(self.recipe, self.weights, *self.first, self.elements)

    @cached_property
    def gradients(self) -> budgets.GradientBudgets:
        return budgets.gradient_budgets(self.recipe, self.weights, *self.first)
