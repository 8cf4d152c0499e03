"""The plan of an epoch: which image at which step, with which noise and which dropout masks."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

from ..random_streams import normal, stream
from ..spec import Recipe


@dataclass(frozen=True)
class EpochPlan:
    """One epoch, ready to hand to a backend.

    `order` `[n]` int64 indexes the data set, `noise` `[n, latent]` float32 goes with it; step `s` takes the rows
    `bounds(s)` of both.
    """

    recipe: Recipe
    seed: int
    epoch: int
    order: np.ndarray
    noise: np.ndarray

    @property
    def steps(self) -> int:
        return -(-len(self.order) // self.recipe.training.batch_size)

    def bounds(self, step: int) -> tuple[int, int]:
        size = self.recipe.training.batch_size
        return step * size, min((step + 1) * size, len(self.order))

    def masks(self, step: int) -> dict[str, np.ndarray]:
        """For each dropout, by name: `[batch, *shape]` of 0 and 1/(1 − p). Empty when nothing is dropped."""
        start, stop = self.bounds(step)
        return {
            layer.name: dropout_mask(self.seed, layer.name, self.epoch, step, (stop - start, *shape), layer.p)
            for layer, shape in self.recipe.model.dropouts()
        }


def dropout_mask(seed: int, name: str, epoch: int, step: int, shape: tuple[int, ...], p: float) -> np.ndarray:
    """What a dropout multiplies its input by: 1/(1 − p) with probability 1 − p, else 0, as float32."""
    kept = stream(seed, f"dropout/{name}", epoch, step).random(shape, dtype=np.float32) >= p
    return kept * np.float32(1 / (1 - p))


def plan_epoch(recipe: Recipe, seed: int, epoch: int, count: int) -> EpochPlan:
    """Shuffle `count` images and draw the noise for `epoch`. The last partial batch goes if the recipe drops it."""
    order = stream(seed, "order", epoch).permutation(count).astype(np.int64)
    if recipe.training.drop_last:
        order = order[: count // recipe.training.batch_size * recipe.training.batch_size]
    shape = recipe.model.decoder.input_shape
    noise = normal(seed, "noise", epoch, shape=(len(order), prod(shape)))
    return EpochPlan(recipe, seed, epoch, order, noise)
