"""A framework's own weights as arrays in PyTorch's conventions, by rule: which part of which tensor is which array.

Each canonical array is a view of one tensor: all of it, transposed or not, or some of its rows (PyTorch packs the
query, key and value projections of its attention into one). So the same table reads, writes, converts gradients and
moments. Nothing is told from shapes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..dictionary.entry import Entry, Weight
from ..dictionary.index import layer_entry
from .reparametrized import reparametrized_views
from .view import View, joined

__all__ = ["View", "joined", "rows_of_part", "to_canonical", "to_framework", "weight_views", "with_aliases"]


def weight_views(framework: str, modules: Sequence[Mapping]) -> dict[str, View]:
    """Canonical name → view, in the order of declaration.

    Args:
        modules: what a backend's `structure` gives: path, library classes, and for each weight its shape, whether it
            is trained, and an identity that tells shared tensors.
    """
    views: dict[str, View] = {}
    instead = reparametrized_views(framework, modules)
    inside: list[str] = []  # recurrent layers of Paddle hold their weights a second time, in cells below them
    for module in modules:
        path = module["path"]
        if any(path.startswith(f"{container}.") for container in inside):
            continue
        entry = layer_entry(framework, module["classes"])
        if entry is not None and entry.inner_layers:
            inside.append(path)
        for stored, weight in module["weights"].items():
            known = instead.get(joined(path, stored))
            for view in [known] if known else _views(framework, path, entry, stored, weight):
                views[view.name] = view
    return views


def _views(framework: str, path: str, entry: Entry | None, stored: str, weight: Mapping) -> list[View]:
    about = {
        "stored_name": joined(path, stored), "trained": weight["trained"], "identity": weight["identity"],
        "buffer": weight.get("buffer", False),
    }  # fmt: skip
    shape = tuple(weight["shape"])
    rows = [row for row in (entry.weights if entry else ()) if getattr(row, framework) == stored]
    if entry is None or not rows:
        return [View(path, stored, kind=entry.kind if entry else "parameter", shape=shape, **about)]
    return [view_of(framework, path, entry.kind, row, shape, about) for row in rows if row.torch]


def view_of(framework: str, path: str, kind: str, row: Weight, shape: tuple[int, ...], about: dict) -> View:
    """The canonical array that a row of an entry is, of a tensor of `shape`. `about`: more of `View`'s fields."""
    inner, _, leaf = row.name.rpartition(".")
    turned, rows = row.transposed and framework == "paddle", None
    if row.part is not None:
        rows = rows_of_part(row.part, shape[0] // row.part[1])
        shape = (rows[1] - rows[0], *shape[1:])
    shape, stored_shape = shape[::-1] if turned else shape, None
    if row.flat and len(shape) > 1:
        shape, stored_shape = (shape[-1],), shape
    return View(
        joined(path, inner), leaf, kind=row.layer or kind, shape=shape, transposed=turned, rows=rows,
        stored_shape=stored_shape, **about,
    )  # fmt: skip


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


def with_aliases(arrays: Mapping[str, np.ndarray], views: Mapping[str, View]) -> dict[str, np.ndarray]:
    """Canonical arrays under every name of a tensor that has several."""
    named = {(views[name].identity, views[name].rows): name for name in arrays if views[name].identity}
    more = {name: named.get((view.identity, view.rows)) for name, view in views.items() if name not in arrays}
    return {**arrays, **{name: arrays[first] for name, first in more.items() if first is not None}}
