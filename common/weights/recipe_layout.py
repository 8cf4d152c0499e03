"""A recipe's state dict in both frameworks: names and layouts, by the kind of layer and never by a guess from shapes.

Canonical arrays have PyTorch's names and layout. A part's file leaves out the part's prefix.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..spec import Conv2D, ConvTranspose2D, Layer, Linear, Model, Network

# What Paddle's automatic tensor names start with, by kind of layer.
_PADDLE_KIND = {Conv2D: "conv2d", ConvTranspose2D: "conv2d_transpose", Linear: "linear"}
_STATISTICS = {
    "running_mean": ("_mean", "w_1"),
    "running_var": ("_variance", "w_2"),
    "num_batches_tracked": (None, None),
}


@dataclass(frozen=True)
class LayoutRow:
    """One array of a part.

    `name` is its canonical name, `torch` and `paddle` what the part's files call it (`None`: absent there),
    `paddle_tensor` Paddle's automatic name (`conv2d_0.w_0`), `shape` the canonical shape. `transposed` says that
    Paddle's layout is the other way round.
    """

    name: str
    torch: str
    paddle: str | None
    paddle_tensor: str | None
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
    entries = []
    for network in model.networks().values():
        for layer in network.walk():
            tensor = _tensor_name(network, layer, counts)
            if tensor and part in ("model", network.name):
                before = network.prefix if part == "model" else ""
                entries += _layer_entries(network, layer, before, tensor)
    return entries


def _tensor_name(network: Network, layer: Layer, counts: dict[str, int]) -> str | None:
    """Paddle numbers its layers by kind, in the order in which they are made, across the whole model."""
    if not layer.parameters():
        return None
    kind = _PADDLE_KIND.get(type(layer)) or _norm_kind(network, layer)
    number = counts.get(kind, 0)
    counts[kind] = number + 1
    return f"{kind}_{number}"


def _norm_kind(network: Network, layer: Layer) -> str:
    shape = next(given for one, given, _ in network.shapes() if one is layer)
    return "batch_norm2d" if len(shape) == 3 else "batch_norm1d"


def _layer_entries(network: Network, layer: Layer, before: str, tensor: str) -> list[LayoutRow]:
    entries = []
    for name, shape in {**layer.parameters(), **layer.buffers()}.items():
        owner, own = name.rsplit(".", 1)
        trained = name in layer.parameters()
        paddle, suffix = (own, {"weight": "w_0", "bias": "b_0"}[own]) if trained else _STATISTICS[own]
        entries.append(
            LayoutRow(
                name=network.prefix + name,
                torch=before + name,
                paddle=paddle and f"{before}{owner}.{paddle}",
                paddle_tensor=suffix and f"{tensor}.{suffix}",
                shape=shape,
                transposed=isinstance(layer, Linear) and own == "weight",
                trained=trained,
            )
        )
    return entries


def to_paddle(layout: list[LayoutRow], arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Canonical arrays as Paddle's state dict of the part."""
    return {entry.paddle: entry.turn(arrays[entry.name]) for entry in layout if entry.paddle}


def to_torch(layout: list[LayoutRow], arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Canonical arrays as PyTorch's state dict of the part."""
    return {entry.torch: arrays[entry.name] for entry in layout}


def paddle_names(layout: list[LayoutRow]) -> dict[str, str]:
    """Paddle's table from structured names to tensor names, which a `.pdopt` needs."""
    return {entry.paddle: entry.paddle_tensor for entry in layout if entry.paddle}
