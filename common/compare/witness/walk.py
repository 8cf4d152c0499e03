"""The witness's way through a model: `walk` says what is computed from what, an arithmetic says on which numbers.

`Exact` computes on float64 arrays. `rounding` follows errors through the same walk with an arithmetic of its own.
Written from the spec and the write-ups, not from the backends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...errors import BadInput
from ...spec import (
    Activation,
    BatchNorm,
    Condition,
    Dropout,
    LabelChannel,
    Latent,
    Layer,
    Network,
    Product,
    Recipe,
    Reshape,
)
from .layers import but_channels, per_channel, product_map

Arrays = Mapping[str, np.ndarray]


class Exact:
    """Arithmetic on plain float64 arrays."""

    def constant(self, array: np.ndarray) -> Any:
        return np.asarray(array, np.float64)

    def weigh(self, layer: Product, weight: np.ndarray, bias: np.ndarray | None, x: np.ndarray) -> np.ndarray:
        y = product_map(layer, x.shape).output(weight, x)
        return y if bias is None else y + per_channel(bias, y.ndim)

    def normalize(self, layer: BatchNorm, x, weight, bias, statistics: tuple | None) -> np.ndarray:
        """`statistics`: mean and variance `[C]`, or None for the batch's own, whose variance is then the biased one."""
        axes = but_channels(x.ndim)
        mean, variance = (x.mean(axes), x.var(axes)) if statistics is None else statistics
        scaled = (x - per_channel(mean, x.ndim)) / np.sqrt(per_channel(variance, x.ndim) + layer.held_eps)
        return scaled * per_channel(weight, x.ndim) + per_channel(bias, x.ndim)

    def activate(self, layer: Activation, x: np.ndarray) -> np.ndarray:
        return activation(layer, x)

    def scale(self, x: np.ndarray, factor: np.ndarray) -> np.ndarray:
        return x * np.asarray(factor, np.float64).reshape(x.shape)

    def reshape(self, x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        return x.reshape(shape)

    def join(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.concatenate([first, second], axis=1)

    def sample(self, latent: Latent, mean: np.ndarray, spread: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """mean + noise · σ, where `spread` is log σ² or log σ."""
        sigma = np.exp(spread / 2 if latent.spread == "logvar" else spread)
        return mean + np.asarray(noise, np.float64).reshape(mean.shape) * sigma


def activation(layer: Activation, x: np.ndarray) -> np.ndarray:
    """The elementwise function of a layer; the logistic function in a form that does not overflow."""
    match layer.function:
        case "relu":
            return np.maximum(x, 0.0)
        case "leaky_relu":
            return np.where(x > 0, x, layer.slope * x)
        case "sigmoid":
            return 0.5 * (1 + np.tanh(x / 2))
    return np.tanh(x)


def walk(arithmetic, recipe, weights, image, label, noise, masks=None, training=True) -> dict[str, Any]:
    """Every activation by name, in execution order, as numbers of any arithmetic with the methods of `Exact`.

    `weights` may hold the arithmetic's own numbers; anything else goes through its `constant`.
    """
    missing = set(recipe.model.parameters()) - set(weights)
    if missing:
        raise BadInput(
            f"{recipe.name}: without {', '.join(sorted(missing))} nothing can be computed; give every weight"
        )
    held = {name: arithmetic.constant(array) for name, array in weights.items()}
    seen: dict[str, Any] = {}
    model = recipe.model
    run = _Walk(arithmetic, held, label, masks, training, seen)
    heads = run.network(model.encoder, arithmetic.constant(image))
    z = heads[0]
    if model.latent.spread != "none":
        z = arithmetic.sample(model.latent, heads[0], heads[1], noise)
    if model.latent.dropout and masks:
        seen["latent.sample"] = z
        z = arithmetic.scale(z, masks[model.latent.dropout.name])
    seen["latent.z"] = z
    run.network(model.decoder, z)
    return seen


class _Walk:
    """One pass through the networks of a model, which notes every activation in `seen`."""

    def __init__(self, arithmetic, held, label, masks, training, seen) -> None:
        self.arithmetic, self.held, self.label = arithmetic, held, label
        self.masks, self.training, self.seen = masks, training, seen

    def network(self, network: Network, x: Any) -> list[Any]:
        x = self.arithmetic.reshape(x, (x.shape[0], *network.input_shape))
        if network.condition is not None:
            joined = self.seen[f"{network.name}.label"] = self._label(network, network.condition, x.shape)
            x = self.seen[f"{network.name}.input"] = self.arithmetic.join(x, joined)
        for place, layer in enumerate(network.layers):
            x = self.seen[network.activation_name(place)] = self._layer(network, layer, x)
        heads = [self._layer(network, head, x) for head in network.heads]
        self.seen |= {f"{network.name}.{head.name}": y for head, y in zip(network.heads, heads, strict=True)}
        return heads or [x]

    def _label(self, network: Network, condition: Condition, x_shape: tuple[int, ...]) -> Any:
        """The label as an image channel that a layer draws, or one-hot in the rank of the input."""
        count = x_shape[0]
        if self.label is None:
            raise BadInput(f"{network.name} is conditional: give a one-hot label [N, {condition.classes}]")
        hot = self.arithmetic.constant(self.label)
        if not isinstance(condition, LabelChannel):
            return self.arithmetic.reshape(hot, (count, condition.classes, *(1 for _ in x_shape[2:])))
        drawn = self._layer(network, condition.layer, self.arithmetic.reshape(hot, (count, condition.classes, 1, 1)))
        self.seen[f"{network.name}.{condition.layer.name}"] = drawn
        return self.arithmetic.reshape(drawn, (count, 1, *x_shape[2:]))

    def _layer(self, network: Network, layer: Layer, x: Any) -> Any:
        arrays = {name.rsplit(".", 1)[1]: self.held.get(network.prefix + name) for name in _state(layer)}
        match layer:
            case Reshape():
                return self.arithmetic.reshape(x, (x.shape[0], *layer.shape))
            case Activation():
                return self.arithmetic.activate(layer, x)
            case Dropout():
                return self.arithmetic.scale(x, self.masks[layer.name]) if self.masks else x
            case BatchNorm():
                statistics = None if self.training else (arrays["running_mean"], arrays["running_var"])
                return self.arithmetic.normalize(layer, x, arrays["weight"], arrays["bias"], statistics)
        if isinstance(layer, Product):
            return self.arithmetic.weigh(layer, arrays["weight"], arrays.get("bias"), x)
        raise TypeError(f"{layer.name}: the witness has no arithmetic for {type(layer).__name__}")


def _state(layer: Layer) -> list[str]:
    return [*layer.parameters(), *layer.buffers()]


def outputs(recipe: Recipe, seen: Mapping[str, Any]) -> tuple[tuple[Any, ...], Any]:
    """The encoder's heads and the decoded image among the activations of `forward`."""

    def ends(network: Network) -> tuple[Any, ...]:
        names = [f"{network.name}.{head.name}" for head in network.heads]
        return tuple(seen[name] for name in names or [network.activation_name(len(network.layers) - 1)])

    return ends(recipe.model.encoder), ends(recipe.model.decoder)[0]
