"""Weight files of both frameworks in one form: `read` tells the format by its content, `write` by the file's name."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from ..atomic import atomic_path
from ..errors import BadInput, choose
from .formats.bounded_bytes import Malformed, Source, quoted
from .formats.checkpoint_tree import KINDS, NAME_TABLE, flatten, is_optimizer, layers_in, select
from .formats.paddle_exports.files import (
    Export,
    is_table_of_export,
    read_from_folder,
    read_from_parameters,
    read_from_program,
)
from .formats.paddle_exports.program import Program
from .formats.paddle_exports.state_dict import state_dict
from .formats.pdparams import BFLOAT16_OR_INTEGER, name_table, read_paddle, write_paddle
from .formats.pickles.resolver import Told
from .formats.pt import read_torch, write_torch
from .formats.recognition import format_of
from .formats.safetensors import FRAMEWORKS, read_safetensors, write_safetensors
from .formats.shards import open_shards, read_index
from .formats.stored import Array, is_array

NAMES_KEY = "dualport.names"  # where a .safetensors file keeps Paddle's table of parameter names
# Extension → whose layout `convert` writes there.
FRAMEWORK_OF = {
    ".pdparams": "paddle", ".pdopt": "paddle",
    ".pt": "torch", ".pth": "torch", ".bin": "torch", ".safetensors": "torch",
}  # fmt: skip


@dataclass(frozen=True)
class WeightFile:
    """What a weight file holds.

    `arrays` is the state dict as it is in the file: its own names and layout, nothing transposed; while the file is
    `opened`, they are still in it. `tree` is the whole content, arrays in place: epochs, learning-rate schedules,
    optimiser states. `names` is Paddle's table from structured names to tensor names, or empty. `key` says where in a
    nested checkpoint `arrays` was found. `verified` is true where the content was compared with a sha256 given
    beforehand. `program` is that of an inference export, and `beside` the other files that were read for it.
    `objects` counts by class what cannot be read but for what the file gives it; `layers` maps dotted paths to classes,
    where whole modules were saved; `written` says what kind of file it is, where its format has several; `left_out`, in
    words, which of its tensors are not in `tree`.
    """

    path: str
    format: str  # "pdparams", "pdopt", "pdiparams", "pt" or "safetensors"
    framework: str | None  # "paddle", "torch", or None where the file does not say
    protocol: int | None  # of the pickle in it
    arrays: dict[str, Any]
    names: dict[str, str] = field(default_factory=dict)
    tree: Any = None
    key: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    verified: bool = False
    objects: dict[str, int] = field(default_factory=dict)
    layers: dict[str, str] = field(default_factory=dict)
    written: str = ""
    left_out: tuple[str, ...] = ()
    program: Program | None = None
    beside: tuple[str, ...] = ()


def framework_of(file: WeightFile) -> str:
    """Whose layout a file is in. Raises `BadInput` where neither its format nor its metadata says so."""
    if file.framework is None:
        kind = file.metadata.get("format")
        said = f" (its metadata has format={quoted(kind)}, which both have written)" if kind else ""
        raise BadInput(
            f"{file.path}: does not say whose layout it is in{said}; say it with --from torch or --from paddle"
        )
    return file.framework


def of_framework(file: WeightFile, stated: str | None) -> tuple[WeightFile, list[str]]:
    """A file whose layout is the `stated` framework's, and a note where the file says otherwise.

    Raises:
        BadInput: there is no such framework.
    """
    if stated is None:
        return file, []
    choose(stated, ("torch", "paddle"), "framework")
    against = file.framework not in (None, stated)
    note = f"{file.path} is {file.framework}'s by what it says of itself; it is taken as {stated}'s, as --from says"
    return replace(file, framework=stated), [note] if against else []


def read(
    path: str | os.PathLike[str],
    key: str | None = None,
    dtype: str | None = None,
    kind: str | None = None,
    sha256: str | None = None,
    program: str | os.PathLike[str] | None = None,
) -> WeightFile:
    """Read a weight file of any format, or the folder of an inference export, without running anything in it.

    Args:
        key: which part of a nested checkpoint (`"model"`, `"nets.encoder"`); needed where several would do. `"."` is
            the whole file, its arrays under dotted names.
        dtype: what 16-bit integers in a Paddle file are, "bfloat16" or "uint16"; other formats say so themselves.
        kind: "weights" or "optimiser", where only that will do.
        sha256: what the file's content must hash to; else a neighbour `FILE.sha256` is used, if there is one.
        program: of an inference export, where it does not lie beside the parameters.

    Raises:
        BadInput: not a weight file, damaged, hostile, or more must be said about it; the message says what.
    """
    with _opened(path, key, dtype, kind, sha256, False, program) as file:
        return file


def opened(
    path: str | os.PathLike[str],
    key: str | None = None,
    dtype: str | None = None,
    kind: str | None = None,
    sha256: str | None = None,
    program: str | os.PathLike[str] | None = None,
) -> contextlib.AbstractContextManager[WeightFile]:
    """As `read`, but within the context the arrays are still in the file: `np.asarray` reads one, afresh each time.

    So a model that is larger than memory goes through it one array at a time. Outside of it they cannot be read.

    Raises:
        BadInput: as `read`; also where an array turns out to be damaged when it is asked for.
    """
    return _opened(path, key, dtype, kind, sha256, True, program)


@contextlib.contextmanager
def _opened(
    path: Any, key: str | None, dtype: str | None, kind: str | None, sha256: str | None, deferred: bool,
    program: str | os.PathLike[str] | None = None,
) -> Iterator[WeightFile]:  # fmt: skip
    name = str(path) if str(path).isprintable() else quoted(path, 1000)
    if Path(path).is_dir():
        yield _read_folder(Path(path), name, key, kind, sha256, program)
        return
    with contextlib.ExitStack() as close:
        try:
            source = _source(Path(path), name, deferred)
            close.callback(lambda: [file.close() for file in (*source.beside, source.file)])
            file = _read(source, name, key, dtype, kind, sha256 or _sidecar(Path(path)), program)
        except OSError as error:
            raise BadInput(f"{name}: cannot be read ({error.strerror or error}); check the path") from None
        try:
            yield file
        except Malformed as fault:
            raise BadInput(f"{name}: {fault}") from None


def _source(path: Path, name: str, deferred: bool) -> Source:
    if not path.is_file() and path.exists():
        raise BadInput(f"{name}: is a pipe or a device; name a weight file")
    file = path.open("rb")
    return Source(file, os.fstat(file.fileno()).st_size, deferred)


def _read(
    source: Source, name: str, key: str | None, dtype: str | None, kind: str | None, sha256: str | None,
    program: str | os.PathLike[str] | None = None,
) -> WeightFile:  # fmt: skip
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


def _read_folder(
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


def _sidecar(path: Path) -> str | None:
    """The sha256 in `FILE.sha256` (as `sha256sum` writes it), or None where there is no such file."""
    sidecar = path.with_name(f"{path.name}.sha256")
    if not sidecar.is_file():
        return None
    with sidecar.open(encoding="utf8", errors="replace") as file:
        words = file.read(4096).split()
    if not words:
        raise BadInput(f"{sidecar}: is empty; write it with sha256sum, or remove it")
    return words[0]


def _verify(source: Source, sha256: str) -> None:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise Malformed("the sha256 to compare it with is not 64 hexadecimal digits", "write it with sha256sum")
    actual = hashlib.sha256()
    while block := source.file.read(2**20):
        actual.update(block)
    source.file.seek(0)
    if actual.hexdigest() != sha256.lower():
        raise Malformed("its content is not what its sha256 says: it has changed since")


def write(
    path: str | os.PathLike[str],
    arrays: dict[str, Any],
    *,
    names: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> None:
    """Write a state dict, in the format that the extension of `path` names; whole, or not at all.

    `.pdparams`, `.pdopt`, `.pt` and `.pth` also take nested checkpoints: dicts, lists, numbers and text around arrays.
    `names`, Paddle's name table, is kept by Paddle's formats and by `.safetensors`; a `.pt` has no place for it.
    `metadata` (text to text) is kept by `.safetensors` alone.

    Raises:
        BadInput: an unknown extension, or content that the format cannot hold.
        EnvironmentFailed: the disk is full, or the folder cannot be written.
    """
    extension = choose(Path(path).suffix.lower(), FRAMEWORK_OF, "weight format with the extension")
    try:
        with atomic_path(path) as temporary, temporary.open("wb", buffering=2**20) as file:
            write_content(file, extension, arrays, names, metadata)
    except BadInput as error:
        raise BadInput(str(error) if str(path) in str(error) else f"{path}: {error}") from None


def write_content(file: BinaryIO, extension: str, arrays: Mapping[str, Any], names: Any, metadata: Any) -> None:
    """Write a state dict into an open file; arrays that are still in theirs are read one at a time."""
    arrays = {name: value for name, value in arrays.items() if name != NAME_TABLE}
    if extension in (".pdparams", ".pdopt"):
        write_paddle(file, arrays, names)
    elif extension in (".pt", ".pth", ".bin"):
        write_torch(file, arrays)
    else:
        kept = {NAMES_KEY: json.dumps(names, ensure_ascii=False)} if names else {}
        write_safetensors(file, arrays, {**(metadata or {}), **kept})
