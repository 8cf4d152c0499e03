"""A recipe's state dict in both frameworks: names and layouts, by the kind of layer and never by a guess from shapes.

Canonical arrays have PyTorch's names and layout. A part's file leaves out the part's prefix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..dictionary.index import BY_KIND, tensor_prefix
from ..spec import Layer, Model, Network, Shape


@dataclass(frozen=True)
class LayoutRow:
    """One array of a part.

    `name` is its canonical name, `torch` and `paddle` what the part's files call it ("": absent there),
    `paddle_tensor` Paddle's automatic name (`conv2d_0.w_0`), `shape` the canonical shape. `transposed` says that
    Paddle's layout is the other way round.
    """

    name: str
    torch: str
    paddle: str
    paddle_tensor: str
    shape: tuple[int, ...]
    transposed: bool
    trained: bool

    def paddle_shape(self) -> tuple[int, ...]:
        return self.shape[::-1] if self.transposed else self.shape

    def turn(self, array: np.ndarray) -> np.ndarray:
        """From one framework's layout to the other's, either way."""
        return np.ascontiguousarray(array.T) if self.transposed else array


def part_layout(model: Model, part: str) -> list[LayoutRow]:
    """Every array of one part (`encoder`, `decoder`, or `model` for all), in the order of the published state dict."""
    counts: dict[str, int] = {}
    rows = []
    for network in model.networks().values():
        given = {id(layer): shape for layer, shape, _ in network.shapes()}
        for layer in network.walk():
            if not layer.parameters():
                continue
            tensor = _tensor_name(layer, given[id(layer)], counts)
            if part in ("model", network.name):
                before = network.prefix if part == "model" else ""
                rows += _layer_rows(network, layer, before, tensor)
    return rows


def _tensor_name(layer: Layer, given: Shape, counts: dict[str, int]) -> str:
    """Paddle numbers its layers by kind, in the order in which they are made, across the whole model."""
    classes, axes = BY_KIND[layer.kind].paddle.classes, max(1, len(given) - 1)
    prefix = tensor_prefix(next((path for path in classes if f"{axes}D" in path), classes[0]))
    number = counts.get(prefix, 0)
    counts[prefix] = number + 1
    return f"{prefix}_{number}"


def _layer_rows(network: Network, layer: Layer, before: str, tensor: str) -> list[LayoutRow]:
    rows = []
    for name, shape in {**layer.parameters(), **layer.buffers()}.items():
        owner, _, leaf = name.rpartition(".")
        (known,) = BY_KIND[layer.kind].rows(leaf)
        rows.append(
            LayoutRow(
                name=network.prefix + name,
                torch=f"{before}{owner}.{known.torch}",
                paddle=f"{before}{owner}.{known.paddle}" if known.paddle else "",
                paddle_tensor=f"{tensor}.{known.suffix}" if known.paddle else "",
                shape=shape,
                transposed=known.transposed,
                trained=known.trained,
            )
        )
    return rows


def to_paddle(layout: list[LayoutRow], arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Canonical arrays as Paddle's state dict of the part."""
    return {entry.paddle: entry.turn(arrays[entry.name]) for entry in layout if entry.paddle}


def to_torch(layout: list[LayoutRow], arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Canonical arrays as PyTorch's state dict of the part."""
    return {entry.torch: arrays[entry.name] for entry in layout}


def paddle_names(layout: list[LayoutRow]) -> dict[str, str]:
    """Paddle's table from structured names to tensor names, which a `.pdopt` needs."""
    return {entry.paddle: entry.paddle_tensor for entry in layout if entry.paddle}
