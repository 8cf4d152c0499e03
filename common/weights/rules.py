"""A framework's own weights as arrays in PyTorch's conventions, by rule: which part of which tensor is which array.

Each canonical array is a view of one tensor: all of it, transposed or not, or some of its rows (PyTorch packs the
query, key and value projections of its attention into one). So the same table reads, writes, converts gradients and
moments. Nothing is told from shapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..dictionary.entry import Entry, Weight
from ..dictionary.index import layer_entry


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
    return f"{path}.{name}" if path and name else path or name


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
        if any(path.startswith(f"{container}.") for container in inside):
            continue
        entry = layer_entry(framework, module["classes"])
        if entry is not None and entry.inner_layers:
            inside.append(path)
        for stored, weight in module["weights"].items():
            for view in _views(framework, path, entry, stored, weight):
                views[view.name] = view
    return views


def _views(framework: str, path: str, entry: Entry | None, stored: str, weight: Mapping) -> list[View]:
    about = {"stored_name": joined(path, stored), "trained": weight["trained"], "identity": weight["identity"]}
    shape = tuple(weight["shape"])
    rows = [row for row in (entry.weights if entry else ()) if getattr(row, framework) == stored]
    if entry is None or not rows:
        return [View(path, stored, kind=entry.kind if entry else "parameter", shape=shape, **about)]
    return [_view(framework, path, entry.kind, row, shape, about) for row in rows if row.torch]


def _view(framework: str, path: str, kind: str, row: Weight, shape: tuple[int, ...], about: dict) -> View:
    inner, _, leaf = row.name.rpartition(".")
    turned, rows = row.transposed and framework == "paddle", None
    if row.part is not None:
        rows = rows_of_part(row.part, shape[0] // row.part[1])
        shape = (rows[1] - rows[0], *shape[1:])
    shape = shape[::-1] if turned else shape
    return View(joined(path, inner), leaf, kind=row.layer or kind, shape=shape, transposed=turned, rows=rows, **about)


def rows_of_part(part: tuple[int, int], height: int) -> tuple[int, int]:
    """Which rows of PyTorch's tensor the i-th of n parts has, given how many."""
    return part[0] * height, (part[0] + 1) * height


def to_canonical(views: Mapping[str, View], tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Canonical arrays from a framework's tensors by stored name; those that are not there are left out."""
    return {name: view.take(tensors[view.stored_name]) for name, view in views.items() if view.stored_name in tensors}


def to_framework(views: Mapping[str, View], arrays: Mapping[str, np.ndarray], tensors: dict[str, np.ndarray]) -> None:
    """Write canonical arrays into a framework's tensors (by stored name, changed in place)."""
    for name, array in arrays.items():
        view = views[name]
        view.put(np.asarray(array).reshape(view.shape), tensors[view.stored_name])
