"""`.pdparams` and `.pdopt`: one bare pickle, as `paddle.save` writes it with protocols 2, 3 and 4.

A tensor is an array (flat state dicts) or a tuple of its name and an array (nested checkpoints). Nothing marks
bfloat16, which is stored as uint16, and nothing protects the content: there is no magic and no checksum.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from ...errors import BadInput
from .bounded_bytes import Malformed, Source, quoted
from .checkpoint_tree import NAME_TABLE, resolve
from .harmless import harmless_names
from .pickle_reader import load
from .pickle_writer import PickleWriter, raw_bytes
from .pickles.names import stand_in
from .pickles.pickled_numpy import numpy_names
from .pickles.resolver import Told
from .stored import Array, Stored, is_array

SLICES = "UnpackBigParamInfor@@"  # Paddle's spelling
BFLOAT16_OR_INTEGER = ("bfloat16", "uint16")
_WRITABLE = frozenset("?bBhilqefdFD")  # bool, int8, uint8, int16…int64, float16…float64, complex


def read_paddle(source: Source, dtype: str | None = None, told: Told | None = None) -> tuple[Any, dict[int, str], int]:
    """Read a whole file: its tree, the tensor names that nested checkpoints carry (by `id` of the array), the protocol.

    `dtype` says what 16-bit integers are: "bfloat16" (as Paddle stores it) or "uint16". What is told of objects beside
    the tensors is put into `told`.

    Raises:
        Malformed: damaged, not plain data, or 16-bit integers without `dtype`.
    """
    content, protocol = load(source, {**harmless_names(), **numpy_names()}, other=stand_in, encoding="latin1")
    tree = resolve(content, source.size, told)
    del content  # the stand-ins hold the arrays' memory
    names: dict[int, str] = {}
    tree = _tensors(_joined(tree), dtype, names, {})
    return tree, names, protocol


def name_table(node: Any, arrays: Mapping[str, Array], names: dict[int, str]) -> dict[str, str]:
    """Structured name → tensor name of the state dict `node`, from its own table or from the tuples of `arrays`."""
    table = node.get(NAME_TABLE) if isinstance(node, dict) else None
    if table is None:
        return {key: names[id(array)] for key, array in arrays.items() if id(array) in names}
    if type(table) is not dict or any(type(key) is not str or type(value) is not str for key, value in table.items()):
        raise Malformed("its table of parameter names is damaged")
    return dict(table)


def _tensors(node: Any, dtype: str | None, names: dict[int, str], done: dict[int, Array]) -> Any:
    """Turn (name, array) into the array, and 16-bit integers into what `dtype` says they are."""
    match node:
        case np.ndarray() | Stored():
            if id(node) not in done:
                done[id(node)] = _told(node, dtype)
            return done[id(node)]
        case (str() as name, np.ndarray() | Stored() as array) if type(node) is tuple:
            tensor = _tensors(array, dtype, names, done)
            names[id(tensor)] = name
            return tensor
        case dict():
            return {key: _tensors(value, dtype, names, done) for key, value in node.items()}
        case list() | tuple():
            return type(node)(_tensors(value, dtype, names, done) for value in node)
    return node


def _told(array: Array, dtype: str | None) -> Array:
    if array.dtype != np.uint16 or dtype == "uint16":
        return array
    if dtype == "bfloat16":
        import ml_dtypes

        return array.view(ml_dtypes.bfloat16)
    raise Malformed(
        "it holds 16-bit integers, which is how Paddle stores bfloat16 without saying so",
        "say --dtype bfloat16 (dtype='bfloat16'), or uint16 if they are integers indeed",
    )


def _joined(tree: Any) -> Any:
    """Put together the arrays of 1 GiB and more that protocols 2 and 3 cut into slices."""
    if not isinstance(tree, dict) or SLICES not in tree:
        return tree
    damaged = Malformed("its table of sliced tensors is damaged")
    table = tree.pop(SLICES)
    if type(table) is not dict:
        raise damaged
    for name, entry in table.items():
        match entry:
            case {"OriginShape": tuple() as shape, "slices": list() as parts} if type(name) is str and parts:
                tree[name] = _join([tree.pop(part, None) for part in parts if type(part) is str], shape, damaged)
            case _:
                raise damaged
    return tree


def _join(parts: list[Any], shape: tuple, damaged: Malformed) -> Array:
    if not parts or any(not is_array(part) or part.ndim != 1 for part in parts):
        raise damaged
    if len({part.dtype for part in parts}) > 1 or any(type(size) is not int or size < 0 for size in shape):
        raise damaged
    total = sum(part.size for part in parts)
    if math.prod(shape) != total:
        raise damaged
    if isinstance(parts[0], Stored):
        return Stored(shape, parts[0].dtype, lambda: _laid_together(list(parts), total).reshape(shape))
    return _laid_together(parts, total).reshape(shape)


def _laid_together(parts: list[Any], total: int) -> np.ndarray:
    whole = np.empty(total, parts[0].dtype)
    start = 0
    while parts:  # each slice is let go as soon as it is copied
        part = parts.pop(0)
        whole[start : start + part.size] = part
        start += part.size
    return whole


def write_paddle(file: BinaryIO, tree: Mapping[str, Any], names: dict[str, str] | None = None) -> None:
    """Write `tree` (a state dict, or dicts, lists and numbers around some) as `paddle.load` reads it: protocol 4.

    bfloat16 is written as uint16, which Paddle takes for bfloat16. The names are spelled `numpy.core`, which NumPy 1
    and 2 both know.

    Raises:
        BadInput: a type that Paddle has not got, or that it would take for another.
    """
    if names:
        tree = {**tree, NAME_TABLE: dict(names)}
    _PaddleWriter(file, protocol=4).dump(tree)


class _PaddleWriter(PickleWriter):
    def array(self, array: Array) -> None:
        dtype = self._stored_type(array.dtype)
        raw = raw_bytes(array)
        self.name("numpy.core.multiarray", "_reconstruct")
        self.name("numpy", "ndarray")
        self.file.write(b"K\x00\x85C\x01b\x87R")  # _reconstruct(ndarray, (0,), b"b")
        self.file.write(b"(K\x01")
        self.tuple_of(tuple(array.shape))
        self._shared(dtype, lambda: self._dtype(dtype))
        self.file.write(b"\x89")  # C order
        self.file.write(
            b"B" + struct.pack("<I", len(raw)) if len(raw) < 2**32 else b"\x8e" + struct.pack("<Q", len(raw))
        )
        self.file.write(raw)
        self.file.write(b"tb")

    def _dtype(self, dtype: np.dtype) -> None:
        self.name("numpy", "dtype")
        self.text(dtype.str[1:])
        self.file.write(b"\x89\x88\x87R(K\x03")
        self.text("|" if dtype.itemsize == 1 else "<")
        self.file.write(b"NNN")
        self.integer(-1)
        self.integer(-1)
        self.integer(0)
        self.file.write(b"tb")

    @staticmethod
    def _stored_type(dtype: np.dtype) -> np.dtype:
        if dtype.name == "bfloat16":
            return np.dtype("<u2")
        if dtype.char not in _WRITABLE:
            why = "Paddle would take them for bfloat16" if dtype == np.uint16 else "Paddle has no such tensors"
            raise BadInput(f"arrays of {quoted(dtype)} cannot be written for Paddle ({why}); convert them first")
        return dtype
