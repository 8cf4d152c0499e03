"""The objective on `Rounded` numbers: what rounding does to its terms, and where back-propagation starts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...spec import Recipe
from ..witness.exact import LOWEST_LOG
from .arithmetic import ELEMENTARY
from .numbers import Precision, Rounded, plain_sum

Errors = tuple[np.ndarray, np.ndarray]


def objective_terms(
    recipe: Recipe, precision: Precision, heads: Sequence[Rounded], decoded: Rounded, image: np.ndarray
) -> dict[str, Errors]:
    """Value and variance of `loss`, `reconstruction` and `kl`; gives `decoded` and `heads` their gradients.

    Arguments as for `witness.objective`, in `Rounded` numbers. Reconstruction and KL are sums over the batch.
    """
    terms, count = recipe.objective, len(image)
    weight = 1 / count if terms.over_batch == "mean" else 1.0
    reconstruction = _reconstruction(recipe, precision, decoded, image.reshape(decoded.shape), weight)
    divergence = (np.zeros(()), np.zeros(()))
    if terms.kl != "none":
        divergence = _divergence(recipe, precision, heads[0], heads[1], weight * terms.beta)
    total = weight * (reconstruction[0] + terms.beta * divergence[0])
    inherited = weight**2 * (reconstruction[1] + terms.beta**2 * divergence[1])
    loss = (total, inherited + precision.store**2 * total**2)
    return {"loss": loss, "reconstruction": reconstruction, "kl": divergence}


def _reconstruction(recipe: Recipe, precision: Precision, decoded: Rounded, image: np.ndarray, weight: float) -> Errors:
    once, count = precision.store**2 / 3, len(image)
    share = 1.0 if recipe.objective.over_values == "sum" else count / image.size  # of one value in its image
    form = _squared if recipe.objective.reconstruction == "squared_error" else _cross_entropy
    value, slope, bend, rounding = form(decoded.value, image, once)
    each = (value.reshape(count, -1), (slope**2 * decoded.variance + rounding).reshape(count, -1))
    summed = plain_sum(each, (1,), precision)
    total = plain_sum((share * summed[0], share**2 * summed[1]), (0,), precision)
    gradient = share * weight * slope
    of_slope = (share * weight * bend) ** 2 * (decoded.variance + once * decoded.value**2)
    decoded.receive(gradient, of_slope + 4 * once * gradient**2)
    return total[0], total[1]


def _squared(decoded: np.ndarray, image: np.ndarray, once: float) -> tuple[np.ndarray, ...]:
    """(d − x)²: value, first and second derivative, and the variance of its own rounding."""
    apart = decoded - image
    return apart**2, 2 * apart, np.full_like(apart, 2.0), 5 * once * apart**4


def _cross_entropy(decoded: np.ndarray, image: np.ndarray, once: float) -> tuple[np.ndarray, ...]:
    """−x log d − (1 − x) log(1 − d), as `_squared`. Where a logarithm is held, the derivative is that of the hold."""
    with np.errstate(divide="ignore"):
        logs = np.maximum(np.log(decoded), LOWEST_LOG), np.maximum(np.log1p(-decoded), LOWEST_LOG)
    parts = image * logs[0], (1 - image) * logs[1]
    open_side = np.maximum(decoded * (1 - decoded), 1e-12)  # both frameworks divide by no less
    slope = (decoded - image) / open_side
    bend = image / np.maximum(decoded, 1e-12) ** 2 + (1 - image) / np.maximum(1 - decoded, 1e-12) ** 2
    rounding = (ELEMENTARY**2 + 1) * once * (parts[0] ** 2 + parts[1] ** 2)
    return -(parts[0] + parts[1]), slope, bend, rounding


def _divergence(recipe: Recipe, precision: Precision, mean: Rounded, spread: Rounded, weight: float) -> Errors:
    """KL as the write-up has it, summed; its terms 1, log σ², μ² and σ² cancel near the prior."""
    once, rate = precision.store**2 / 3, 1.0 if recipe.model.latent.spread == "logvar" else 2.0
    half = 1.0 if recipe.objective.kl == "published_2d" else 0.5  # of σ² and μ²
    log_variance, variance = rate * spread.value, np.exp(rate * spread.value)
    value = half * (variance + mean.value**2) - 0.5 * log_variance - 0.5
    of_mean, of_spread = 2 * half * mean.value, rate * (half * variance - 0.5)
    rounding = once * (ELEMENTARY**2 * variance**2 + mean.value**4 + log_variance**2 + 1)
    inherited = of_mean**2 * mean.variance + of_spread**2 * spread.variance
    total = plain_sum(
        (value.reshape(len(value), -1), (inherited + rounding).reshape(len(value), -1)), (0, 1), precision
    )
    of_of_spread = (rate**2 * half * variance) ** 2 * spread.variance
    terms = rate**2 * (ELEMENTARY**2 * (half * variance) ** 2 + 0.25)
    mean.receive(weight * of_mean, (2 * half * weight) ** 2 * mean.variance + 2 * once * (weight * of_mean) ** 2)
    spread.receive(weight * of_spread, weight**2 * (of_of_spread + once * terms))
    return total[0], total[1]
