"""The readers of all formats, each of which gives a `WeightFile`; which one it is, is told by the content."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import BadInput, choose
from .formats.bounded_bytes import Malformed, Source, quoted
from .formats.checkpoint_tree import KINDS, flatten, is_optimizer, layers_in, select
from .formats.paddle_exports.files import (
    Export,
    is_table_of_export,
    read_from_folder,
    read_from_parameters,
    read_from_program,
)
from .formats.paddle_exports.state_dict import state_dict
from .formats.pdparams import BFLOAT16_OR_INTEGER, name_table, read_paddle
from .formats.pickles.resolver import Told
from .formats.pt import read_torch
from .formats.recognition import format_of
from .formats.safetensors import FRAMEWORKS, read_safetensors
from .formats.shards import open_shards, read_index
from .formats.stored import Array, is_array
from .weight_file import WeightFile

NAMES_KEY = "dualport.names"  # where a .safetensors file keeps Paddle's table of parameter names


def read_source(
    source: Source, name: str, key: str | None, dtype: str | None, kind: str | None, sha256: str | None,
    program: str | os.PathLike[str] | None = None,
) -> WeightFile:  # fmt: skip
    """Read an open file, which is called `name` in what is said of it; see `files.read`.

    Raises:
        BadInput: not a weight file, damaged, hostile, or more must be said about it.
    """
    if dtype is not None:
        choose(dtype, BFLOAT16_OR_INTEGER, "16-bit type")
    if kind is not None:
        choose(kind, KINDS, "kind of content")
    try:
        if sha256 is not None:
            _verify(source, sha256)
        with collector_paused():
            form = format_of(source)
            if program is not None:
                if form != "parameters":
                    raise Malformed("it is no file of an export's parameters", "leave out --program")
                whole = read_from_parameters(source, Path(name), Path(program))
                return _export(whole, name, key, kind, sha256 is not None)
            return _READERS[form](source, name, key, dtype, kind, sha256 is not None)
    except Malformed as fault:
        raise BadInput(f"{name}: {fault}") from None


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Python's cycle collector goes through every object of the process again and again while a reader makes many:
    a third of a second of hostile lists becomes more than one. Nothing that is read needs it.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read_paddle(source: Source, path: str, key: Any, dtype: Any, kind: Any, verified: bool) -> WeightFile:
    told = Told()
    tree, tensor_names, protocol = read_paddle(source, dtype, told)
    where, node = select(tree, key, kind)
    arrays = flatten(node) if key else _direct_arrays(node)
    if key is None and is_table_of_export(tree):
        raise Malformed("it is the table of names of an inference export", "name the .pdiparams that it lies beside")
    kept, names = "pdopt" if is_optimizer(node) else "pdparams", name_table(node, arrays, tensor_names)
    objects = dict(told.objects)
    return WeightFile(path, kept, "paddle", protocol, arrays, names, tree, where, verified=verified, objects=objects)


def _read_torch(source: Source, path: str, key: Any, dtype: Any, kind: Any, verified: bool) -> WeightFile:
    content = read_torch(source)
    key, node = select(content.tree, key, kind, content.told.aside)
    return WeightFile(
        path, "pt", "torch", content.protocol, flatten(node), tree=content.tree, key=key, verified=verified,
        objects=dict(content.told.objects), layers=layers_in(content.tree, content.told.modules),
        written=content.written, left_out=content.left_out,
    )  # fmt: skip


def _read_safetensors(source: Source, path: str, key: Any, dtype: Any, kind: Any, verified: bool) -> WeightFile:
    arrays, metadata = read_safetensors(source)
    if key not in (None, "."):
        raise Malformed("a .safetensors file is flat", "leave out --key")
    framework, names = FRAMEWORKS.get(metadata.get("format", "")), _kept_names(metadata)
    told = {name: value for name, value in metadata.items() if name != NAMES_KEY}
    return WeightFile(path, "safetensors", framework, None, arrays, names, arrays, metadata=told, verified=verified)


def _read_index(source: Source, path: str, key: Any, dtype: Any, kind: Any, verified: bool) -> WeightFile:
    """All shards of a model, each whole and each with the tensors that the index says."""
    arrays: dict[str, Array] = {}
    names: dict[str, str] = {}
    whole = None
    shards = read_index(source)
    for name, shard in open_shards(source, path, shards):
        form = format_of(shard)
        if form == "index":
            raise Malformed(f"its shard {quoted(name)} is an index itself")
        whole = _READERS[form](shard, str(Path(path).parent / name), key, dtype, kind, False)
        if set(whole.arrays) != set(shards[name]):
            raise Malformed(f"its shard {quoted(name)} does not hold what the index says", "fetch both again")
        arrays |= whole.arrays
        names |= whole.names
    assert whole is not None  # an index of nothing is refused
    return replace(whole, path=path, arrays=arrays, names=names, tree=arrays, key=None)


def read_folder(
    folder: Path, name: str, key: Any, kind: Any, sha256: str | None, program: str | os.PathLike[str] | None
) -> WeightFile:
    try:
        if sha256 is not None or program is not None:
            raise Malformed("it is a folder, of which no sha256 and no program can be said", "name a file in it")
        with collector_paused():
            return _export(read_from_folder(folder), name, key, kind, False)
    except Malformed as fault:
        raise BadInput(f"{name}: {fault}") from None


def _read_parameters(source: Source, path: str, key: Any, dtype: Any, kind: Any, verified: bool) -> WeightFile:
    return _export(read_from_parameters(source, Path(path), None), path, key, kind, verified)


def _read_program(source: Source, path: str, key: Any, dtype: Any, kind: Any, verified: bool) -> WeightFile:
    return _export(read_from_program(source, Path(path)), path, key, kind, verified)


def _export(whole: Export, path: str, key: Any, kind: Any, verified: bool) -> WeightFile:
    """An export as its state dict: under the structured names where they are told, else under the tensors' own."""
    if key not in (None, "."):
        raise Malformed("an export is flat", "leave out --key")
    if kind == "optimiser":
        raise Malformed("it holds no optimiser, only weights", "give the other file")
    arrays, names = state_dict(whole)
    return WeightFile(
        path, "pdiparams", "paddle", None, arrays, names, arrays, verified=verified, program=whole.program,
        beside=whole.beside,
    )  # fmt: skip


_READERS: dict[str, Callable[..., WeightFile]] = {
    "paddle": _read_paddle,
    "torch": _read_torch,
    "safetensors": _read_safetensors,
    "index": _read_index,
    "parameters": _read_parameters,
    "program": _read_program,
}


def _direct_arrays(node: Any) -> dict[str, Array]:
    """The arrays of a flat Paddle file by name; what nests beside them (LR_Scheduler) stays in the tree."""
    if not isinstance(node, dict):
        return flatten(node)
    return flatten({name: value for name, value in node.items() if is_array(value)})


def _kept_names(metadata: dict[str, str]) -> dict[str, str]:
    """The name table that `write` has put into a .safetensors file; empty where it is absent or not a table."""
    try:
        names = json.loads(metadata.get(NAMES_KEY, "{}"))
    except (ValueError, RecursionError):
        return {}
    return names if isinstance(names, dict) and all(isinstance(name, str) for name in names.values()) else {}


def _verify(source: Source, sha256: str) -> None:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise Malformed("the sha256 to compare it with is not 64 hexadecimal digits", "write it with sha256sum")
    actual = hashlib.sha256()
    while block := source.file.read(2**20):
        actual.update(block)
    source.file.seek(0)
    if actual.hexdigest() != sha256.lower():
        raise Malformed("its content is not what its sha256 says: it has changed since")
