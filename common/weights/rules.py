"""A framework's own weights as arrays in PyTorch's conventions, by rule: which part of which tensor is which array.

Each canonical array is a view of one tensor: all of it, transposed or not, or some of its rows (PyTorch packs the
query, key and value projections of its attention into one). So the same table reads, writes, converts gradients and
moments. Nothing is told from shapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..alignment.kinds import RECURRENT, layer_kind

PROJECTIONS = ("q_proj", "k_proj", "v_proj")
COUNTER = "num_batches_tracked"  # PyTorch alone counts batches; nothing computed depends on it


@dataclass(frozen=True)
class View:
    """One canonical array: `owner` is the path of the layer that it belongs to, `leaf` its name there.

    `stored_name` is the framework's state-dict name. `rows`: which of the tensor's rows. `shape` is the canonical one.
    `identity` is equal for views of one shared tensor.
    """

    owner: str
    leaf: str
    stored_name: str
    kind: str
    shape: tuple[int, ...]
    transposed: bool = False
    rows: tuple[int, int] | None = None
    trained: bool = True
    identity: int = 0

    @property
    def name(self) -> str:
        return joined(self.owner, self.leaf)

    def take(self, tensor: np.ndarray) -> np.ndarray:
        """The canonical array, from the framework's tensor or anything of its shape; the same memory where possible."""
        part = tensor if self.rows is None else tensor[self.rows[0] : self.rows[1]]
        return np.ascontiguousarray(part.T) if self.transposed else part

    def put(self, array: np.ndarray, tensor: np.ndarray) -> None:
        """Write the canonical array into the framework's tensor."""
        part = tensor if self.rows is None else tensor[self.rows[0] : self.rows[1]]
        part[...] = array.T if self.transposed else array


def joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def weight_views(framework: str, modules: Sequence[Mapping]) -> dict[str, View]:
    """Canonical name → view, in the order of declaration.

    Args:
        modules: what a backend's `structure` gives: path, library classes, and for each weight its shape, whether it
            is trained, and an identity that tells shared tensors.
    """
    views: dict[str, View] = {}
    inside: list[str] = []  # recurrent layers of Paddle hold their weights a second time, in cells below them
    for module in modules:
        path = module["path"]
        if any(path.startswith(f"{one}.") for one in inside):
            continue
        kind = layer_kind(framework, tuple(module["classes"]))
        if kind is not None and kind.name in RECURRENT:
            inside.append(path)
        for own, weight in module["weights"].items():
            for view in _views(framework, path, kind, own, weight):
                views[view.name] = view
    return views


def _views(framework: str, path: str, kind, own: str, weight: Mapping) -> list[View]:
    name = kind.name if kind else "parameter"
    about = {"stored_name": joined(path, own), "trained": weight["trained"], "identity": weight["identity"]}
    shape = tuple(weight["shape"])
    if name == "attention" and framework == "torch":
        return _packed(path, own, shape, about)
    if kind is not None:
        for leaf, (torch, paddle, turned_in_paddle) in kind.weights.items():
            if own == (torch if framework == "torch" else paddle):
                turned = turned_in_paddle and framework == "paddle"
                return [View(path, leaf, kind=name, shape=shape[::-1] if turned else shape, transposed=turned, **about)]
    if own == "_dropout_state":  # Paddle's random state for recurrent layers, no weight
        return []
    return [View(path, own, kind=name, shape=shape, **about)]


def _packed(path: str, own: str, shape: tuple[int, ...], about: dict) -> list[View]:
    """PyTorch's attention, as the three linear layers that Paddle has."""
    if own in ("in_proj_weight", "in_proj_bias"):
        width, leaf = shape[0] // 3, own.removeprefix("in_proj_")
        part = (width, *shape[1:])
        return [
            View(f"{path}.{one}", leaf, kind="linear", shape=part, rows=(i * width, (i + 1) * width), **about)
            for i, one in enumerate(PROJECTIONS)
        ]
    for one in PROJECTIONS:
        if own == f"{one}_weight":
            return [View(f"{path}.{one}", "weight", kind="linear", shape=shape, **about)]
    return [View(path, own, kind="attention", shape=shape, **about)]


def to_canonical(views: Mapping[str, View], tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Canonical arrays from a framework's tensors by stored name; those that are not there are left out."""
    return {name: view.take(tensors[view.stored_name]) for name, view in views.items() if view.stored_name in tensors}


def to_framework(views: Mapping[str, View], arrays: Mapping[str, np.ndarray], tensors: dict[str, np.ndarray]) -> None:
    """Write canonical arrays into a framework's tensors (by stored name, changed in place)."""
    for name, array in arrays.items():
        view = views[name]
        view.put(np.asarray(array).reshape(view.shape), tensors[view.stored_name])
