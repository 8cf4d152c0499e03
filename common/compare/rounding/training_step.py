"""How large the parts of one training step are, and what rounding may do to them: the scale of its errors."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ...distance import root_mean_square, unit_roundoff
from ...spec import Optimizer
from ...tolerances import bound
from ...traces.reading import Run
from . import budgets
from .derived import DerivedRounding

WANDERED = 4  # a running mean remembers where a bias has been, which may be further off than where it is
CLIP_EPSILON = 1e-6  # PyTorch's clip_grad_norm_ divides by the norm plus this


class StepScale:
    """One step from the state that the first side was in, as float32 holds it.

    Args:
        step: how many were taken before it. batch: image, label, noise and masks of the step.
        run: of the first side, which has the state after each step; not read before the first.
    """

    def __init__(self, judge: DerivedRounding, step: int, batch: tuple, run: Run | None = None) -> None:
        self.judge, self.recipe, self.step, self.batch = judge, judge.recipe, step, batch
        self.owners = self.recipe.owners()
        self.run = run if step else None
        stored = run.arrays(f"weights/{step}") if run is not None and step else {}
        fits = all(name in stored and stored[name].shape == judge.weights[name].shape for name in self.owners)
        narrow = {name: stored[name].astype(np.float32) for name in self.owners} if fits and step else {}
        self.weights = {**judge.weights, **narrow}

    @cached_property
    def budgets(self) -> budgets.GradientBudgets:
        if not self.step:
            return self.judge.gradients
        return budgets.gradient_budgets(self.recipe, self.weights, *self.batch)

    @cached_property
    def clip(self) -> float:
        """What clipping multiplies the gradients by."""
        limit = self.recipe.training.clip_norm
        if limit is None:
            return 1.0
        norm = np.sqrt(sum(float(np.sum(gradient**2)) for gradient in self.budgets.gradients.values()))
        return min(1.0, limit / (norm + CLIP_EPSILON))

    def gradient(self, name: str) -> np.ndarray:
        """As Adam takes it: clipped, with weight decay."""
        decay = self.owners[name].weight_decay * self.weights[name].astype(np.float64)
        return self.clip * self.budgets.gradients[name] + decay

    @cached_property
    def still(self) -> set[str]:
        """Parameters whose true gradient is 0, such as a bias before batch normalisation.

        Adam divides the rounding noise of such a gradient by its own size: the update is noise in both frameworks.
        """
        limit = bound("float64 gradient")
        return {
            name
            for name in self.owners
            if root_mean_square(self.gradient(name)) <= limit * self.clip * self.budgets.parameters[name].scale
        }

    def statistic(self, name: str, variances, biases: list) -> float:
        """What the error of a running mean is judged against: the spread of what it centres, not its own size.

        A still bias before it wanders by noise, differently in each framework, and takes the mean with it; what the
        next layer sees stays the same.

        Args:
            variances: the running variances. biases: for each of two states, all parameters by name.
        """
        if not name.endswith(".running_mean"):
            return 0.0
        spread = root_mean_square(np.sqrt(variances[name.replace(".running_mean", ".running_var")]))
        before = self.feeding.get(name.removesuffix(".running_mean"))
        if before not in self.still or any(before not in names for names in biases):
            return spread
        apart = root_mean_square(biases[0][before] - biases[1][before])
        return max(spread, WANDERED * apart / bound("float64 ten steps"))

    @cached_property
    def feeding(self) -> dict[str, str]:
        """Batch normalisation → the bias of the layer before it."""
        return {
            network.prefix + layer.name: f"{network.prefix}{before.name}.bias"
            for network in self.recipe.model.networks().values()
            for before, layer in zip(network.layers, network.layers[1:], strict=False)
            if layer.buffers()
        }

    def moment(self, kind: str, name: str) -> float:
        """Size of a moment after one step from nothing, made of the terms that a gradient sums, cancelling or not."""
        if name not in self.owners:
            return 0.0
        size, optimizer = self.clip * self.budgets.parameters[name].scale, self.owners[name]
        return size * (1 - optimizer.beta1) if kind == "first" else size**2 * (1 - optimizer.beta2)

    def stored(self, name: str) -> float:
        """The smallest update that float64 can tell from the rounding of the stored weight, within the bound."""
        if name not in self.weights:
            return 0.0
        lost = budgets.SAFETY * unit_roundoff("float64") * root_mean_square(self.weights[name])
        return lost / bound("float64 ten steps")

    def update_bound(self, name: str) -> float | None:
        """Error of the parameter after a float32 step, in learning rates, that rounding explains."""
        if name not in self.owners:
            return None
        optimizer = self.owners[name]
        second = None if self.run is None else self.run.array(f"moments/{self.step}/second", name)
        deviation = self.clip * self.budgets.parameters[name].deviation
        return budgets.step_budget(
            optimizer, self.weights[name].astype(np.float64), self.gradient(name), deviation, self.step + 1, second
        ).bound + _powers(optimizer, self.step + 1)


def _powers(optimizer: Optimizer, step: int) -> float:
    """What float32 loses of an update of one learning rate where the powers of the betas are multiplied up in float32.

    Paddle does: after t steps β^t is off by up to 2t roundings, and the bias correction divides by 1 − β^t, which for
    β2 = 0.999 is small.
    """
    lost = 2 * step * unit_roundoff("float32")
    return sum(
        share * lost * beta**step / (1 - beta**step) for beta, share in ((optimizer.beta1, 1.0), (optimizer.beta2, 0.5))
    )
