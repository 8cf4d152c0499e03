"""Each kind of layer in Paddle."""

from __future__ import annotations

import math
from collections.abc import Callable

import paddle
from paddle import Tensor, nn
from paddle.nn import functional

from ...common.spec import Activation, BatchNorm, Conv2D, ConvTranspose2D, Layer, Linear
from .tensors import without_gradients


def make_layer(layer: Layer) -> Callable[[Tensor], Tensor]:
    """The module of a layer that holds weights; for an activation, the function."""
    match layer:
        case Conv2D(_, inputs, outputs, kernel, stride, padding, bias):
            return nn.Conv2D(inputs, outputs, kernel, stride, padding, bias_attr=None if bias else False)
        case ConvTranspose2D(_, inputs, outputs, kernel, stride, padding, output_padding, bias):
            bias_attr = None if bias else False
            return nn.Conv2DTranspose(inputs, outputs, kernel, stride, padding, output_padding, bias_attr=bias_attr)
        case Linear(_, inputs, outputs, bias):
            return nn.Linear(inputs, outputs, bias_attr=None if bias else False)
        case BatchNorm():
            return RuledBatchNorm(layer)
        case Activation():
            return activation(layer)
    raise TypeError(f"no Paddle layer for {layer}")


def activation(layer: Activation) -> Callable[[Tensor], Tensor]:
    match layer.function:
        case "leaky_relu":
            return lambda x: functional.leaky_relu(x, layer.slope)
        case "relu":
            return functional.relu
        case "sigmoid":
            return functional.sigmoid
    return paddle.tanh


class RuledBatchNorm(nn.BatchNorm2D):
    """Of any rank; its running variance follows the recipe's rule, whichever framework it came from."""

    def __init__(self, layer: BatchNorm) -> None:
        super().__init__(layer.features, 1 - layer.momentum, layer.held_eps)  # Paddle weighs the old value
        self.layer = layer
        self.batches = 0  # PyTorch counts in its state dict; Paddle's has no place for it

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            mean, variance = self._mean, self._variance
            return functional.batch_norm(x, mean, variance, self.weight, self.bias, False, epsilon=self.layer.held_eps)
        # With momentum 0 (Paddle weighs the old value) the buffers get this batch's statistics, the variance biased.
        mean, variance = paddle.zeros_like(self._mean), paddle.ones_like(self._variance)
        out = functional.batch_norm(x, mean, variance, self.weight, self.bias, True, 0.0, self.layer.held_eps)
        count = math.prod(x.shape) // x.shape[1]
        if self.layer.variance == "unbiased":
            variance = variance * (count / (count - 1))
        with without_gradients():
            momentum = self.layer.momentum
            paddle.assign(self._mean * (1 - momentum) + mean * momentum, self._mean)
            paddle.assign(self._variance * (1 - momentum) + variance * momentum, self._variance)
        self.batches += 1
        return out


def reconstruction_error(kind: str, decoded: Tensor, image: Tensor) -> Tensor:
    """Elementwise squared error, or binary cross-entropy with its logarithms held above −100."""
    if kind == "squared_error":
        return (decoded - image).square()
    return functional.binary_cross_entropy(decoded, image, reduction="none")
