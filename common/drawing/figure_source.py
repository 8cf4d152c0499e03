"""What every figure is drawn from: a recipe, a session that encodes and decodes, data, and noise of the run's streams.

The session only turns arrays into arrays; latents, labels and noise come from here, so that both frameworks draw the
same figure from the same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..data import Dataset
from ..random_streams import normal
from ..spec import Recipe


@dataclass(frozen=True)
class FigureSource:
    """What every figure is drawn from.

    `data` is what the recipe trains on (its picked images only); `history` holds the rows of `metrics.jsonl`.
    """

    recipe: Recipe
    session: Any
    data: Dataset
    seed: int
    history: Sequence[dict]
    folder: Path
    backend: str

    @property
    def value_range(self) -> tuple[float, float]:
        return self.recipe.data.value_range

    def title(self, what: str) -> str:
        return f"{self.recipe.name}, {self.backend}: {what}"

    def noise(self, purpose: str, count: int) -> np.ndarray:
        """Latents from N(0, I), `[count, latent]`, the same for both frameworks and every epoch."""
        return normal(self.seed, f"figure/{purpose}", shape=(count, self.recipe.model.latent.size))

    def one_hot(self, labels: np.ndarray) -> np.ndarray | None:
        """Rows `[N, classes]`, or nothing for an unconditional model."""
        model = self.recipe.model
        return np.eye(model.classes, dtype=np.float32)[labels] if model.conditional else None

    def first(self, count: int) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """The first images as the model sees them, their one-hot labels, and their labels."""
        chosen = self.data.subset(np.arange(min(count, len(self.data))))
        hot = chosen.one_hot(self.recipe.model.classes) if self.recipe.model.conditional else None
        return chosen.scaled(*self.value_range), hot, chosen.labels

    def posterior(self, images: np.ndarray, hot: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
        """Means and standard deviations `[N, latent]`; an autoencoder has no deviations."""
        heads = [head.reshape(len(images), -1) for head in self.session.encode(images, hot)]
        spread = self.recipe.model.latent.spread
        if spread == "none":
            return heads[0], None
        return heads[0], np.exp(heads[1] / 2 if spread == "logvar" else heads[1])

    def sample(self, images: np.ndarray, hot: np.ndarray | None, purpose: str) -> np.ndarray:
        """Latents drawn from the posterior of `images`."""
        means, deviations = self.posterior(images, hot)
        return means if deviations is None else means + deviations * self.noise(purpose, len(images))
