"""Layers of PyTorch; see `contract.Layers`."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ...common.spec import BatchNorm
from .. import layers

FRAMEWORK = torch
MODEL = nn.Module
CLASSES: Mapping[str, Callable] = {"conv2d": nn.Conv2d, "conv_transpose2d": nn.ConvTranspose2d, "linear": nn.Linear}
BIAS: str = "bias"


class RuledBatchNorm(layers.RuledBatchNorm, nn.BatchNorm2d):
    """See `layers.RuledBatchNorm`."""

    framework, newest, variance = torch, 1.0, "unbiased"
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, layer: BatchNorm) -> None:
        super().__init__(layer.features, layer.held_eps, layer.momentum)
        self.layer = layer

    def statistics(self) -> tuple[Tensor, Tensor]:
        return self.running_mean, self.running_var

    def update(self, mean: Tensor, variance: Tensor) -> None:
        self.running_mean.copy_(mean)
        self.running_var.copy_(variance)
        self.num_batches_tracked.add_(1)
