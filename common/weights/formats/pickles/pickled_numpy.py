"""NumPy arrays, dtypes and scalars as pickles spell them, rebuilt by hand so that NumPy's own callables never run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..bounded_bytes import Later, Malformed
from ..stored import Array, Stored
from .values import LongBytes, LongText, Name, Ordered

MAX_AXES = 32
_BLOCK = 2**16  # bytes decoded at a time, so that they stay in the processor's cache
# What weights are made of. Object, text, date and structured arrays are not in it.
_CODES = frozenset({"b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16"})
_NOT_NUMBERS = "save it without that array"


class PickledDtype:
    """`numpy.dtype('f4', False, True)`, then its state `(3, '<', None, None, None, -1, -1, 0)`."""

    def __init__(self, arguments: tuple) -> None:
        match arguments:
            case (str() as code, False | 0, True | 1) if code in _CODES:  # old NumPy wrote 0 and 1
                self.dtype = np.dtype(code)
            case _:
                raise Malformed("it holds an array of objects, text, dates or records, not of numbers", _NOT_NUMBERS)

    def build(self, state: object) -> None:
        match state:
            case (3, "<" | ">" | "|" | "=" as order, None, None, None, -1, -1, 0):
                self.dtype = self.dtype.newbyteorder(order)
            case _:
                raise Malformed("it holds an array whose type is damaged")


class PickledArray:
    """`_reconstruct(ndarray, (0,), b'b')`, then its state `(1, shape, dtype, is_fortran, bytes)`."""

    def __init__(self, arguments: tuple) -> None:
        match arguments:
            case (Name(label="ndarray"), (0,), b"b" | "b"):
                self._content: Array | None = None
            case _:
                raise Malformed("it holds an array of an unknown kind", _NOT_NUMBERS)

    def build(self, state: object) -> None:
        match state:
            case (1, tuple() as shape, PickledDtype(dtype=dtype), bool() as fortran, data) if self._content is None:
                order = "F" if fortran else "C"
                if type(data) is LongBytes and type(data.raw) is Later:
                    self._content = _later(data.raw, dtype, shape, order)
                else:
                    self._content = _numbers(data, dtype, shape).reshape(shape, order=order)
            case _:
                raise Malformed("it holds an array whose description is damaged")

    def content(self) -> Array:
        """The array, writable, in native byte order and with memory of its own, or still in its file."""
        if self._content is None:
            raise Malformed("it holds an array without content")
        return self._content


class PickledScalar:
    """`numpy.core.multiarray.scalar(dtype, bytes)`."""

    def __init__(self, arguments: tuple) -> None:
        match arguments:
            case (PickledDtype(dtype=dtype), data):
                self.content = _numbers(data, dtype, ())[0]
            case _:
                raise Malformed("it holds a NumPy scalar of an unknown kind", _NOT_NUMBERS)


def _numbers(data: object, dtype: np.dtype, shape: tuple) -> np.ndarray:
    """The content of an array as a flat one."""
    raw = _bytes(data)
    check_shape(shape, dtype.itemsize, raw.size)
    flat = raw.view(dtype)
    check_truths(flat)
    return flat if dtype.isnative else flat.astype(dtype.newbyteorder("="))


def _later(raw: Later, dtype: np.dtype, shape: tuple, order: Any) -> Stored:
    """An array whose content is not read yet; what can be checked without it is."""
    check_shape(shape, dtype.itemsize, raw.size)

    def fetch() -> np.ndarray:
        return _numbers(LongBytes(raw.read()), dtype, shape).reshape(shape, order=order)

    return Stored(shape, dtype.newbyteorder("="), fetch)


def check_shape(shape: tuple, itemsize: int, length: int) -> None:
    """Refuse a shape that is not one, or that does not take exactly `length` bytes."""
    if len(shape) > MAX_AXES or any(type(size) is not int or size < 0 for size in shape):
        raise Malformed("it holds an array whose shape is not one")
    extent = math.prod(size for size in shape if size)  # NumPy refuses a large one even where an axis is empty
    if extent * itemsize >= 2**62 or math.prod(shape) * itemsize != length:
        raise Malformed("it holds an array whose shape does not fit its bytes")


def check_truths(array: np.ndarray) -> None:
    """Refuse truth values that are neither 0 nor 1: no framework writes them, and each would read them differently."""
    if array.dtype == np.bool_ and array.size and array.view(np.uint8).max() > 1:
        raise Malformed("it holds truth values that are neither true nor false")


def tensor_of(raw: np.ndarray | Later, dtype: np.dtype, shape: tuple[int, ...]) -> Array:
    """The array that bytes are, or of bytes that are left in their file, what brings it."""
    if isinstance(raw, Later):
        return Stored(shape, dtype, lambda: np.asarray(tensor_of(raw.read(), dtype, shape)))
    array = raw.view(dtype).reshape(shape)
    check_truths(array)
    return array


def _bytes(data: object) -> np.ndarray:
    """The bytes of an array as a writable uint8 array; a long payload is one already."""
    if type(data) is bytes:
        return np.frombuffer(bytearray(data), np.uint8) if data else np.empty(0, np.uint8)
    if type(data) is LongBytes:
        return data.raw.read() if type(data.raw) is Later else data.raw
    if type(data) is str:  # of Python 2, whose text is bytes
        return np.frombuffer(bytearray(data.encode("latin1")), np.uint8)
    raise Malformed("it holds an array whose content is not bytes", _NOT_NUMBERS)


def _encode(arguments: tuple) -> Any:
    """`_codecs.encode(text, 'latin1')`: protocol 2 has no bytes, so an array's content is spelled as text."""
    match arguments:
        case (str() as text, "latin1"):
            return text.encode("latin1")
        case (LongText() as long, "latin1"):
            return LongBytes(_latin1(long.raw))
    raise Malformed("it holds text in an encoding that arrays do not use")


def _latin1(utf8: np.ndarray) -> np.ndarray:
    """The bytes that UTF-8 text of characters below 256 stands for; over twice as fast as Python's own decoder.

    Characters from 128 on are two bytes: 0xC2 or 0xC3, then one that is the character, less 64 after 0xC3.
    """
    whole = np.empty(utf8.size - np.count_nonzero(utf8 >= 0xC0), np.uint8)
    filled = 0
    for start in range(0, utf8.size, _BLOCK):
        block = utf8[start : start + _BLOCK]
        before = utf8[start - 1 : start - 1 + block.size] if start else np.append(np.uint8(0), block[:-1])
        leads = block >= 0xC0
        paired = np.array_equal((block & 0xC0) == 0x80, before >= 0xC0)
        if not paired or (leads & ((block & 0xFE) != 0xC2)).any():
            raise Malformed("it holds an array whose content is not bytes")
        part = (block + ((before == 0xC3).view(np.uint8) << 6)).take(np.flatnonzero(~leads))
        whole[filled : filled + part.size] = part
        filled += part.size
    if utf8.size and utf8[-1] >= 0xC0:
        raise Malformed("it holds an array whose content is not bytes")
    return whole


def _ordered(arguments: tuple) -> dict:
    """An OrderedDict, empty or from a list of pairs, as Python 2 has it; a Counter from a dict."""
    match arguments:
        case ():
            return Ordered()
        case (dict() as items,):
            return items
        case (list() as pairs,) if all(type(pair) is list and len(pair) == 2 for pair in pairs):
            if all(type(name) is str for name, _ in pairs) and len(made := Ordered(pairs)) == len(pairs):
                return made
    raise Malformed("it holds a dict of an unknown kind")


def _from_buffer(arguments: tuple) -> PickledArray:
    """`_frombuffer(bytes, dtype, shape, "C" or "F"[, None])`: an array as protocol 5 has it."""
    match arguments:
        case (data, PickledDtype() as dtype, tuple() as shape, "C" | "F" as order, *rest) if rest in ([], [None]):
            array = PickledArray((Name("ndarray"), (0,), b"b"))
            array.build((1, shape, dtype, order == "F", data))
            return array
    raise Malformed("it holds an array whose description is damaged")


def _empty_bytes(arguments: tuple) -> bytes:
    """`bytes()`: how protocol 2 spells the content of a tensor without elements."""
    if arguments:
        raise Malformed("it holds bytes of an unknown kind")
    return b""


def _tuple(arguments: tuple) -> tuple:
    match arguments:
        case (tuple() as items,):
            return items
    raise Malformed("it holds a tuple of an unknown kind")


def numpy_names() -> dict[tuple[str, str], Name]:
    """The names that a pickle of plain containers and NumPy arrays needs. NumPy 2 renamed `core` to `_core`."""
    names = {
        ("numpy", "ndarray"): Name("ndarray"),
        ("numpy", "dtype"): Name("dtype", PickledDtype),
        ("_codecs", "encode"): Name("encode", _encode),
        ("builtins", "tuple"): Name("tuple", _tuple),
        ("__builtin__", "tuple"): Name("tuple", _tuple),
        ("__builtin__", "bytes"): Name("bytes", _empty_bytes),
        ("collections", "OrderedDict"): Name("OrderedDict", _ordered),
        ("collections", "Counter"): Name("Counter", _ordered),  # in the state of torch's MultiStepLR
    }
    for core in ("numpy.core", "numpy._core"):
        names[f"{core}.multiarray", "_reconstruct"] = Name("_reconstruct", PickledArray)
        names[f"{core}.multiarray", "scalar"] = Name("scalar", PickledScalar)
        names[f"{core}.numeric", "_frombuffer"] = Name("_frombuffer", _from_buffer)
    for code in _CODES:  # the types themselves, as options
        name = np.dtype(code).name
        for spelled in (name, f"{name}_"):
            names["numpy", spelled] = Name(name, value=f"numpy.{name}")
    return names
