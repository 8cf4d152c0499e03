"""What the witness says of a recipe: the exact values of its first batch, and what rounding may do to them.

Everything is computed once and kept, and only when a rung asks for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from math import prod
from operator import attrgetter

import numpy as np

from ...arrays import Arrays
from ...distance import Apart
from ...runs.epoch_plan import plan_epoch
from ...runs.initial_weights import initial_weights
from ...tolerances import bound
from ..facts import About
from ..judge import WITNESS, Bounds
from ..ladder import LadderPlan, steps_of
from ..row import Row
from ..witness import exact as witness
from ..witness.walk import outputs
from . import budgets

DRAWN = {  # what a row is about → which arrays must be there, all of them and no others
    "shape": "shapes", "number of values": "count", "stepped": "stepped", "batch": "first_epoch", "weight": "weights",
}  # fmt: skip
COMPUTED = {  # … → where its true values are
    "activation": "activations",
    "activation in evaluation": "evaluated",
    "term": "objective",
    "weight gradient": "gradients.gradients",
    "activation gradient": "activation_gradients",
    "difference quotient": "quotients",
    "first statistic": "statistics",
}
BUDGETS = {  # … → what rounding may do to it
    "activation": "forward_bounds",
    "activation in evaluation": "evaluation_bounds",
    "term": "gradients.terms",
    "weight gradient": "gradients.parameters",
    "activation gradient": "gradients.activations",
}
SMALL = 20_000  # parameters up to which differences of the loss take less than a second
EACH = 2


class DerivedRounding:
    """The judge of the two realisations of one recipe."""

    def __init__(self, plan: LadderPlan) -> None:
        self.plan, self.recipe = plan, plan.recipe
        self.dataset = plan.some()
        self.weights = initial_weights(plan.recipe, plan.seed)
        self.evaluated: Arrays = {}
        self.evaluation_bounds: dict[str, float] = {}

    def witness(self, about: About) -> Mapping[str, np.ndarray | None]:
        """What is drawn and built must be there as it says; of values, it knows those that it computes itself."""
        if about.what in DRAWN:
            key = f"{about.part}/{about.name}" if about.part else about.name
            return {WITNESS: getattr(self, DRAWN[about.what]).get(key)}
        known = self._of(about, COMPUTED)
        return {WITNESS: known[about.name]} if about.name in known else {}

    def bounds(self, row: Row, between: Apart, dtype: str) -> Bounds:
        """That of the table for the mathematics, that of the array's own budget for float32."""
        limit = bound(row.quantity) if math.isfinite(between.size) else math.nan  # what is not finite proves nothing
        known = self._of(row.about, BUDGETS)
        budget = known.get(row.about.name, known.get("loss"))  # the printed number is as good as the loss
        if isinstance(budget, budgets.Budget):
            return Bounds(limit, budget.bound, budget.scale)
        return Bounds(limit, budget)

    def _of(self, about: About, kept: Mapping[str, str]) -> Mapping:
        return attrgetter(kept[about.what])(self) if about.what in kept else {}

    @cached_property
    def epoch(self):
        """The plan of the first epoch."""
        return plan_epoch(self.recipe, self.plan.seed, 0, len(self.dataset))

    def batch(self, epoch, step: int) -> tuple:
        """Image, label, noise and masks of one step, as NumPy has them."""
        rows = slice(*epoch.bounds(step))
        chosen = self.dataset.subset(epoch.order[rows])
        label = chosen.one_hot(self.recipe.model.classes) if self.recipe.model.conditional else None
        return chosen.scaled(*self.recipe.data.value_range), label, epoch.noise[rows], epoch.masks(step) or None

    def batches(self):
        """The batches of the training steps, one after the other."""
        for epoch, step in steps_of(self.recipe, self.plan.seed, len(self.dataset)):
            yield self.batch(epoch, step)

    @cached_property
    def first(self) -> tuple:
        return next(self.batches())

    @cached_property
    def shapes(self) -> Arrays:
        model = self.recipe.model
        return {name: np.array(shape, np.int64) for name, shape in (model.parameters() | model.buffers()).items()}

    @property
    def count(self) -> Arrays:
        return {"": np.array(sum(int(np.prod(shape)) for shape in self.shapes.values()))}

    @cached_property
    def stepped(self) -> Arrays:
        """`optimizer/parameter` for each parameter that it steps."""
        return {f"{optimizer.name}/{name}": np.ones(1) for name, optimizer in self.recipe.owners().items()}

    @cached_property
    def first_epoch(self) -> Arrays:
        """The batches that are trained on, and how many an epoch has."""
        epoch = self.epoch
        wanted = {"steps in an epoch": np.array(epoch.steps), "images in an epoch": np.array(len(epoch.order))}
        for step in sorted({*range(min(self.plan.steps, epoch.steps)), epoch.steps - 1}):
            image, label, noise, masks = self.batch(epoch, step)
            batch = {"image": image, "label": label, "noise": noise} | (masks or {})
            wanted |= {f"{name}, step {step}": array for name, array in batch.items() if array is not None}
        return wanted

    @cached_property
    def activations(self) -> Arrays:
        return witness.forward(self.recipe, self.weights, *self.first)

    @cached_property
    def forward_bounds(self) -> dict[str, float]:
        return budgets.forward_bounds(self.recipe, self.weights, *self.first)

    def lowered_bounds(self, dtype: str) -> dict[str, float]:
        """What rounding explains in each activation in `dtype`: tf32, float16 or bfloat16."""
        return budgets.forward_bounds(self.recipe, self.weights, *self.first, dtype=dtype)

    def evaluate(self, state: Arrays) -> None:
        """Take the weights that evaluation is judged with."""
        image, label, noise, _ = self.first
        given = (self.recipe, state, image, label, noise, None)
        self.evaluated = witness.forward(*given, training=False)
        self.evaluation_bounds = budgets.forward_bounds(*given, training=False)

    @cached_property
    def statistics(self) -> Arrays:
        """Running means and variances after one training forward."""
        return witness.running_statistics(self.recipe, self.weights, *self.first)

    @cached_property
    def objective(self) -> Arrays:
        heads, decoded = outputs(self.recipe, self.activations)
        values = map(np.asarray, witness.objective(self.recipe, heads, decoded, self.first[0]))
        return dict(zip(("loss", "reconstruction", "kl"), values, strict=True))

    @cached_property
    def differences(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """For a small model, an element or two of every parameter: flat indices, and central differences of the loss;
        without those that a kink of a ReLU makes worthless."""
        if sum(prod(shape) for shape in self.recipe.model.parameters().values()) > SMALL:
            return {}
        picked = witness.pick(self.recipe, self.plan.seed, EACH)
        derivatives = witness.central_differences(self.recipe, self.weights, *self.first, picks=picked)
        sound = {name: np.isfinite(values) for name, values in derivatives.items()}
        return {name: (picked[name][sound[name]], values[sound[name]]) for name, values in derivatives.items()}

    @property
    def quotients(self) -> Arrays:
        return {name: values for name, (_, values) in self.differences.items()}

    @cached_property
    def gradients(self) -> budgets.GradientBudgets:
        return budgets.gradient_budgets(self.recipe, self.weights, *self.first)

    @cached_property
    def activation_gradients(self) -> Arrays:
        """In the shapes of the activations."""
        gradients = self.gradients.activation_gradients
        return {name: np.reshape(array, self.activations[name].shape) for name, array in gradients.items()}
