"""The sums of products that layers are, in NumPy and by their definitions, forwards and backwards.

Each map is linear in its weight and in its input, so the same three functions also carry squares: that is how
`rounding` follows variances. `terms` counts the products in one value of each of the three results.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ...spec import Conv2D, ConvTranspose2D, Linear, Product


@dataclass(frozen=True)
class Terms:
    """How many products make one value of the output, of the input's gradient and of the weight's gradient."""

    output: int
    to_input: int
    to_weight: int


class DenseMap:
    """`y[n, o] = Σ w[o, i] x[n, i]`."""

    def __init__(self, layer: Linear, x_shape: tuple[int, ...]) -> None:
        self.terms = Terms(layer.in_features, layer.out_features, x_shape[0])

    def output(self, weight: np.ndarray, x: np.ndarray) -> np.ndarray:
        return x @ weight.T

    def to_input(self, weight: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        return gradient @ weight

    def to_weight(self, gradient: np.ndarray, x: np.ndarray) -> np.ndarray:
        return gradient.T @ x


class ConvMap:
    """`y[n, o, i, j] = Σ w[o, c, a, b] x[n, c, s·i + a − p, s·j + b − p]`, with zeros outside of x."""

    def __init__(self, layer: Conv2D, x_shape: tuple[int, ...]) -> None:
        self.layer, self.x_shape = layer, x_shape
        self.sides = layer.output_shape(x_shape[1:])[1:]
        meeting = (-(-layer.kernel // layer.stride)) ** 2  # windows that share one input pixel
        positions = x_shape[0] * self.sides[0] * self.sides[1]
        self.terms = Terms(layer.in_channels * layer.kernel**2, layer.out_channels * meeting, positions)

    def _windows(self) -> Iterator[tuple[int, int, slice, slice]]:
        """Each place (a, b) of the kernel with the rows and columns of the padded input that it meets."""
        stride, (height, width) = self.layer.stride, self.sides
        for a in range(self.layer.kernel):
            for b in range(self.layer.kernel):
                yield a, b, slice(a, a + stride * height, stride), slice(b, b + stride * width, stride)

    def output(self, weight: np.ndarray, x: np.ndarray) -> np.ndarray:
        p = self.layer.padding
        padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        return np.asarray(
            sum(_mix(weight[:, :, a, b], padded[:, :, rows, columns]) for a, b, rows, columns in self._windows())
        )

    def to_input(self, weight: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        p, (count, channels, height, width) = self.layer.padding, self.x_shape
        padded = np.zeros((count, channels, height + 2 * p, width + 2 * p))
        for a, b, rows, columns in self._windows():
            padded[:, :, rows, columns] += _mix(weight[:, :, a, b].T, gradient)
        return padded[:, :, p : p + height, p : p + width]

    def to_weight(self, gradient: np.ndarray, x: np.ndarray) -> np.ndarray:
        p, kernel = self.layer.padding, self.layer.kernel
        padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        weight = np.empty((self.layer.out_channels, self.layer.in_channels, kernel, kernel))
        for a, b, rows, columns in self._windows():
            weight[:, :, a, b] = np.tensordot(gradient, padded[:, :, rows, columns], ((0, 2, 3), (0, 2, 3)))
        return weight


class TransposedMap:
    """The convolution from its output to its input, backwards: `y[n, o, s·i + a − p, s·j + b − p] += w[c, o, a, b]
    x[n, c, i, j]`."""

    def __init__(self, layer: ConvTranspose2D, x_shape: tuple[int, ...]) -> None:
        turned = Conv2D(
            layer.name, layer.out_channels, layer.in_channels, layer.kernel, layer.stride, layer.padding, layer.bias
        )
        self.convolution = ConvMap(turned, (x_shape[0], *layer.output_shape(x_shape[1:])))
        terms = self.convolution.terms
        self.terms = Terms(terms.to_input, terms.output, terms.to_weight)

    def output(self, weight: np.ndarray, x: np.ndarray) -> np.ndarray:
        return self.convolution.to_input(weight, x)

    def to_input(self, weight: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        return self.convolution.output(weight, gradient)

    def to_weight(self, gradient: np.ndarray, x: np.ndarray) -> np.ndarray:
        return self.convolution.to_weight(x, gradient)


def _mix(matrix: np.ndarray, x: np.ndarray) -> np.ndarray:
    """`[O, C]` applied to the channels of `[N, C, H, W]`."""
    return np.moveaxis(np.tensordot(matrix, x, (1, 1)), 0, 1)


def product_map(layer: Product, x_shape: tuple[int, ...]) -> DenseMap | ConvMap | TransposedMap:
    """The sums of products of a layer for an input of `x_shape`, batch axis included."""
    kinds = {Linear: DenseMap, Conv2D: ConvMap, ConvTranspose2D: TransposedMap}
    return kinds[type(layer)](layer, x_shape)


def per_channel(values: np.ndarray, rank: int) -> np.ndarray:
    """`[C]` in a shape that broadcasts over `[N, C, …]` of `rank` axes."""
    return values.reshape(1, -1, *(1 for _ in range(rank - 2)))


def but_channels(rank: int) -> tuple[int, ...]:
    """The axes of `[N, C, …]` over which batch statistics and bias gradients run."""
    return (0, *range(2, rank))
