"""Views of what is kept in place of a re-parametrised weight: by the rule of the layer that owns the weight.

In canonical form each of these tensors has as many axes as the weight, so that it multiplies the weight as it is: the
size of a weight norm along its axis, the vectors of a spectral norm along the axis that is left out and along the
others. So two tensors of one length that mean different axes never have one shape. Of a matrix, `u` is along its rows:
where a layer keeps the matrix transposed, or has been told the other axis, `u` and `v` exchange their roles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from ..dictionary.entry import Weight
from ..dictionary.index import layer_entry
from ..dictionary.reparametrization import KEPT
from .view import View, joined

SWAPPED = {"_u": "_v", "_v": "_u"}


def reparametrized_views(framework: str, modules: Sequence[Mapping]) -> dict[str, View]:
    """State-dict name → view, of every tensor that is kept in place of a weight.

    A tensor of a kind that nothing is known of has a view that says so in `unruled`.
    """
    tensors = {joined(module["path"], name): weight for module in modules for name, weight in module["weights"].items()}
    views = {}
    for module in modules:
        for name, about in (module.get("reparametrized") or {}).items():
            for view in _views(framework, module, name, about, tensors):
                views[view.stored_name] = view
    return views


def _views(
    framework: str, module: Mapping, name: str, about: Mapping, tensors: Mapping[str, Mapping]
) -> Iterator[View]:
    path, kind = module["path"], about["kind"]
    entry = layer_entry(framework, module["classes"])
    rows = [row for row in (entry.weights if entry else ()) if getattr(row, framework) == name]
    row = rows[0] if rows else Weight(name, name, name)
    wholes = [about["stored"][one.suffix] for one in KEPT.get(kind, ()) if one.extent == "whole"]
    whole = joined(path, wholes[0]) if wholes else ""
    of_kind = entry.kind if entry else "parameter"
    if whole not in tensors or len(rows) > 1 or (row.transposed and len(tensors[whole]["shape"]) != 2):
        yield from _unruled(path, name, about, of_kind, tensors)
        return
    shape, axis = tuple(tensors[whole]["shape"]), about["axis"]
    turned = row.transposed and framework == "paddle"
    axis = axis if axis is None else axis % len(shape)
    if turned:
        shape, axis = shape[::-1], axis if axis is None else 1 - axis
    inner, _, leaf = row.name.rpartition(".")
    for one in KEPT[kind]:
        stored = joined(path, about["stored"][one.suffix])
        if stored not in tensors:
            continue  # a spectral norm of a vector has no vectors
        tensor = tensors[stored]
        extent = _extent(one.extent, shape, axis)
        if prod(extent) != prod(tensor["shape"]):
            yield from _unruled(path, name, about, of_kind, {stored: tensor})
            continue
        # of a matrix, `u` is along its rows whatever axis the layer was told
        exchanged = kind == "spectral_norm" and len(shape) == 2 and axis == 1
        suffix = SWAPPED.get(one.suffix, one.suffix) if exchanged else one.suffix
        yield View(
            joined(path, inner), leaf + suffix, stored, row.layer or of_kind, extent, trained=tensor["trained"],
            transposed=turned and one.extent == "whole", identity=tensor["identity"], weight=leaf, suffix=suffix,
            stored_shape=None if one.extent == "whole" else tuple(tensor["shape"]),
        )  # fmt: skip


def _extent(extent: str, shape: tuple[int, ...], axis: int | None) -> tuple[int, ...]:
    if extent == "whole":
        return shape
    if axis is None:
        return ()
    return tuple(size if (place == axis) == (extent == "axis") else 1 for place, size in enumerate(shape))


def _unruled(path: str, name: str, about: Mapping, kind: str, tensors: Mapping[str, Mapping]) -> Iterator[View]:
    """Views as plain parameters, which `align` may compare and `convert` refuses."""
    why = f"{joined(path, name)} is re-parametrised by {about['kind']}"
    starts = tuple(joined(path, start) for start in (f"{name}_", f"parametrizations.{name}."))
    for stored, tensor in tensors.items():
        if stored.startswith(starts):
            yield _plain(path, stored, kind, tensor, why)


def _plain(path: str, stored: str, kind: str, tensor: Mapping[str, Any], why: str) -> View:
    leaf = stored[len(path) :].lstrip(".")
    shape = tuple(tensor["shape"])
    return View(path, leaf, stored, kind, shape, trained=tensor["trained"], identity=tensor["identity"], unruled=why)


def elsewhere(framework: str, view: View, path: str, row: Weight | None) -> View:
    """A view of the same tensor in the other framework, under the names of the hooks there.

    Args:
        framework: the one that `view` is of. path: of the layer with the weight. row: of the weight, where known.
    """
    into = "paddle" if framework == "torch" else "torch"
    name = getattr(row, into) if row else view.weight
    whole = view.stored_shape is None
    flat = None if whole else _flat(into, view)
    other = SWAPPED.get(view.suffix, "")
    exchanged = other and view.stored_name.endswith(other)  # there too, with the same axis
    suffix = other if exchanged else view.suffix
    turned = whole and row is not None and row.transposed and into == "paddle"
    return replace(view, stored_name=joined(path, name + suffix), transposed=turned, rows=None, stored_shape=flat)


def _flat(into: str, view: View) -> tuple[int, ...]:
    """The shape that hooks give it: PyTorch's weight norm keeps the axes of the weight, all else is a vector."""
    if (into == "torch" and view.suffix == "_g") or not view.shape:
        return view.shape
    return (prod(view.shape),)
