"""Layers as data: what each one is called, what it holds, and what it makes of a shape.

Shapes are those of one example, without the batch axis: `(C, H, W)` for images, `(F,)` for vectors. Weight shapes are
in the canonical layout, which is PyTorch's (Linear `[out, in]`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from struct import pack, unpack
from typing import ClassVar, Literal

from ..errors import BadInput

Shape = tuple[int, ...]


class Layer:
    """What every layer can say of itself. Layers without weights keep the defaults.

    `kind` is the key of its entry in the dictionary.
    """

    kind: ClassVar[str]
    name: str

    def parameters(self) -> dict[str, Shape]:
        """Trained arrays: name → canonical shape."""
        return {}

    def buffers(self) -> dict[str, Shape]:
        """Arrays that belong to the state but are not trained: name → shape."""
        return {}

    def output_shape(self, shape: Shape) -> Shape:
        """Shape after this layer. Raises `BadInput`, naming the layer and both shapes, when it cannot take `shape`."""
        return shape

    def refuse(self, takes: str, shape: Shape) -> BadInput:
        return BadInput(f"layer {self.name or type(self).__name__}: takes {takes}, is given {shape}; correct the sizes")


def _weight_and_bias(name: str, weight: Shape, bias: int | None) -> dict[str, Shape]:
    shapes = {f"{name}.weight": weight}
    if bias is not None:
        shapes[f"{name}.bias"] = (bias,)
    return shapes


@dataclass(frozen=True)
class Conv2D(Layer):
    """Two-dimensional convolution with a square kernel. A 1×1 one on `(C, 1, 1)` is the notebook's dense layer."""

    kind: ClassVar[str] = "conv2d"
    name: str
    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    bias: bool = True

    def parameters(self) -> dict[str, Shape]:
        weight = (self.out_channels, self.in_channels, self.kernel, self.kernel)
        return _weight_and_bias(self.name, weight, self.out_channels if self.bias else None)

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3 or shape[0] != self.in_channels:
            raise self.refuse(f"({self.in_channels}, H, W)", shape)
        sides = [(side + 2 * self.padding - self.kernel) // self.stride + 1 for side in shape[1:]]
        if min(sides) < 1:
            raise self.refuse(f"sides of at least {self.kernel - 2 * self.padding}", shape)
        return (self.out_channels, *sides)


@dataclass(frozen=True)
class ConvTranspose2D(Layer):
    """Transposed convolution; its weight is `[in, out, k, k]` in both frameworks."""

    kind: ClassVar[str] = "conv_transpose2d"
    name: str
    in_channels: int
    out_channels: int
    kernel: int
    stride: int = 1
    padding: int = 0
    output_padding: int = 0
    bias: bool = True

    def parameters(self) -> dict[str, Shape]:
        weight = (self.in_channels, self.out_channels, self.kernel, self.kernel)
        return _weight_and_bias(self.name, weight, self.out_channels if self.bias else None)

    def output_shape(self, shape: Shape) -> Shape:
        if len(shape) != 3 or shape[0] != self.in_channels:
            raise self.refuse(f"({self.in_channels}, H, W)", shape)
        grow = self.kernel - 2 * self.padding + self.output_padding
        return (self.out_channels, *((side - 1) * self.stride + grow for side in shape[1:]))


@dataclass(frozen=True)
class Linear(Layer):
    """Dense layer on a vector; canonical weight `[out, in]`."""

    kind: ClassVar[str] = "linear"
    name: str
    in_features: int
    out_features: int
    bias: bool = True

    def parameters(self) -> dict[str, Shape]:
        weight = (self.out_features, self.in_features)
        return _weight_and_bias(self.name, weight, self.out_features if self.bias else None)

    def output_shape(self, shape: Shape) -> Shape:
        if shape != (self.in_features,):
            raise self.refuse(f"({self.in_features},)", shape)
        return (self.out_features,)


Product = Linear | Conv2D | ConvTranspose2D  # layers whose outputs are sums of products with a weight


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Batch normalisation of channels or features.

    `momentum` is the weight of the new statistics (PyTorch's convention). `variance` says whether the running variance
    follows the biased batch variance (Paddle) or the unbiased one (PyTorch): a port honours the published framework's.
    """

    kind: ClassVar[str] = "batch_norm"
    name: str
    features: int
    eps: float = 1e-5
    momentum: float = 0.1
    variance: Literal["biased", "unbiased"] = "unbiased"

    @property
    def held_eps(self) -> float:
        """`eps` as float32 holds it: Paddle keeps it so even in float64, so both frameworks are given this value."""
        return unpack("f", pack("f", self.eps))[0]

    def parameters(self) -> dict[str, Shape]:
        return _weight_and_bias(self.name, (self.features,), self.features)

    def buffers(self) -> dict[str, Shape]:
        return {
            f"{self.name}.running_mean": (self.features,),
            f"{self.name}.running_var": (self.features,),
            f"{self.name}.num_batches_tracked": (),
        }

    def output_shape(self, shape: Shape) -> Shape:
        if shape[0] != self.features:
            raise self.refuse(f"{self.features} features first", shape)
        return shape


@dataclass(frozen=True)
class Activation(Layer):
    """Elementwise non-linearity. `slope` is that of leaky ReLU below zero."""

    name: ClassVar[str] = ""
    function: Literal["relu", "leaky_relu", "sigmoid", "tanh"]
    slope: float = 0.01

    @property
    def kind(self) -> str:
        return self.function


@dataclass(frozen=True)
class Dropout(Layer):
    """Zeroes elements with probability `p` while training and scales the rest by 1/(1 − p).

    The mask comes from the run's random stream under `name`, so both frameworks drop the same elements.
    """

    kind: ClassVar[str] = "dropout"
    name: str
    p: float

    def __post_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise BadInput(f"dropout {self.name}: p must be in [0, 1), not {self.p}")


@dataclass(frozen=True)
class Reshape(Layer):
    """Row-major reshape of each example; `(F,)` flattens."""

    kind: ClassVar[str] = "reshape"
    name: ClassVar[str] = ""
    shape: Shape

    def output_shape(self, shape: Shape) -> Shape:
        if prod(shape) != prod(self.shape):
            raise self.refuse(f"{prod(self.shape)} values to make {self.shape}", shape)
        return self.shape


@dataclass(frozen=True)
class OneHot:
    """The one-hot label is concatenated after the input, as extra channels or features."""

    classes: int

    def join(self, shape: Shape) -> Shape:
        if len(shape) == 3 and shape[1:] != (1, 1):
            raise BadInput(f"one-hot labels join (F,) or (F, 1, 1), not {shape}; use a label channel for images")
        return (shape[0] + self.classes, *shape[1:])


@dataclass(frozen=True)
class LabelChannel:
    """A layer makes an image out of the one-hot label `(classes, 1, 1)`; it joins the input as its last channel."""

    classes: int
    layer: Conv2D

    def join(self, shape: Shape) -> Shape:
        drawn = self.layer.output_shape((self.classes, 1, 1))
        if len(shape) != 3 or prod(drawn) != shape[1] * shape[2]:
            raise self.layer.refuse(f"an output of as many values as one channel of {shape}", drawn)
        return (shape[0] + 1, *shape[1:])


Condition = OneHot | LabelChannel
