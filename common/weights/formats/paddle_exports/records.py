"""Parameters of an export: records without names, one after another, each a short description and raw values.

uint32 version 0 · uint64 count of levels, each uint64 bytes and so many · uint32 version 0 · int32 length · the
description, a message (1: type, 2: sizes) · the values.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from ....errors import by_size
from ..bounded_bytes import Malformed, Source, quoted
from ..pickles.pickled_numpy import check_shape, tensor_of
from ..stored import Array
from .program import Variable, numpy_type
from .wire import Budget, read_message

MAX_DESCRIPTION = 4096  # bytes; of a tensor with 32 axes it is less than 400
MAX_LEVELS = 8  # of lengths of sequences, which parameters hardly ever have
BELONG = "give the program that was saved with it: --program FILE"


def is_record(head: bytes) -> bool:
    """Whether a file that begins with these 24 bytes begins with a record."""
    if len(head) < 17 or head[:4] != bytes(4) or struct.unpack("<Q", head[4:12])[0] > MAX_LEVELS:
        return False
    return head[4:12] != bytes(8) or (head[12:16] == bytes(4) and head[20:21] in (b"\x08", b""))


def read_record(source: Source) -> Array:
    """The next tensor of `source`; of a deferred one where it lies.

    Raises:
        Malformed: it is cut, or no such record.
    """
    version, levels = struct.unpack("<IQ", source.exact(12))
    if version or levels > MAX_LEVELS:
        raise Malformed("a record of it is damaged, or of a version that is not known here")
    for _ in range(levels):
        (length,) = struct.unpack("<Q", source.exact(8))
        if length > source.left():
            raise Malformed("the file ends in the middle of its content")
        source.file.seek(length, 1)
    version, length = struct.unpack("<Ii", source.exact(8))
    if version or not 0 < length <= MAX_DESCRIPTION:
        raise Malformed("a record of it is damaged, or of a version that is not known here")
    description = read_message(memoryview(source.exact(length)), Budget())
    dtype, shape = numpy_type(description.number(1)), tuple(description.numbers(2))
    count = math.prod(shape)
    check_shape(shape, dtype.itemsize, count * dtype.itemsize)
    return tensor_of(source.content(count * dtype.itemsize), dtype, shape)


def read_one(source: Source) -> Array:
    """A file that holds one tensor and nothing else."""
    array = read_record(source)
    if source.left():
        raise Malformed("it has bytes after its tensor")
    return array


def read_all(source: Source, variables: Sequence[Variable]) -> dict[str, Array]:
    """The tensors of a whole file under the names of `variables`, which are in the order of the records.

    Raises:
        Malformed: it is damaged, or holds other tensors than these.
    """
    arrays = {}
    for variable in variables:
        if not source.left():
            raise Malformed(f"it ends before {quoted(variable.name)}, so it is cut or another program's", BELONG)
        arrays[variable.name] = checked(variable, read_record(source))
    if source.left():
        raise Malformed(f"it holds more than the {len(arrays):,} tensors that its program has", BELONG)
    return arrays


def checked(variable: Variable, array: Array) -> Array:
    """The array, if it is what the program says of the variable."""
    sizes = variable.shape
    fits = sizes is None or len(sizes) == array.ndim
    fits = fits and all(size in (-1, there) for size, there in zip(sizes or (), array.shape, strict=False))
    if not fits or (variable.dtype and variable.dtype != array.dtype.name):
        said = f"{by_size(sizes or ())} of {variable.dtype}"
        held = f"{by_size(array.shape)} of {array.dtype.name}"
        raise Malformed(f"{quoted(variable.name)} is {said} in the program and {held} in its place in the file", BELONG)
    return array
