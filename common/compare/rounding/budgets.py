"""What rounding can explain: errors in ulp, and how large they may be, from the sizes of a model's sums.

A precision verdict compares a float32 (float16, bfloat16, TF32) error with the error that rounding makes at most, not
with a tuned constant. `rounding_numbers` derives how errors arise and add up; `rounding_arithmetic` follows them
through the witness's walk. A bound is `SAFETY` times the root mean square that comes out: room for errors that are not
independent; and more for arrays of few elements, whose root mean square is left to chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...distance import ROUNDOFF, root_mean_square, unit_roundoff
from ...spec import Activation, Optimizer, Recipe
from ..witness.walk import Arrays, outputs, walk
from .arithmetic import SAFETY, Following
from .numbers import Precision, Rounded, given
from .objective import objective_terms


def precision(dtype: str) -> Precision:
    """Which roundings a forward pass in `dtype` makes.

    TF32 rounds the operands of products only; float16 and bfloat16 what is given and what is stored, so that operands
    need no further rounding. All three accumulate in float32, as tensor cores do.
    """
    u, single = unit_roundoff(dtype), ROUNDOFF["float32"]
    if dtype in ("float64", "float32"):
        return Precision(0.0, u, u)
    return Precision(u, single, single) if dtype == "tf32" else Precision(0.0, single, u, given=u)


@dataclass(frozen=True)
class Budget:
    """What rounding may do to one array.

    Attributes:
        deviation: standard deviation of the error of each element, in the array's shape.
        scale: root mean square of the exact values or, where the terms of a sum cancel, of √Σ terms²: what an error
            is judged against. The gradient of a bias before batch normalisation is 0, its terms are not.
        doubtful: values so near the kink of a ReLU that rounding may have moved them across, on the way here. Each
            adds the whole jump of its derivative.
    """

    deviation: np.ndarray
    scale: float
    doubtful: int = 0

    @property
    def bound(self) -> float:
        """The error, as a root mean square relative to `scale`, that rounding explains."""
        # The root mean square of n errors strays from its expectation by √(1/2n); thrice that for a small array.
        stray = 1 + 3 / np.sqrt(2 * max(1, self.deviation.size))
        absolute = SAFETY * float(stray) * root_mean_square(self.deviation)
        return absolute / self.scale if self.scale else (0.0 if absolute == 0 else float("inf"))


def forward_budgets(
    recipe: Recipe, weights: Arrays, image, label, noise, masks=None, dtype: str = "float32", training: bool = True
) -> dict[str, Budget]:
    """Budget of every activation, by its name in `witness.forward`, whose arguments these are."""
    seen = walk(Following(precision(dtype)), recipe, weights, image, label, noise, masks, training)
    return {name: _budget(number) for name, number in seen.items()}


def forward_bounds(
    recipe: Recipe, weights: Arrays, image, label, noise, masks=None, dtype: str = "float32", training: bool = True
) -> dict[str, float]:
    """Relative error ‖a − b‖ / ‖b‖ that rounding explains: activation → bound. Arguments as for `witness.forward`."""
    budgets = forward_budgets(recipe, weights, image, label, noise, masks, dtype, training)
    return {name: budget.bound for name, budget in budgets.items()}


def _budget(number: Rounded) -> Budget:
    return Budget(np.sqrt(number.variance), root_mean_square(number.value))


@dataclass(frozen=True)
class GradientBudgets:
    """Budgets of one training step: gradients of parameters and of activations by name, and the objective's terms.

    `gradients` and `activations` hold the exact gradients, in float64, as well.
    """

    parameters: dict[str, Budget]
    activations: dict[str, Budget]
    terms: dict[str, Budget]
    gradients: dict[str, np.ndarray]
    activation_gradients: dict[str, np.ndarray]


def gradient_budgets(
    recipe: Recipe,
    weights: Arrays,
    image,
    label,
    noise,
    masks=None,
    dtype: str = "float32",
    measured: Arrays | None = None,
) -> GradientBudgets:
    """What rounding explains in the gradients of the loss, by back-propagation of errors through the witness.

    Gradients are those before clipping and without weight decay. Arguments as for `witness.forward`, and:

    Args:
        measured: the activations that the judged framework got, by name. A value that rounding moves across the kink
            of a ReLU changes the gradient by far more than rounding does elsewhere. With `measured`, the values that
            did cross, and which rounding can have moved, are counted; without, all that may.
    """  # fmt: skip
    kinks = None if measured is None else [measured[name] for name in _kinks(recipe)]
    following = Following(precision(dtype), kinks)
    held = {name: given(array, following.precision) for name, array in weights.items()}
    seen = walk(following, recipe, held, image, label, noise, masks)
    heads, decoded = outputs(recipe, seen)
    terms = objective_terms(recipe, following.precision, heads, decoded, np.asarray(image, np.float64))
    following.backward()
    doubtful = sum(number.doubtful for number in following.made)
    for number in following.made:
        number.send = None  # it holds the number itself: such a ring of large arrays would wait for the collector
    trained = {name: held[name] for name in recipe.model.parameters()}
    reached = {name: number for name, number in seen.items() if number.reached}
    return GradientBudgets(
        {name: _gradient_budget(number, doubtful) for name, number in trained.items()},
        {name: _gradient_budget(number, doubtful) for name, number in reached.items()},
        {name: Budget(np.sqrt(variance), float(np.abs(value))) for name, (value, variance) in terms.items()},
        {name: number.gradient for name, number in trained.items()},
        {name: number.gradient for name, number in reached.items()},
    )


def _kinks(recipe: Recipe) -> list[str]:
    """Names of the activations behind a ReLU, in execution order."""
    return [
        network.activation_name(place)
        for network in recipe.model.networks().values()
        for place, layer in enumerate(network.layers)
        if isinstance(layer, Activation) and layer.function in ("relu", "leaky_relu")
    ]


def _gradient_budget(number: Rounded, doubtful: int) -> Budget:
    scale = max(root_mean_square(number.gradient), float(np.sqrt(number.squares.mean())))
    return Budget(np.sqrt(number.gradient_variance), scale, doubtful)


def step_budget(
    optimizer: Optimizer,
    weight: np.ndarray,
    gradient: np.ndarray,
    deviation: np.ndarray,
    step: int = 1,
    second: np.ndarray | None = None,
) -> Budget:
    """Budget of a parameter after one Adam step in float32, relative to its learning rate, which is the `scale`.

    The update is lr · m̂ / (√v̂ + ε). On the first step m̂ = g and √v̂ = |g|: the derivative with respect to g is
    lr · ε / (|g| + ε)², but an element whose sign rounding decides moves by up to 2 lr. Later, at step t, the newest
    gradient weighs (1 − β1) / (1 − β1^t) in m̂, over the root of a `second` moment that is already there.

    Args:
        weight, gradient, deviation: of one parameter, before the step; the gradient is exact, with weight decay and
            clipping as the step takes it, and `deviation` is that of its error.
        second: the second moment before the step, in NumPy; None on the first step.
    """
    rate, once, u = optimizer.learning_rate, ROUNDOFF["float32"], np.abs(gradient)
    share = (1 - optimizer.beta1) / (1 - optimizer.beta1**step)
    if second is None or step == 1:
        moved = rate * optimizer.epsilon / (u + optimizer.epsilon) ** 2 * deviation
        moved = np.where(u <= SAFETY * deviation, np.minimum(2 * rate, np.maximum(moved, 2 * rate / SAFETY)), moved)
    else:
        square = optimizer.beta2 * second + (1 - optimizer.beta2) * gradient**2
        root = np.sqrt(square / (1 - optimizer.beta2**step)) + optimizer.epsilon
        # The second moment errs as well, but by 1 − β2 of what the first does.
        moved = np.minimum(2 * rate, 2 * rate * share / root * deviation)
    stored = once**2 / 3 * (weight**2 + 36 * rate**2)  # of the weight itself, and a dozen operations on the update
    return Budget(np.sqrt(moved**2 + stored), rate)
