"""The layers of a spec, as far as both frameworks have them alike; `layers.py` of each side says the rest."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import astuple
from functools import partial
from typing import Any, ClassVar

from ..common import spec
from .contract import Layers, Tensor


def make_layer(layers: Layers, layer: spec.Layer) -> Callable[[Tensor], Tensor]:
    """The module of a layer that holds weights; for an activation, the function."""
    if isinstance(layer, spec.Activation):
        function = getattr(layers.FRAMEWORK.nn.functional, layer.function)
        return partial(function, negative_slope=layer.slope) if layer.function == "leaky_relu" else function
    if isinstance(layer, spec.BatchNorm):
        return layers.RuledBatchNorm(layer)
    if not isinstance(layer, spec.Product):
        raise TypeError(f"{layer.name}: neither framework has a module for {type(layer).__name__}")
    _, *sizes, bias = astuple(layer)
    return layers.CLASSES[layer.kind](*sizes, **{layers.BIAS: bias})


class RuledBatchNorm:
    """Of any rank; its running variance follows the recipe's rule, whichever framework it came from.

    Mixed into a framework's class, which says which momentum leaves a batch's own statistics in the buffers, and
    whether the variance among them is biased or not.
    """

    framework: ClassVar[Any]
    newest: ClassVar[float]
    variance: ClassVar[str]
    layer: spec.BatchNorm
    training: bool
    weight: Any
    bias: Any

    @abstractmethod
    def statistics(self) -> tuple[Tensor, Tensor]:
        """The running mean and variance."""

    @abstractmethod
    def update(self, mean: Tensor, variance: Tensor) -> None:
        """Write new running statistics into the buffers, and count a batch."""

    def forward(self, x: Tensor) -> Tensor:
        framework, layer, statistics = self.framework, self.layer, self.statistics()
        normalize = framework.nn.functional.batch_norm
        if not self.training:
            return normalize(x, *statistics, self.weight, self.bias, False, 0.0, layer.held_eps)
        mean, variance = framework.zeros_like(statistics[0]), framework.ones_like(statistics[1])
        out = normalize(x, mean, variance, self.weight, self.bias, True, self.newest, layer.held_eps)
        count, momentum = math.prod(x.shape) // x.shape[1], layer.momentum
        if self.variance != layer.variance:
            variance = variance * ((count - 1) / count if layer.variance == "biased" else count / (count - 1))
        with framework.no_grad():
            pairs = zip(statistics, (mean, variance), strict=True)
            self.update(*(running * (1 - momentum) + new * momentum for running, new in pairs))
        return out
