"""The zip of torch since 1.6, and of TorchScript since 1.4: `data.pkl`, and one entry for each storage."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from ..bounded_bytes import DO_NOT_LOAD, Later, Malformed, Source, quoted
from ..pickles.names import stand_in
from ..pt_zip import Entry, read_directory, read_entry
from .content import Content, content_of, load_pickle
from .script import Classes
from .tensors import Storage, storage_type

MAX_TEXT = 64  # bytes of an entry that says one word
# What a zip is that has no data.pkl, by an entry of it: the kind, and the next step.
_OTHERS = (
    ("model.json", "a TorchScript archive of torch before 1.4", "torch.jit.load"),
    ("archive_format", "a program of torch.export", "torch.export.load"),
)


def read_archive(source: Source) -> Content:
    """Read a checkpoint, or the tensors of a TorchScript program. Its code is not looked at.

    Raises:
        Malformed: damaged, harmful, or a tensor that reaches beyond its storage.
    """
    entries = read_directory(source)
    folder = _folder(entries)
    if _word(source, entries.get(f"{folder}byteorder")) not in (None, "little"):
        raise Malformed("it was written on a big-endian machine", "load it there and save it as .safetensors")
    raw = read_entry(source, entries[f"{folder}data.pkl"])
    pickle = Source(io.BytesIO(raw.data), raw.size)
    scripted = f"{folder}constants.pkl" in entries
    other = Classes(source, entries, folder).stand_in if scripted else stand_in
    pickled, protocol = load_pickle(pickle, _Storages(source, entries, folder).find, other)
    if pickle.left():
        raise Malformed("there is more after the end of its pickle", DO_NOT_LOAD)
    version = _word(source, entries.get(f"{folder}version"))
    written = f"{'a TorchScript archive' if scripted else 'a zip'}{f' of version {version}' if version else ''}"
    constants = sum(name.startswith(f"{folder}constants/") for name in entries)
    return content_of(pickled, protocol, source.size, written, constants)


def _folder(entries: dict[str, Entry]) -> str:
    """What all names in the zip begin with."""
    pickles = [name for name in entries if name == "data.pkl" or name.endswith("/data.pkl")]
    if len(pickles) > 1:
        raise Malformed("it holds more than one data.pkl", DO_NOT_LOAD)
    if pickles:
        return pickles[0].removesuffix("data.pkl")
    for entry, what, loader in _OTHERS:
        if any(name == entry or name.endswith(f"/{entry}") for name in entries):
            raise Malformed(
                f"it is {what}, which is not read",
                f"load it with {loader}, and save its state_dict() with torch.save to a new file",
            )
    raise Malformed("it is a zip without data.pkl, so no PyTorch checkpoint", "give a file that torch.save wrote")


def _word(source: Source, entry: Entry | None) -> str | None:
    """The content of a small entry, or None where there is none; what is no word is empty."""
    if entry is None:
        return None
    word = read_entry(source, entry).tobytes().strip() if entry.size <= MAX_TEXT else b""
    return word.decode() if word.isalnum() else ""


class _Storages:
    """Reads each storage once, when a tensor first refers to it."""

    def __init__(self, source: Source, entries: dict[str, Entry], folder: str) -> None:
        self.source, self.entries, self.folder = source, entries, folder
        self.read: dict[str, Storage] = {}
        self.kept: dict[int, np.ndarray] = {}

    def find(self, reference: Any) -> Storage:
        match reference:
            case ("storage", type_, str() as key, str(), int() as count):
                dtype = storage_type(type_)
            case _:
                raise Malformed("it refers to something that is not a storage", DO_NOT_LOAD)
        entry = self.entries.get(f"{self.folder}data/{key}")
        if entry is None:
            raise Malformed(f"the storage {quoted(key)} is missing from it")
        if entry.size != count * (dtype.itemsize if dtype else 1):
            raise Malformed(f"the storage {quoted(key)} has another size than its tensor says")
        if key not in self.read:
            data = Later(entry.size, lambda: read_entry(self.source, entry)) if self.source.deferred else None
            self.read[key] = Storage(data or read_entry(self.source, entry), dtype, self.kept)
        if self.read[key].dtype != dtype:
            raise Malformed(f"the storage {quoted(key)} is of two types")
        return self.read[key]
