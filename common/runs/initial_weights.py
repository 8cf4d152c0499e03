"""Default initial distributions of both frameworks, drawn in NumPy.

A port that keeps the target framework's defaults does not start from the published distribution, so a recipe's weights
are drawn here, from the published framework's rule, and given to both.
"""

from __future__ import annotations

import numpy as np

from ..dictionary.index import BY_KIND
from ..dictionary.operations.normalization import COUNTER
from ..dictionary.training.distributions import DISTRIBUTIONS
from ..random_streams import stream
from ..spec import Recipe


def initial_weights(recipe: Recipe, seed: int) -> dict[str, np.ndarray]:
    """Weights and buffers of a fresh model: canonical name → float32 array (the batch counter is int64).

    Args:
        recipe: its `framework` decides the distributions.
        seed: of the run; each array has a stream of its own, keyed by its name.
    """
    weights: dict[str, np.ndarray] = {}
    for network in recipe.model.networks().values():
        for layer in network.walk():
            weight = next(iter(layer.parameters().values()), ())
            for name, shape in {**layer.parameters(), **layer.buffers()}.items():
                full, leaf = network.prefix + name, name.rpartition(".")[2]
                rule = DISTRIBUTIONS[BY_KIND[layer.kind].initial[leaf][recipe.framework == "paddle"]]
                values = rule.draw(stream(seed, f"weights/{full}"), shape, weight)
                weights[full] = values.astype(np.int64 if leaf == COUNTER else np.float32)
    return weights
