"""Weight files of any model, converted by the kind of each layer: the rules that `align` carries weights by.

A model of either framework tells the kinds. With the models of both, layers are matched; with one alone, the other
file has the same paths, under the other framework's own names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import same_bits
from ..dictionary.entry import Entry
from ..dictionary.index import layer_entry
from ..dictionary.operations.normalization import COUNTER
from ..dictionary.operations.recurrent import CELLS, NO_WEIGHT
from ..errors import BadInput, listed
from .between.naming import misfit_text
from .fit import LISTED, misfits, shapes_of
from .recipe_conversion import ConvertedTensor
from .reparametrized import elsewhere
from .rules import View, joined, rows_of_part, to_canonical


@dataclass(frozen=True)
class Layout:
    """One side of a conversion: canonical name → view, the shapes of its own tensors, and which of them are one."""

    views: dict[str, View]
    shapes: dict[str, tuple[int, ...]]
    copies: dict[str, str]  # own name → the own name that it is another name of


def layout_of(modules: list[dict], views: dict[str, View], stored_shapes: Mapping[str, tuple[int, ...]]) -> Layout:
    """The layout of a model that is there.

    Args:
        stored_shapes: every name of its state dict with the shape.
    """
    identities = {
        joined(module["path"], name): weight["identity"]
        for module in modules
        for name, weight in module["weights"].items()
    }
    first = {view.identity: view.stored_name for view in reversed(views.values())}
    known = {view.stored_name for view in views.values()}
    copies = {
        name: first[identities[name]] for name in stored_shapes if name not in known and identities.get(name) in first
    }
    return Layout(views, {name: tuple(shape) for name, shape in stored_shapes.items() if name in known}, copies)


def require_rules(views: Mapping[str, View]) -> None:
    """Refuse what nobody knows how the other framework has it.

    Raises:
        BadInput: the weights that are re-parametrised by something that has no rule; each is named once.
    """
    unruled = list(dict.fromkeys(view.unruled for view in views.values() if view.unruled))
    if unruled:
        raise BadInput(
            f"{listed(unruled, LISTED)}: only weight_norm and spectral_norm have a rule; take it off "
            "(such as with remove_parametrizations) before the weights are saved"
        )


def other_layout(framework: str, modules: list[dict], views: dict[str, View]) -> Layout:
    """The layout of the same model in the other framework, under the same paths.

    Raises:
        BadInput: a weight has no place there.
    """
    entries = {module["path"]: entry for module in modules if (entry := layer_entry(framework, module["classes"]))}
    moved = {
        name: _elsewhere(framework, entries, view, views)
        for name, view in views.items()
        if framework == "paddle" or view.leaf != COUNTER
    }
    if framework == "paddle":
        moved |= _counters(entries, moved)
    shapes: dict[str, tuple[int, ...]] = {}
    for view in moved.values():
        end = view.rows[1] if view.rows else 0
        shape = view.tensor_shape
        shapes[view.stored_name] = (max(end, shapes.get(view.stored_name, (0,))[0]), *shape[1:]) if view.rows else shape
    return Layout(moved, shapes, {})


def _elsewhere(framework: str, entries: Mapping[str, Entry], view: View, views: Mapping[str, View]) -> View:
    """A view of the same weight where the other framework has it."""
    parent, _, last = view.owner.rpartition(".")
    leaf = view.weight or view.leaf
    for path, name in ((parent, joined(last, leaf)), (view.owner, leaf)):
        above = entries.get(path)
        rows = above.rows(name) if above else []
        if above and rows:
            break
    else:
        return _of_no_rule(framework, entries, view)
    if framework == "torch" and not rows[0].paddle:
        raise BadInput(f"{view.name}: Paddle's {above.kind} has no such weight; make the model without it")
    if view.suffix:
        return elsewhere(framework, view, path, rows[0])
    if framework == "torch":
        flat = (1, *view.shape) if rows[0].flat else None
        about = {"transposed": rows[0].transposed, "rows": None, "stored_shape": flat}
        return replace(view, stored_name=joined(path, rows[0].paddle), **about)
    together = {joined(path, row.name) for row in above.weights if row.torch == rows[0].torch}
    row = rows[0] if len({views[sibling].shape for sibling in together}) == 1 else rows[-1]
    part = rows_of_part(row.part, view.shape[0]) if row.part else None
    return replace(view, stored_name=joined(path, row.torch), transposed=False, rows=part, stored_shape=None)


def _of_no_rule(framework: str, entries: Mapping[str, Entry], view: View) -> View:
    """What a model keeps for itself is the same in the other; not so what lies in a layer that turns its weights."""
    owner = entries.get(view.owner)
    if owner and len(view.shape) > 1 and any(row.transposed for row in owner.weights):
        raise BadInput(
            f"{view.name}: nothing is known of such a weight of a {owner.kind} layer, whose own weight Paddle keeps "
            "transposed; give the models of both frameworks"
        )
    if view.suffix:
        return elsewhere(framework, view, view.owner, None)
    return replace(view, stored_name=view.name, transposed=False, rows=None, stored_shape=None)


def _counters(entries: Mapping[str, Entry], views: Mapping[str, View]) -> dict[str, View]:
    """PyTorch's counters of batches, which Paddle does not have."""
    return {
        joined(path, COUNTER): View(path, COUNTER, joined(path, COUNTER), entry.kind, (), trained=False)
        for path, entry in entries.items()
        if entry.rows(COUNTER) and joined(path, "running_mean") in views
    }


def canonical_of(path: str, arrays: Mapping[str, np.ndarray], layout: Layout, model: str) -> dict[str, np.ndarray]:
    """The canonical arrays of a file, from those that are to be converted.

    Raises:
        BadInput: keys are missing, unexpected or misshapen; all are listed.
    """
    optional = needless(layout)
    wrong = misfits(shapes_of(arrays), layout.shapes, optional, lambda name: _known(name, layout))
    if wrong:
        raise BadInput(misfit_text(path, wrong, model))
    return to_canonical(layout.views, arrays)


def needless(layout: Layout) -> set[str]:
    """Names that a file need not hold: counters of batches, and buffers that a model makes for itself."""
    return {view.stored_name for view in layout.views.values() if view.leaf == COUNTER or own_buffer(view)}


def own_buffer(view: View) -> bool:
    """Whether it is a buffer of the user's own model (a mask, positions, frequencies), which no rule is about."""
    return view.buffer and view.kind == "parameter"


def _known(name: str, layout: Layout) -> bool:
    """Another name of a weight: a tied one, or the cells of a recurrent layer."""
    parts = name.split(".")
    return name in layout.copies or any(part in CELLS for part in parts) or parts[-1] == NO_WEIGHT.paddle


def framework_arrays(layout: Layout, canonical: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A state dict from canonical arrays; a counter that nobody gives is 0."""
    arrays: dict[str, np.ndarray] = {}
    for name, view in layout.views.items():
        if name not in canonical:
            if view.leaf == COUNTER:
                arrays[view.stored_name] = np.zeros((), np.int64)
            continue
        array = canonical[name]
        if view.stored_name not in arrays:
            arrays[view.stored_name] = np.empty(layout.shapes[view.stored_name], array.dtype)
        view.put(array.reshape(view.shape), arrays[view.stored_name])
    return arrays | {copy: arrays[name] for copy, name in layout.copies.items() if name in arrays}


def rows_of(
    source: Layout, target: Layout, pairs: Mapping[str, str], arrays: Mapping[str, np.ndarray]
) -> list[ConvertedTensor]:
    """What became of each array of the source."""
    rows = []
    for x, y in pairs.items():
        if x not in arrays:
            continue
        first, second = source.views[x], target.views[y]
        done = [] if first.stored_name == second.stored_name else [f"renamed from {first.stored_name}"]
        done += ["transposed"] if first.transposed != second.transposed else []
        done += ["packed"] if second.rows and not first.rows else ["unpacked"] if first.rows and not second.rows else []
        rows.append(
            ConvertedTensor(second.stored_name, second.tensor_shape, arrays[x].dtype.name, ", ".join(done) or "kept")
        )
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
