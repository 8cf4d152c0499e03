"""Each kind of layer in PyTorch."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...common.spec import Activation, BatchNorm, Conv2D, ConvTranspose2D, Layer, Linear
from .tensors import without_gradients


def make_layer(layer: Layer) -> Callable[[Tensor], Tensor]:
    """The module of a layer that holds weights; for an activation, the function."""
    match layer:
        case Conv2D(_, inputs, outputs, kernel, stride, padding, bias):
            return nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=bias)
        case ConvTranspose2D(_, inputs, outputs, kernel, stride, padding, output_padding, bias):
            return nn.ConvTranspose2d(inputs, outputs, kernel, stride, padding, output_padding, bias=bias)
        case Linear(_, inputs, outputs, bias):
            return nn.Linear(inputs, outputs, bias=bias)
        case BatchNorm():
            return RuledBatchNorm(layer)
        case Activation():
            return activation(layer)
    raise TypeError(f"no PyTorch layer for {layer}")


def activation(layer: Activation) -> Callable[[Tensor], Tensor]:
    match layer.function:
        case "leaky_relu":
            return lambda x: functional.leaky_relu(x, layer.slope)
        case "relu":
            return functional.relu
        case "sigmoid":
            return functional.sigmoid
    return torch.tanh


class RuledBatchNorm(nn.BatchNorm2d):
    """Of any rank; its running variance follows the recipe's rule, whichever framework it came from."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, layer: BatchNorm) -> None:
        super().__init__(layer.features, layer.held_eps, layer.momentum)
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            mean, variance = self.running_mean, self.running_var
            return functional.batch_norm(x, mean, variance, self.weight, self.bias, False, 0.0, self.layer.held_eps)
        # With momentum 1 the framework leaves this batch's own statistics in the buffers, the variance unbiased.
        mean, variance = torch.zeros_like(self.running_mean), torch.ones_like(self.running_var)
        out = functional.batch_norm(x, mean, variance, self.weight, self.bias, True, 1.0, self.layer.held_eps)
        count = math.prod(x.shape) // x.shape[1]
        if self.layer.variance == "biased":
            variance = variance * ((count - 1) / count)
        with without_gradients():
            momentum = self.layer.momentum
            self.running_mean.copy_(self.running_mean * (1 - momentum) + mean * momentum)
            self.running_var.copy_(self.running_var * (1 - momentum) + variance * momentum)
            self.num_batches_tracked.add_(1)
        return out


def reconstruction_error(kind: str, decoded: Tensor, image: Tensor) -> Tensor:
    """Elementwise squared error, or binary cross-entropy with its logarithms held above −100."""
    if kind == "squared_error":
        return (decoded - image).square()
    return functional.binary_cross_entropy(decoded, image, reduction="none")
