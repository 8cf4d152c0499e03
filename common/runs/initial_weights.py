"""Default initial distributions of both frameworks, drawn in NumPy.

A port that keeps the target framework's defaults does not start from the published distribution, so a recipe's weights
are drawn here, from the published framework's rule, and given to both. Measured on paddlepaddle 3.3.1 and torch 2.13.0.
"""

from __future__ import annotations

from math import prod, sqrt

import numpy as np

from ..random_streams import stream
from ..spec import BatchNorm, Conv2D, ConvTranspose2D, Layer, Linear, Recipe


def initial_weights(recipe: Recipe, seed: int) -> dict[str, np.ndarray]:
    """Weights and buffers of a fresh model: canonical name → float32 array (the batch counter is int64).

    Args:
        recipe: its `framework` decides the distributions.
        seed: of the run; each array has a stream of its own, keyed by its name.
    """
    weights: dict[str, np.ndarray] = {}
    for network in recipe.model.networks().values():
        for layer in network.walk():
            for name, shape in layer.parameters().items():
                full = network.prefix + name
                draw = stream(seed, f"weights/{full}")
                weights[full] = _draw(draw, recipe.framework, layer, name.rsplit(".", 1)[1], shape)
            for name, shape in layer.buffers().items():
                weights[network.prefix + name] = _fresh_statistic(name, shape)
    return weights


def _draw(draw: np.random.Generator, framework: str, layer: Layer, part: str, shape: tuple[int, ...]) -> np.ndarray:
    if isinstance(layer, BatchNorm):
        return np.full(shape, 1 if part == "weight" else 0, np.float32)
    if framework == "paddle" and part == "bias":
        return np.zeros(shape, np.float32)
    if framework == "paddle" and isinstance(layer, Conv2D):
        return (draw.standard_normal(shape) * sqrt(2 / fan_in(layer))).astype(np.float32)
    bound = _uniform_bound(framework, layer)
    return draw.uniform(-bound, bound, shape).astype(np.float32)


def _uniform_bound(framework: str, layer: Layer) -> float:
    if framework == "torch":
        return 1 / sqrt(fan_in(layer))
    if isinstance(layer, Linear):
        return sqrt(6 / (layer.in_features + layer.out_features))
    return sqrt(6 / ((layer.in_channels + layer.out_channels) * layer.kernel**2))


def fan_in(layer: Layer) -> int:
    """Inputs that feed one output, as PyTorch and Paddle count them.

    For a transposed convolution that is out · k²: both take the second axis of the `[in, out, k, k]` weight.
    """
    first, *rest = next(iter(layer.parameters().values()))
    return prod(rest) if isinstance(layer, (Conv2D, ConvTranspose2D, Linear)) else first


def _fresh_statistic(name: str, shape: tuple[int, ...]) -> np.ndarray:
    if name.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    return np.full(shape, 1 if name.endswith("running_var") else 0, np.float32)
