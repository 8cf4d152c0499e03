"""`.pt` and `.pth`: since torch 1.6 a zip with `data.pkl` and one entry for each storage, before that a row of pickles.

Read in NumPy alone. Tensors that share a storage share memory here too.
"""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from ...errors import BadInput
from .bounded_bytes import Source, quoted
from .pickle_writer import PickleWriter, raw_bytes
from .pt_zip import ZipWriter
from .pytorch.archive import read_archive
from .pytorch.content import Content
from .pytorch.legacy import read_legacy
from .pytorch.tensors import TYPES
from .stored import Array, is_array


def read_torch(source: Source) -> Content:
    """Read a whole checkpoint: its tree with tensors as arrays, and what is told of it.

    Raises:
        Malformed: damaged, harmful, or a tensor that reaches beyond its storage.
    """
    head = source.file.read(2)
    source.file.seek(0)
    return read_archive(source) if head == b"PK" else read_legacy(source)


def write_torch(file: BinaryIO, tree: Any) -> None:
    """Write dicts, lists, numbers, text and arrays as `torch.load(weights_only=True)` reads them, mapped or not.

    A dict of arrays becomes an OrderedDict, as a state dict is. An array that occurs twice is written once.

    Raises:
        BadInput: a type that torch has not got.
    """
    content = io.BytesIO()
    pickle = _TorchWriter(content, protocol=2)
    pickle.dump(tree)
    archive = ZipWriter(file)
    archive.add("archive/data.pkl", content.getbuffer())
    archive.add("archive/byteorder", b"little")
    for key, array in enumerate(pickle.storages):
        archive.add(f"archive/data/{key}", raw_bytes(array))
    archive.add("archive/version", b"3\n")
    archive.close()


class _TorchWriter(PickleWriter):
    """Protocol 2, which is all that torch's own restricted reader takes."""

    def __init__(self, file: BinaryIO, protocol: int) -> None:
        super().__init__(file, protocol)
        self.storages: list[Array] = []

    def start_dict(self, content: dict) -> None:
        state = content and all(type(key) is str and is_array(value) for key, value in content.items())
        self._ordered() if state else super().start_dict(content)

    def _ordered(self) -> None:
        self.name("collections", "OrderedDict")
        self.file.write(b")R")

    def array(self, array: Array) -> None:
        if array.dtype.name not in TYPES:
            raise BadInput(f"arrays of {quoted(array.dtype)} cannot be written for torch; convert them first")
        self.name("torch._utils", "_rebuild_tensor_v2")
        self.file.write(b"((")
        self.text("storage")
        self.name("torch", TYPES[array.dtype.name])
        self.text(str(len(self.storages)))
        self.text("cpu")
        self.integer(array.size)
        self.file.write(b"tQK\x00")
        strides, step = [], 1
        for size in reversed(array.shape):
            strides.append(step)
            step *= max(size, 1)
        self.tuple_of(tuple(array.shape))
        self.tuple_of(tuple(reversed(strides)))
        self.file.write(b"\x89")
        self._ordered()
        self.file.write(b"tR")
        self.storages.append(array)
