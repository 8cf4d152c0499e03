"""The importance-weighted log-likelihood of a Bernoulli decoder (Burda, Grosse and Salakhutdinov 2016)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import Dataset
from ..errors import BadInput
from ..random_streams import stream
from ..spec import Recipe
from .measures import Progress, unwatched
from .terms import bernoulli_logs, blocks, finite, posterior, sigma

ROWS = 2000  # latents decoded at a time: 25 MB for 784 values in float64


def log_likelihoods(
    recipe: Recipe, session: Any, data: Dataset, samples: int, seed: int, progress: Progress = unwatched
) -> np.ndarray:
    """log p(x) of every image from exactly `samples` latents each: float64 `[N]`, in nats.

    log p(x) ≈ log (1/k) Σ p(x|z) p(z) / q(z|x) with z from q, the encoder's posterior: a lower bound in expectation
    that rises to log p(x) with k. The samples of an image depend on the seed and its place only; those for a larger k
    begin with those for a smaller one.

    Args:
        session: `encode` and `decode` as in `terms.elbo_terms`; the decoder gives Bernoulli probabilities.
        samples: k, at least 1.

    Raises:
        BadInput: k is below 1, the model is an autoencoder, or it takes labels that the data lacks.
        Diverged: outputs are not finite.
    """
    if samples < 1:
        raise BadInput(f"samples must be at least 1, but is {samples}")
    group = max(1, ROWS // samples)
    estimates = np.empty(len(data))
    for place, images, hot in blocks(recipe, data):
        means, log_sigma = posterior(recipe.model.latent, session.encode(images, hot))
        if log_sigma is None:
            raise BadInput(f"{recipe.name}: an autoencoder has no posterior to draw from; give a variational recipe")
        for start in range(0, len(images), group):
            rows = slice(start, start + group)
            labels = None if hot is None else hot[rows]
            first = place.start + start
            draws = [stream(seed, "evaluate/importance", first + row) for row in range(len(means[rows]))]
            weights = _log_weights(session, images[rows], labels, means[rows], log_sigma[rows], draws, samples)
            done = first + len(weights)
            estimates[first:done] = np.logaddexp.reduce(weights, axis=1) - np.log(samples)
            progress("log-likelihood", done, len(data))
    return estimates


def _log_weights(session, images, hot, means, log_sigma, draws, samples: int) -> np.ndarray:
    """log p(x|z) + log p(z) − log q(z|x) for `samples` latents of each image: float64 `[n, samples]`."""
    pieces = []
    pixels = images.reshape(len(images), -1, 1).astype(np.float64)
    for start in range(0, samples, ROWS):
        size = min(ROWS, samples - start)
        noise = np.stack([draw.standard_normal((size, means.shape[1]), dtype=np.float32) for draw in draws])
        noise = noise.astype(np.float64)
        z = means[:, None] + sigma(log_sigma)[:, None] * noise
        labels = None if hot is None else np.repeat(hot, size, axis=0)
        decoded = finite(session.decode(z.reshape(-1, z.shape[2]), labels), "decoder")
        off, on = bernoulli_logs(decoded.reshape(len(images), size, -1))
        likelihood = off.sum(2) + ((on - off) @ pixels)[:, :, 0]
        # Both densities hold −½ log 2π for each latent, which cancels; (z − mean) / σ is the noise.
        prior_over_posterior = 0.5 * (noise**2 - z**2).sum(2) + log_sigma.sum(1)[:, None]
        pieces.append(likelihood + prior_over_posterior)
    return np.concatenate(pieces, axis=1)
