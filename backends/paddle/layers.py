"""Layers of Paddle; see `contract.Layers`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import paddle
from paddle import Tensor, nn

from ...common.spec import BatchNorm
from .. import layers

FRAMEWORK = paddle
MODEL = nn.Layer
CLASSES: Mapping[str, Callable] = {"conv2d": nn.Conv2D, "conv_transpose2d": nn.Conv2DTranspose, "linear": nn.Linear}
BIAS: str = "bias_attr"


class RuledBatchNorm(layers.RuledBatchNorm, nn.BatchNorm2D):
    """See `layers.RuledBatchNorm`."""

    framework, newest, variance = paddle, 0.0, "biased"  # Paddle weighs the old value

    def __init__(self, layer: BatchNorm) -> None:
        super().__init__(layer.features, 1 - layer.momentum, layer.held_eps)
        self.layer = layer
        self.batches = 0  # PyTorch counts in its state dict; Paddle's has no place for it

    def statistics(self) -> tuple[Tensor, Tensor]:
        return self._mean, self._variance

    def update(self, mean: Tensor, variance: Tensor) -> None:
        paddle.assign(mean, self._mean)
        paddle.assign(variance, self._variance)
        self.batches += 1
