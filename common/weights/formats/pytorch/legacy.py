"""The files of torch before 1.6: a magic number, a version, the machine, the content and the storages' keys, each a
pickle of its own; then the storages, each a count and its raw values.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from ..bounded_bytes import DO_NOT_LOAD, Later, Malformed, Source, quoted
from ..pickle_reader import load_next
from ..pickles.values import Name
from .content import Content, content_of, load_pickle
from .tensors import Storage, storage_type

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
MAX_SOURCE = 3  # what a whole module's file says of a class: its name, its file and its text
_COUNT = struct.Struct("<q")


def read_legacy(source: Source) -> Content:
    """Read a whole file.

    Raises:
        Malformed: damaged, harmful, of a big-endian machine, or a tensor that reaches beyond its storage.
    """
    if load_next(source, {})[0] != MAGIC or load_next(source, {})[0] != VERSION:
        raise Malformed("it begins as a file of torch before 1.6, and does not go on as one")
    machine = load_next(source, {})[0]
    if type(machine) is not dict or machine.get("little_endian") is not True:
        raise Malformed("it was written on a big-endian machine", "load it there and save it as .safetensors")
    storages = _Storages(source)
    pickled, protocol = load_pickle(source, storages.find)
    keys = load_next(source, {})[0]
    if type(keys) is not list or any(type(key) is not str for key in keys):
        raise Malformed("its list of storages is damaged")
    for key in keys:
        storages.fill(key)
    storages.require_all()
    if source.left():
        raise Malformed("there is more after its last storage", DO_NOT_LOAD)
    return content_of(pickled, protocol, source.size, "a file of torch before 1.6")


class _Storages:
    """Makes room for each storage when a tensor first refers to it; the values come at the end of the file."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.kept: dict[int, np.ndarray] = {}
        self.roots: dict[str, Storage] = {}
        self.views: dict[str, tuple[Storage, tuple]] = {}
        self.claimed = 0
        self.missing: dict[str, None] = {}

    def find(self, reference: Any) -> Any:
        match reference:
            case ("module", Name() as name, *source) if len(source) < MAX_SOURCE:
                return name  # the class of a whole module, and its text, which nobody here runs
            case ("storage", type_, str() as key, str(), int() as count, view):
                dtype = storage_type(type_)
            case _:
                raise Malformed("it refers to something that is not a storage", DO_NOT_LOAD)
        root = self._root(key, dtype, count)
        return root if view is None else self._view(root, view)

    def _root(self, key: str, dtype: np.dtype | None, count: int) -> Storage:
        size = count * (dtype.itemsize if dtype else 1)
        if key not in self.roots:
            self.claimed += size
            if size < 0 or self.claimed > self.source.left():
                raise Malformed("its storages claim more bytes than the file has")
            self.roots[key] = Storage(self._room(size), dtype, self.kept)
            self.missing[key] = None
        root = self.roots[key]
        if root.dtype != dtype or root.data.size != size:
            raise Malformed(f"the storage {quoted(key)} is of two types or sizes")
        return root

    def _room(self, size: int) -> np.ndarray | Later:
        return Later(size, _unfilled) if self.source.deferred else np.empty(size, np.uint8)

    def _view(self, root: Storage, view: Any) -> Storage:
        """A storage that is a part of another, as torch before 0.4 had them."""
        match view:
            case (str() as key, int() as offset, int() as count):
                width = root.dtype.itemsize if root.dtype else 1
                start, end = offset * width, (offset + count) * width
            case _:
                raise Malformed("it refers to something that is not a storage", DO_NOT_LOAD)
        if not 0 <= start <= end <= root.data.size:
            raise Malformed("it holds a tensor that reaches beyond its storage")
        if key not in self.views:
            data: np.ndarray | Later
            if isinstance(root.data, Later):
                data = Later(end - start, lambda: root.content()[start:end])
            else:
                data = root.data[start:end]
            self.views[key] = Storage(data, root.dtype, self.kept), (id(root), start, end)
        if self.views[key][1] != (id(root), start, end):
            raise Malformed(f"the storage {quoted(key)} is described in two ways")
        return self.views[key][0]

    def fill(self, key: str) -> None:
        """Read the values of the storage that comes next in the file."""
        if key not in self.missing:
            raise Malformed(f"the storage {quoted(key)} is in its list twice, or of no tensor")
        del self.missing[key]
        storage = self.roots[key]
        width = storage.dtype.itemsize if storage.dtype else 1
        if _COUNT.unpack(self.source.exact(_COUNT.size))[0] * width != storage.data.size:
            raise Malformed(f"the storage {quoted(key)} has another size than its tensor says")
        if isinstance(storage.data, Later):
            storage.data = self.source.content(storage.data.size)
        else:
            self.source.fill(storage.data)

    def require_all(self) -> None:
        for key in self.missing:
            raise Malformed(f"the storage {quoted(key)} is missing from it")


def _unfilled() -> np.ndarray:
    raise Malformed("it holds a tensor whose storage is missing")
