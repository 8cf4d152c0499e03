"""`.safetensors`: a JSON header and the bytes of the tensors, in NumPy alone.

Read into memory of its own rather than mapped, since a file that is cut while it is mapped ends the process. The
checks are those of the safetensors library and two that it leaves out: duplicate keys, and NUL in names.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from ...errors import BadInput
from .bounded_bytes import Malformed, Source, quoted
from .pickle_writer import raw_bytes
from .pickles.pickled_numpy import check_shape, tensor_of
from .pytorch.tensors import dtype_named
from .stored import Array, is_array

MAX_HEADER = 16_000_000  # bytes, about 150,000 tensors; more JSON could take gigabytes of memory
_TYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
    "C64": "complex64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
}  # fmt: skip
_CODES = {name: code for code, name in _TYPES.items()}
_METADATA = "__metadata__"
FRAMEWORKS = {"pt": "torch", "torch": "torch", "paddle": "paddle", "pd": "paddle"}


def read_safetensors(source: Source) -> tuple[dict[str, Array], dict[str, str]]:
    """Read a whole file: its tensors in the header's order, and its metadata.

    Raises:
        Malformed: a header that is too long, not JSON, with duplicate or impossible names; tensors that overlap,
            leave a hole, do not fit their bytes or the file.
    """
    header, length = _header(source)
    metadata = header.pop(_METADATA, {})
    if type(metadata) is not dict or any(type(value) is not str for value in metadata.values()):
        raise Malformed("the metadata in its header is not text")
    entries = {name: _entry(name, entry) for name, entry in header.items()}
    arrays: dict[str, Array] = {}
    at = 0
    for name, (dtype, shape, start, end) in sorted(entries.items(), key=lambda item: item[1][2:]):
        if start != at:
            raise Malformed(f"the tensor {quoted(name)} {'overlaps another' if start < at else 'follows a hole'}")
        at = end
        arrays[name] = tensor_of(source.content(end - start), dtype, shape)
    if source.size != 8 + length + at:
        raise Malformed("it has bytes after its last tensor")
    return {name: arrays[name] for name in header}, metadata


def _header(source: Source) -> tuple[dict[str, Any], int]:
    (length,) = struct.unpack("<Q", source.exact(8))
    if length > MAX_HEADER or length > source.left():
        raise Malformed("its header claims to be longer than the file, or than 16 MB")
    try:
        header = json.loads(source.exact(length).decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Malformed("its header is not JSON") from None
    return header, length  # an object, since it starts with a brace


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise Malformed(f"the name {quoted(twice)} is in its header twice")
    return content


def _no_constant(constant: str) -> None:
    raise ValueError(constant)


def _entry(name: str, entry: Any) -> tuple[np.dtype, tuple[int, ...], int, int]:
    if "\0" in name:
        raise Malformed(f"the name {quoted(name)} holds a NUL character")
    match entry:
        case {"dtype": str() as code, "shape": list() as shape, "data_offsets": [int() as start, int() as end], **rest}:
            if rest or any(type(size) is not int or not 0 <= size < 2**62 for size in (*shape, start, end)):
                raise Malformed(f"the tensor {quoted(name)} is described in an impossible way")
        case _:
            raise Malformed(f"the tensor {quoted(name)} is described in an impossible way")
    if code not in _TYPES:
        raise Malformed(f"the tensor {quoted(name)} is of an unknown type, {quoted(code)}", "save it as float32")
    dtype = dtype_named(_TYPES[code])
    check_shape(tuple(shape), dtype.itemsize, end - start)
    return dtype, tuple(shape), start, end


def write_safetensors(file: BinaryIO, arrays: Mapping[str, Array], metadata: dict[str, str] | None = None) -> None:
    """Write a flat dict of arrays, and metadata of text, as the safetensors library reads them.

    Tensors are ordered by size of their type, then by name, as the library does, so that each is aligned.

    Raises:
        BadInput: nested content, a name or a type that the format has not got.
    """
    for name, array in arrays.items():
        _check(name, array)
    header: dict[str, Any] = {_METADATA: dict(metadata)} if metadata else {}
    if any(type(key) is not str or type(value) is not str for key, value in (metadata or {}).items()):
        raise BadInput("the metadata of a .safetensors file must be text; convert it first")
    order = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    at = 0
    for name in order:
        array = arrays[name]
        entry = {"dtype": _CODES[array.dtype.name], "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        header[name] = entry
        at += array.nbytes
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)) + text)
    for name in order:
        file.write(raw_bytes(arrays[name]))


def _check(name: object, array: Any) -> None:
    if type(name) is not str or name == _METADATA or "\0" in name:
        raise BadInput(f"{quoted(name)} cannot name a tensor in a .safetensors file; rename it")
    if not is_array(array):
        raise BadInput(f"{quoted(name)} is not an array: a .safetensors file holds arrays only; leave it out")
    if array.dtype.name not in _CODES:
        raise BadInput(f"{quoted(name)} is of {array.dtype}, which .safetensors has not got; convert it first")
