"""Weights from file to file, without a model, one array in memory at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from ...errors import BadInput, choose
from ..files import opened
from ..fit import shapes_of
from ..formats.pytorch.tensors import dtype_named
from ..formats.stored import Array
from ..recipe_conversion import DTYPES, Conversion, ConvertedTensor, framework_of_target, is_floating
from ..source_arrays import lossless
from ..unread import unread
from ..weight_file import WeightFile, framework_of, of_framework
from .exports import by_export
from .kinds import MODEL_FIRST, Layout, NotTold, by_example, by_tensor_names
from .map_file import read_map
from .naming import Naming, needless_prefix, prefixes, taken_off
from .output import Content, Tell, bytes_of, plan_of, write_shards, write_whole
from .pieces import assembled

T = TypeVar("T")


@dataclass(frozen=True)
class Told:
    """What is said of two files beside their names.

    Attributes:
        framework: whose layout the source is in (`--from`). like: a file of the target's framework and architecture.
        map_file: a map of weights. dtype: the floating type to write. max_shard_size: `2GB`.
        program: of an inference export, where it does not lie beside the parameters.
    """

    naming: Naming = field(default_factory=Naming)
    framework: str | None = None
    like: str | None = None
    map_file: str | None = None
    key: str | None = None
    dtype: str | None = None
    source_dtype: str | None = None
    max_shard_size: str | None = None
    program: str | None = None


def convert_files(source: str, target: str, told: Told, tell: Tell = lambda done, total: None) -> Conversion:
    """Write `source` as `target`, whole or not at all, by what the files tell; memory is bounded by the largest tensor.

    Raises:
        BadInput: the files do not tell enough, or do not fit each other.
        EnvironmentFailed: the target cannot be written.
    """
    into = framework_of_target(source, target)
    most = bytes_of(told.max_shard_size) if told.max_shard_size else None
    if told.dtype is not None:
        choose(told.dtype, DTYPES, "dtype")
    if Path(target).suffix.lower() == ".pdopt":
        raise BadInput(f"{target}: is for optimiser state; write weights to a .pdparams, .pt or .safetensors file")
    with opened(source, key=told.key, dtype=told.source_dtype, kind="weights", program=told.program) as whole:
        file, notes = of_framework(whole, told.framework)
        origin = framework_of(file)
        given, owners, done = told.naming.of(file.path, file.arrays)
        notes += done + _beside(file) + unread(file)
        table = {name: file.names[own] for name, own in owners.items() if own in file.names}
        made = _carried(_Given(file.path, given, owners, table, file), origin, into, told)
        arrays, rows, exact = _cast(made.arrays, made.rows, told.dtype)
        kept = file.metadata if file.format == "safetensors" else {}
        content = Content(arrays, made.names, {**kept, "format": "pt"} if into == "torch" else {})
        files, put = _written(target, content, most, plan_of(source, rows, content, file.beside), tell)
    return Conversion(source, target, "", "", rows, exact, notes=[*notes, *made.notes, *put], files=files)


def _written(target: str, content: Content, most: int | None, plan: str, tell: Tell) -> tuple[list[str], list[str]]:
    if most is None:
        write_whole(target, content, tell)
        return [target], []
    files, notes = write_shards(target, content, most, plan, tell)
    return [str(file) for file in files], notes


def _beside(file: WeightFile) -> list[str]:
    """What of a nested checkpoint is not weights, and is left out."""
    if file.key is None or not isinstance(file.tree, dict):
        return []
    others = [str(name) for name in file.tree if name != file.key.split(".")[0]]
    return [f"of the checkpoint, {file.key} is written; left out: {', '.join(others)}"] if others else []


@dataclass(frozen=True)
class _Given:
    """What a file gives: arrays by the names that are wanted, with the file's own names and Paddle's of the tensors."""

    path: str
    arrays: dict[str, Array]
    owners: dict[str, str]
    table: dict[str, str]
    file: WeightFile

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return shapes_of(self.arrays)

    def without(self, prefix: str) -> _Given:
        """The same without a prefix that every name has."""

        def short(part: dict[str, T]) -> dict[str, T]:
            return {name.removeprefix(prefix): value for name, value in part.items()}

        return _Given(self.path, short(self.arrays), short(self.owners), short(self.table), self.file)


@dataclass(frozen=True)
class _Made:
    arrays: dict[str, Array]
    rows: list[ConvertedTensor]
    names: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def _carried(given: _Given, origin: str, into: str, told: Told) -> _Made:
    """The target's arrays, still in their files, by whatever tells the layout."""
    if told.map_file and told.like:
        raise BadInput("--map-file and --like both say the layout; give one")
    if origin == into:
        if told.map_file or told.like:
            raise BadInput(
                f"{given.path}: is {origin}'s, as the target is: leave out --map-file and --like, which say how the "
                "other framework has it"
            )
        rows = [_row(name, array, [name], given.owners, "") for name, array in given.arrays.items()]
        return _Made(given.arrays, rows, given.table)
    if told.map_file:
        weight_map = read_map(told.map_file)
        prefix = needless_prefix(given.arrays, weight_map.needed(origin))
        given = given.without(prefix)
        made = _arranged(weight_map.layout(given.path, told.map_file, given.shapes, origin), given, into)
        return replace(made, notes=[taken_off(prefix)] if prefix else [])
    if told.like:
        return _by_like(given, into, told.like)
    if given.file.format == "pdiparams":
        return _arranged(by_export(given.path, given.arrays, given.table, given.file.program), given, into)
    if origin == "paddle" and given.table:
        return _arranged(by_tensor_names(given.path, given.arrays, given.table), given, into)
    owner = {"paddle": "Paddle", "torch": "PyTorch"}[into]
    raise NotTold(f"{given.path}: does not tell which of its matrices {owner} has transposed; {MODEL_FIRST}")


def _by_like(given: _Given, into: str, like: str) -> _Made:
    """By a file of the other framework; a prefix that all names share and it lacks is taken off."""
    with opened(like, dtype="bfloat16" if into == "paddle" else None, kind="weights") as example:
        if example.framework not in (None, into):
            raise BadInput(f"{like}: is {example.framework}'s; --like takes one of {into}'s, whose layout is written")
        wanted = shapes_of(example.arrays)
        names = dict(example.names) if into == "paddle" else {}
    try:
        return _fitted(given, into, like, wanted, names)
    except BadInput:
        for prefix in prefixes(given.arrays):
            with contextlib.suppress(BadInput):
                return replace(_fitted(given.without(prefix), into, like, wanted, names), notes=[taken_off(prefix)])
        raise


def _fitted(given: _Given, into: str, like: str, wanted: Mapping, names: dict[str, str]) -> _Made:
    kinds = names if into == "paddle" else given.table
    layout = by_example(given.path, given.shapes, like, wanted, into, kinds)
    return replace(_arranged(layout, given, into), names=names)


def _arranged(layout: Layout, given: _Given, into: str) -> _Made:
    """The arrays of a layout, still in their files, and a row for each."""
    origin = "torch" if into == "paddle" else "paddle"
    arrays: dict[str, Array] = {}
    rows = []
    for name, shape in {**layout.shapes, **layout.filled}.items():
        if name in layout.filled:
            arrays[name] = np.zeros(shape, np.int64)
            rows.append(ConvertedTensor(name, shape, "int64", "added"))
        elif name not in layout.copies:
            pieces = layout.pieces[name]
            arrays[name] = assembled(shape, pieces, into, given.arrays)
            sources = list(dict.fromkeys(piece.side(origin).name for piece in pieces))
            rows.append(_row(name, arrays[name], sources, given.owners, pieces[0].told(into)))
    for name, other in layout.copies.items():
        arrays[name] = arrays[other]
        rows.append(ConvertedTensor(name, tuple(arrays[other].shape), arrays[other].dtype.name, f"the same as {other}"))
    rows += [
        ConvertedTensor(given.owners[name], given.shapes[name], given.arrays[name].dtype.name, "dropped")
        for name in layout.dropped
    ]
    return _Made(arrays, rows)


def _row(name: str, array: Array, sources: list[str], owners: Mapping[str, str], told: str) -> ConvertedTensor:
    own = [owners.get(source, source) for source in sources]
    done = [] if own == [name] else [f"renamed from {own[0]}"] if len(own) == 1 else [f"from {', '.join(own)}"]
    done += [told] if told else []
    return ConvertedTensor(name, tuple(array.shape), array.dtype.name, ", ".join(done) or "kept")


def _cast(arrays: dict[str, Array], rows: list[ConvertedTensor], dtype: str | None):
    """Floating arrays in the type that is asked for, with a word in their rows, and whether no digit is lost."""
    if dtype is None:
        return arrays, rows, True
    wanted = dtype_named(dtype)
    changed = {name for name, array in arrays.items() if is_floating(array.dtype) and array.dtype != wanted}
    exact = all(lossless(arrays[name].dtype, wanted) for name in changed)
    arrays = {name: array.astype(wanted) if name in changed else array for name, array in arrays.items()}
    rows = [
        ConvertedTensor(row.name, row.shape, wanted.name, f"{row.done}, from {row.dtype}")
        if row.name in changed and row.done != "dropped" else row for row in rows
    ]  # fmt: skip
    return arrays, rows, exact
