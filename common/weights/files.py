"""Weight files of both frameworks in one form: `read` tells the format by its content, `write` by the file's name."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from ..atomic import atomic_path
from ..errors import BadInput, choose
from .formats.bounded_bytes import Malformed, Source, quoted
from .formats.checkpoint_tree import NAME_TABLE
from .formats.pdparams import write_paddle
from .formats.pt import write_torch
from .formats.safetensors import write_safetensors
from .readers import NAMES_KEY, read_folder, read_source
from .weight_file import WeightFile

# Extension → whose layout `convert` writes there.
FRAMEWORK_OF = {
    ".pdparams": "paddle", ".pdopt": "paddle",
    ".pt": "torch", ".pth": "torch", ".bin": "torch", ".safetensors": "torch",
}  # fmt: skip


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
        yield read_folder(Path(path), name, key, kind, sha256, program)
        return
    with contextlib.ExitStack() as close:
        try:
            source = _source(Path(path), name, deferred)
            close.callback(lambda: [file.close() for file in (*source.beside, source.file)])
            file = read_source(source, name, key, dtype, kind, sha256 or _sidecar(Path(path)), program)
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
