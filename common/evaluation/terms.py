"""The terms of the objective and of the ELBO, image by image, in float64.

They are the backends' `objective_terms` written for NumPy arrays, not yet summed over the batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data import Dataset
from ..errors import Diverged
from ..random_streams import normal
from ..spec import Latent, Recipe
from .measures import Progress, unwatched

BLOCK = 500  # images encoded at a time
LOWEST_LOG = -100.0  # where PyTorch's binary cross-entropy holds its logarithms


@dataclass(frozen=True)
class Terms:
    """What one posterior sample an image gives; every array is float64.

    Attributes:
        reconstruction: `[N]`, in the objective's own units.
        kl: `[N]`, in the objective's own form; zeros where the objective has none.
        summed_error: `[N]`, the reconstruction error summed over the values, whatever the objective does.
        exact_kl: `[N]` in nats, or None for an autoencoder.
        means: `[N, latent]`, the posterior means (an autoencoder's codes).
    """

    reconstruction: np.ndarray
    kl: np.ndarray
    summed_error: np.ndarray
    exact_kl: np.ndarray | None
    means: np.ndarray


def elbo_terms(recipe: Recipe, session: Any, data: Dataset, seed: int, progress: Progress = unwatched) -> Terms:
    """Encode each image, draw one z from its posterior, decode it, and measure both terms.

    Args:
        session: `encode(images [N, C, H, W], one-hot or None)` and `decode(z [N, latent], one-hot or None)`.
        seed: of the posterior samples, which are the same for every framework and every batch size.

    Raises:
        BadInput: the model takes labels that the data lacks. Diverged: the outputs are not finite.
    """
    latent, objective = recipe.model.latent, recipe.objective
    noise = normal(seed, "evaluate/elbo", shape=(len(data), latent.size))
    rows: list[tuple[np.ndarray, ...]] = []
    for place, images, hot in blocks(recipe, data):
        means, log_sigma = posterior(latent, session.encode(images, hot))
        z = means if log_sigma is None else means + sigma(log_sigma) * noise[place]
        error = reconstruction_error(objective.reconstruction, finite(session.decode(z, hot), "decoder"), images)
        exact = kl = np.zeros(len(images))
        if log_sigma is not None:
            exact = divergence("exact", means, log_sigma)
            kl = kl if objective.kl == "none" else divergence(objective.kl, means, log_sigma)
        rows.append((error, kl, exact, means))
        progress("ELBO terms", min(place.stop, len(data)), len(data))
    error, kl, exact, means = (np.concatenate(column) for column in zip(*rows, strict=True))
    values = int(np.prod(recipe.model.image_shape))
    return Terms(
        reconstruction=error if objective.over_values == "sum" else error / values,
        kl=kl,
        summed_error=error,
        exact_kl=None if latent.spread == "none" else exact,
        means=means,
    )


def blocks(recipe: Recipe, data: Dataset) -> Iterator[tuple[slice, np.ndarray, np.ndarray | None]]:
    """The data piece by piece as the model takes it: place, images `[n, C, H, W]`, one-hot `[n, classes]` or None."""
    for start in range(0, len(data), BLOCK):
        place = slice(start, start + BLOCK)
        piece = data.subset(place)
        hot = piece.one_hot(recipe.model.classes) if recipe.model.conditional else None
        yield place, piece.scaled(*recipe.data.value_range), hot


def posterior(latent: Latent, heads: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray | None]:
    """Means and log σ, float64 `[N, latent]`, from the encoder's heads in any shape; an autoencoder has no σ."""
    flat = [finite(head, "encoder").reshape(len(head), -1) for head in heads]
    if latent.spread == "none":
        return flat[0], None
    return flat[0], flat[1] / 2 if latent.spread == "logvar" else flat[1]


def sigma(log_sigma: np.ndarray) -> np.ndarray:
    """σ from log σ. Raises `Diverged` where it is beyond float64."""
    with np.errstate(over="ignore"):
        return finite(np.exp(log_sigma), "encoder")


def finite(array: np.ndarray, network: str) -> np.ndarray:
    """The array as float64. Raises `Diverged` where it holds a value that is not a number: no mean would be one."""
    array = np.asarray(array, np.float64)
    if not np.isfinite(array).all():
        raise Diverged(f"the {network} gives values that are not finite numbers; train again with a smaller rate")
    return array


def reconstruction_error(kind: str, decoded: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Squared error or binary cross-entropy of `[N, …]`, summed over the values: float64 `[N]`."""
    count = len(images)
    decoded, images = decoded.reshape(count, -1), np.asarray(images, np.float64).reshape(count, -1)
    if kind == "squared_error":
        return np.square(decoded - images).sum(1)
    off, on = bernoulli_logs(decoded)
    return -(off.sum(1) + (images * (on - off)).sum(1))


def bernoulli_logs(probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log(1 − p) and log p, held above −100 as in training: a p of exactly 0 or 1 has no logarithm."""
    with np.errstate(divide="ignore"):
        off, on = np.log1p(-probabilities), np.log(probabilities)
    return np.maximum(off, LOWEST_LOG, out=off), np.maximum(on, LOWEST_LOG, out=on)


def divergence(form: str, means: np.ndarray, log_sigma: np.ndarray) -> np.ndarray:
    """KL of N(mean, σ²) from N(0, I) in nats, or the published form of the 2-D write-up: float64 `[N]`."""
    with np.errstate(over="ignore"):
        variance = finite(np.exp(2 * log_sigma), "encoder")
    if form == "published_2d":
        return (variance + means**2 - log_sigma - 0.5).sum(1)
    return (0.5 * (variance + means**2 - 1) - log_sigma).sum(1)
