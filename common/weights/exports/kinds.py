"""The kind of each tensor of an export, told by the name that Paddle gives it and by what the program does with it.

Paddle numbers tensors by the class of their layer in the order of creation: `linear_3.w_0` is the weight of a Linear.
A name that does not say it all leaves a tensor untold, never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ...dictionary.entry import Entry
from ...dictionary.index import BY_TENSOR_PREFIX
from ..formats.paddle_exports.program import Program
from ..formats.paddle_exports.state_dict import layer_name
from ..formats.stored import Array
from ..rules import view_of
from ..view import View

# `conv2d_0.w_0`; a layer that was copied in Python carries a number for each copied tensor.
_AUTOMATIC = re.compile(r"(?P<layer>(?P<prefix>.+)_(?P<number>\d+))\.(?P<suffix>(?P<letter>[wb])_\d+)(_deepcopy_\d+)*")
# What hands a tensor on as it is, or rounded to what it was trained to be.
_HANDS_ON = re.compile(r"cast|assign|share_data|.*quantize.*")
MOST_HANDED_ON = 8  # times
_SECOND = ("Y", "W", "1")  # where a product of matrices takes its weight
# What a program calls → the kinds of layers that it computes.
_CALLED: dict[str, set[str]] = {}
for _entry in BY_TENSOR_PREFIX.values():
    for _call in _entry.exported:
        _CALLED.setdefault(_call, set()).add(_entry.kind)
_TURNED = ("transpose_y", "trans_y", "transpose_Y")  # the attributes that exchange its axes


@dataclass(frozen=True)
class TensorName:
    """An automatic name: layer "linear_3", prefix "linear", suffix "w_0", and the entry of the layer if it has one."""

    layer: str
    prefix: str
    number: int
    suffix: str
    entry: Entry | None


def tensor_name(name: str) -> TensorName | None:
    """The parts of an automatic name; None of a name that somebody chose."""
    found = _AUTOMATIC.fullmatch(name)
    if found is None or len(found["number"]) > 9:
        return None
    return TensorName(
        found["layer"], found["prefix"], int(found["number"]), found["suffix"], BY_TENSOR_PREFIX.get(found["prefix"])
    )


def export_views(arrays: Mapping[str, Array], names: Mapping[str, str], program: Program | None) -> dict[str, View]:
    """Canonical name → view, of every tensor of an export once; `unruled` says why the kind of one is not told.

    Args:
        arrays: a state dict as `WeightFile.arrays` has it. names: its names → the tensors' own.
    """
    layers: dict[str, set[str]] = {}
    for tensor in set(names.values()):
        if parts := tensor_name(tensor):
            layers.setdefault(parts.layer, set()).add(parts.suffix)
    used = _used_as(program) if program else None
    views = {}
    for key in _once(arrays):
        tensor = names.get(key, key)
        view = _view(key, tensor, arrays[key].shape, layers)
        if view.transposed and used is not None and tensor not in used[view.kind]:
            view = _untold(key, view.tensor_shape, f"its program does not use it as a {view.kind} layer does")
        elif view.unruled and len(view.shape) == 2 and used and tensor in used["embedding"]:
            view = View("", key, key, "embedding", view.shape)  # rows are looked up in it, whoever named it
        views[view.name] = view
    if len(views) < len(_once(arrays)):  # two layers of one name: each keeps its own
        return {key: _untold(key, arrays[key].shape, "its name is another's too") for key in _once(arrays)}
    return views


def _once(arrays: Mapping[str, Array]) -> list[str]:
    """The names without those of cells whose recurrent layer has the same tensor under its own."""
    return [key for key in arrays if arrays.get(layer_name(key) or "") is not arrays[key]]


def _untold(key: str, shape: tuple[int, ...], why: str) -> View:
    return View("", key, key, "parameter", shape, unruled=why)


def _view(key: str, tensor: str, shape: tuple[int, ...], layers: Mapping[str, set[str]]) -> View:
    parts = tensor_name(tensor)
    if parts is None or parts.entry is None:
        return _untold(key, shape, "its name tells no kind of layer")
    path, _, leaf = key.rpartition(".")
    if re.fullmatch(rf"{parts.suffix}(_deepcopy_\d+)*", leaf):  # no structured name
        row = next((row for row in parts.entry.weights if row.suffix == parts.suffix), None)
        path = path if leaf == parts.suffix else key.replace(".", "_")
        if row is None or not _complete(parts.entry, layers[parts.layer], parts.suffix[0]):
            return _untold(key, shape, f"a {parts.entry.kind} layer has other weights than {parts.layer}")
    else:
        own = re.sub(r"_l\d+(_reverse)?$", "", leaf)  # a cell's weight under a name of its layer
        row = next((row for row in parts.entry.weights if row.paddle in (leaf, own) and row.suffix), None)
        if row is None:
            return _untold(key, shape, f"a {parts.entry.kind} layer has no {leaf}")
        row = replace(row, name=leaf) if leaf != row.paddle else row
    if row.transposed and len(shape) != 2:
        return _untold(key, shape, f"it has {len(shape)} axes, which a {parts.entry.kind} layer's has not")
    about = {"stored_name": key, "trained": row.trained, "buffer": not row.trained}
    return view_of("paddle", path, parts.entry.kind, row, shape, about)


def _complete(entry: Entry, suffixes: set[str], letter: str) -> bool:
    """Whether all weights of a letter are there: where one has a name of its own, the others' numbers are shifted."""
    return {row.suffix for row in entry.weights if row.suffix.startswith(letter)} == {
        suffix for suffix in suffixes if suffix.startswith(letter)
    }


def _used_as(program: Program) -> Mapping[str, set[str]]:
    """Kind of layer → the tensors that the program uses as such a layer does its weight, if entries say how that is."""
    handed = {}
    for call in program.operations:
        sources = [name for names in call.inputs.values() for name in names]
        if _HANDS_ON.fullmatch(call.kind) and sources:
            handed |= {name: sources[0] for names in call.outputs.values() for name in names if name != sources[0]}
    found: dict[str, set[str]] = {entry.kind: set() for entry in BY_TENSOR_PREFIX.values() if entry.exported}
    for call in program.operations:
        if any(call.attributes.get(name) for name in _TURNED):
            continue
        taken = [origin for slot in _SECOND for name in call.inputs.get(slot, ()) for origin in _back(name, handed)]
        for kind in _CALLED.get(call.kind, ()):
            found[kind].update(taken)
    return found


def _back(name: str, handed: Mapping[str, str]) -> Iterator[str]:
    """A name and those that it was handed on from."""
    for _ in range(MOST_HANDED_ON):
        yield name
        if name not in handed:
            return
        name = handed[name]
