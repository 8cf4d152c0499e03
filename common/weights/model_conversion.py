"""Weight files of any model, converted by the kind of each layer: the rules that `align` carries weights by.

A model of either framework tells the kinds. With the models of both, layers are matched; with one alone, the other
file has the same paths, under the other framework's own names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..alignment.kinds import RECURRENT, layer_kind
from ..errors import BadInput, listed
from . import WeightFile
from .fit import LISTED, misfits
from .recipe_conversion import ConvertedTensor, same_bits
from .rules import COUNTER, PROJECTIONS, View, joined


@dataclass(frozen=True)
class Layout:
    """One side of a conversion: canonical name → view, the shapes of its own tensors, and which of them are one."""

    views: dict[str, View]
    shapes: dict[str, tuple[int, ...]]
    copies: dict[str, str]  # own name → the own name that it is another name of


def layout_of(
    framework: str, modules: list[dict], views: dict[str, View], own: Mapping[str, tuple[int, ...]]
) -> Layout:
    """The layout of a model that is there.

    Args:
        own: every name of its state dict with the shape.
    """
    identities = {
        joined(module["path"], name): weight["identity"]
        for module in modules
        for name, weight in module["weights"].items()
    }
    first = {view.identity: view.stored_name for view in reversed(views.values())}
    known = {view.stored_name for view in views.values()}
    copies = {name: first[identities[name]] for name in own if name not in known and identities.get(name) in first}
    return Layout(views, {name: tuple(shape) for name, shape in own.items() if name in known}, copies)


def other_layout(framework: str, modules: list[dict], views: dict[str, View]) -> Layout:
    """The layout of the same model in the other framework, under the same paths."""
    kinds = {one["path"]: layer_kind(framework, tuple(one["classes"])) for one in modules}
    found: dict[str, View] = {}
    for name, view in views.items():
        kind = kinds.get(view.owner)
        parent, _, last = view.owner.rpartition(".")
        if last in PROJECTIONS and (above := kinds.get(parent)) is not None and above.name == "attention":
            found[name] = _projection(framework, parent, last, view, views)
        elif view.leaf == COUNTER:
            continue
        else:
            found[name] = _renamed(framework, kind, view)
    if framework == "paddle":
        found |= _counters(kinds, found)
    shapes: dict[str, tuple[int, ...]] = {}
    for view in found.values():
        end = view.rows[1] if view.rows else 0
        shape = view.shape[::-1] if view.transposed else view.shape
        shapes[view.stored_name] = (max(end, shapes.get(view.stored_name, (0,))[0]), *shape[1:]) if view.rows else shape
    return Layout(found, shapes, {})


def _renamed(framework: str, kind, view: View) -> View:
    """A view under the other framework's name for the same weight."""
    names = kind.weights.get(view.leaf) if kind is not None and kind.name not in RECURRENT else None
    own, turned = view.leaf, False
    if names is not None:
        own, turned = (names[1], names[2]) if framework == "torch" else (names[0], False)
    return replace(view, stored_name=joined(view.owner, own), transposed=turned, rows=None)


def _projection(framework: str, parent: str, last: str, view: View, views: Mapping[str, View]) -> View:
    """Query, key and value: three linear layers in Paddle; packed in PyTorch where all have one width."""
    if framework == "torch":
        return replace(view, stored_name=f"{parent}.{last}.{view.leaf}", transposed=view.leaf == "weight", rows=None)
    place, width = PROJECTIONS.index(last), view.shape[0]
    shapes = {views[f"{parent}.{one}.weight"].shape for one in PROJECTIONS}
    if view.leaf == "weight" and len(shapes) > 1:
        return replace(view, stored_name=f"{parent}.{last}_weight", transposed=False, rows=None)
    return replace(
        view, stored_name=f"{parent}.in_proj_{view.leaf}", transposed=False, rows=(place * width, (place + 1) * width)
    )


def _counters(kinds: Mapping, views: Mapping[str, View]) -> dict[str, View]:
    """PyTorch's counters of batches, which Paddle does not have."""
    norms = [path for path, kind in kinds.items() if kind is not None and kind.name == "batch_norm"]
    return {
        joined(path, COUNTER): View(path, COUNTER, joined(path, COUNTER), "batch_norm", (), trained=False)
        for path in norms
        if joined(path, "running_mean") in views
    }


def canonical_of(file: WeightFile, layout: Layout, model: str) -> dict[str, np.ndarray]:
    """The canonical arrays of a file.

    Raises:
        BadInput: keys are missing, unexpected or misshapen; all are listed.
    """
    arrays = file.arrays
    optional = {view.stored_name for view in layout.views.values() if view.leaf == COUNTER}
    wrong = misfits(arrays, layout.shapes, optional, lambda name: _known(name, layout))
    if wrong:
        raise BadInput(f"{file.path}: does not fit {model}: {listed(wrong, LISTED, '; ')}")
    return {
        name: view.take(arrays[view.stored_name]) for name, view in layout.views.items() if view.stored_name in arrays
    }


def _known(name: str, layout: Layout) -> bool:
    """Another name of a weight: a tied one, or the cells of a recurrent layer."""
    parts = name.split(".")
    cells = any(part in ("cell", "cell_fw", "cell_bw") for part in parts)
    return name in layout.copies or cells or parts[-1] == "_dropout_state"


def own_of(layout: Layout, canonical: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A state dict from canonical arrays; a counter that nobody gives is 0."""
    found: dict[str, np.ndarray] = {}
    for name, view in layout.views.items():
        if name not in canonical:
            if view.leaf == COUNTER:
                found[view.stored_name] = np.zeros((), np.int64)
            continue
        array = canonical[name]
        if view.stored_name not in found:
            found[view.stored_name] = np.empty(layout.shapes[view.stored_name], array.dtype)
        view.put(array.reshape(view.shape), found[view.stored_name])
    return found | {copy: found[name] for copy, name in layout.copies.items() if name in found}


def rows_of(
    source: Layout, target: Layout, pairs: Mapping[str, str], arrays: Mapping[str, np.ndarray]
) -> list[ConvertedTensor]:
    """What became of each array of the source."""
    rows = []
    for x, y in pairs.items():
        if x not in arrays:
            continue
        one, other = source.views[x], target.views[y]
        done = [] if one.stored_name == other.stored_name else [f"renamed from {one.stored_name}"]
        done += ["transposed"] if one.transposed != other.transposed else []
        done += ["packed"] if other.rows and not one.rows else ["unpacked"] if one.rows and not other.rows else []
        shape = other.shape[::-1] if other.transposed else other.shape
        rows.append(ConvertedTensor(other.stored_name, shape, arrays[x].dtype.name, ", ".join(done) or "kept"))
    return rows


def comes_back(canonical: Mapping[str, np.ndarray], pairs: Mapping[str, str], layout: Layout, arrays: Mapping) -> bool:
    """Whether the written state dict gives the canonical arrays bit for bit."""
    return all(
        same_bits(
            np.ascontiguousarray(layout.views[y].take(arrays[layout.views[y].stored_name])).reshape(canonical[x].shape),
            canonical[x],
        )
        for x, y in pairs.items()
        if x in canonical
    )
