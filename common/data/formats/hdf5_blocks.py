"""Reading a checked HDF5 variable block by block.

Chunks are unpacked here rather than by HDF5, which lets a chunk of a few megabytes inflate to gigabytes before it
compares the size: here the inflater is stopped at the size that the chunk must have.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ...errors import BadInput

if TYPE_CHECKING:
    import h5py

BLOCK_BYTES = 4 << 20
DEFLATE, SHUFFLE = 1, 2  # filters of HDF5; the third that may come is the Fletcher-32 checksum

Block = tuple[tuple[slice, ...], np.ndarray]


def blocks(dataset: h5py.Dataset, where: str) -> Iterator[Block]:
    """Yield (place, values) until the whole variable was given once; `values` has as many axes as the variable.

    Raises:
        BadInput: a chunk is damaged or does not unpack to the size that it must have.
    """
    if dataset.chunks is None:
        step = max(1, BLOCK_BYTES * dataset.shape[0] // (math.prod(dataset.shape) * dataset.dtype.itemsize))
        for start in range(0, dataset.shape[0], step):
            place = (slice(start, min(start + step, dataset.shape[0])), *(slice(0, n) for n in dataset.shape[1:]))
            yield place, dataset[place]
        return
    filters = dataset.id.get_create_plist()
    steps = [filters.get_filter(index)[0] for index in range(filters.get_nfilters())]
    starts = (range(0, axis, chunk) for axis, chunk in zip(dataset.shape, dataset.chunks, strict=True))
    for corner in itertools.product(*starts):
        whole = _chunk(dataset, corner, steps, where)
        place = tuple(
            slice(at, min(at + chunk, axis))
            for at, chunk, axis in zip(corner, dataset.chunks, dataset.shape, strict=True)
        )
        yield place, whole[tuple(slice(0, part.stop - part.start) for part in place)]


def _chunk(dataset, corner: tuple[int, ...], steps: list[int], where: str) -> np.ndarray:
    size = math.prod(dataset.chunks) * dataset.dtype.itemsize
    bound = size + size // 100 + 1024  # what cannot be packed grows a little
    damaged = f"{where}: the chunk at {list(corner)} is damaged; copy or download the file again"
    if dataset.id.get_chunk_info_by_coord(corner).size > bound:
        raise BadInput(damaged)
    skipped, content = dataset.id.read_direct_chunk(corner)
    for index in reversed(range(len(steps))):
        if skipped >> index & 1:
            continue
        content = _undone(steps[index], content, dataset.dtype.itemsize, bound)
        if content is None:
            raise BadInput(damaged)
    if len(content) != size:
        raise BadInput(damaged)
    return np.frombuffer(content, dataset.dtype).reshape(dataset.chunks)


def _undone(step: int, content: bytes, itemsize: int, bound: int) -> bytes | None:
    """Undo one filter; None if the bytes cannot be its output."""
    if step == DEFLATE:
        inflater = zlib.decompressobj()
        try:
            content = inflater.decompress(content, bound)
        except zlib.error:
            return None
        return content if inflater.eof else None
    if step == SHUFFLE:
        return _unshuffled(content, itemsize)
    return content[:-4] if _fletcher32(content[:-4]) == int.from_bytes(content[-4:], "little") else None


def _unshuffled(content: bytes, itemsize: int) -> bytes:
    """The first bytes of all numbers, then the second ones, and so on, back to number after number."""
    whole = len(content) // itemsize * itemsize
    planes = np.frombuffer(content, np.uint8, whole).reshape(itemsize, -1)
    return planes.T.tobytes() + content[whole:]


def _fletcher32(content: bytes) -> int:
    """HDF5's checksum: sums, and sums of sums, of the big-endian 16-bit words, modulo 65535."""
    words = np.frombuffer(content + b"\0" * (len(content) % 2), ">u2").astype(np.uint64)
    once = twice = 0
    for start in range(0, len(words), 1 << 16):  # in pieces, so that 64 bits hold the weighted sum
        piece = words[start : start + (1 << 16)]
        weights = np.arange(len(piece), 0, -1, dtype=np.uint64)
        twice = (twice + len(piece) * once + int((piece * weights).sum())) % 65535
        once = (once + int(piece.sum())) % 65535
    # HDF5 folds sums instead of dividing, so that it writes a multiple of 65535 as 65535.
    return (twice or 65535) << 16 | (once or 65535) if words.any() else 0
