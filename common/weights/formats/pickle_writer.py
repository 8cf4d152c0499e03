"""A pickle writer for plain trees: it emits the opcodes itself, so that arrays go to the file without a copy.

What an array looks like is the subclass's business: Paddle embeds its bytes, torch refers to a storage.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import numpy as np

from ...errors import BadInput
from .bounded_bytes import quoted
from .pickles.resolver import MAX_DEPTH
from .stored import Array, Stored


def raw_bytes(array: Array) -> memoryview:
    """The bytes of `array` in C order and little-endian; a copy is made only where the array is not laid out so."""
    array = np.asarray(array)
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(little).reshape(-1).view(np.uint8).data


class PickleWriter:
    """Writes one tree of dicts, lists, tuples, text, numbers and arrays as a pickle of the given protocol (2 or 4)."""

    def __init__(self, file: BinaryIO, protocol: int) -> None:
        self.file, self.protocol = file, protocol
        self.memo: dict[Any, int] = {}

    def dump(self, tree: Any) -> None:
        self.file.write(bytes((0x80, self.protocol)))
        self.value(tree)
        self.file.write(b".")

    def array(self, array: Array) -> None:
        """Emit an array that has not been written yet. Given by the subclass."""
        raise TypeError(f"{type(self).__name__} does not say how an array is written")

    def start_dict(self, content: dict) -> None:
        self.file.write(b"}")

    def value(self, value: Any, depth: int = 0) -> None:
        if depth > MAX_DEPTH:
            raise BadInput(f"the content nests more than {MAX_DEPTH} levels deep, or contains itself; flatten it first")
        match value:
            case None:
                self.file.write(b"N")
            case bool():
                self.file.write(b"\x88" if value else b"\x89")
            case str():
                self.text(value)
            case int():
                self.integer(value)
            case float():
                self.file.write(b"G" + struct.pack(">d", value))
            case np.ndarray() | Stored():
                self._shared(id(value), lambda: self.array(value))
            case np.generic():
                self.value(value.item(), depth)
            case dict() | list() | tuple():
                self._container(value, depth)
            case _:
                raise BadInput(f"a {type(value).__name__} cannot be written to a weight file; leave it out")

    def text(self, text: str) -> None:
        raw = text.encode("utf-8", "surrogatepass")
        self.file.write(b"X" + struct.pack("<I", len(raw)) + raw)

    def integer(self, value: int) -> None:
        if 0 <= value < 2**8:
            self.file.write(b"K" + bytes((value,)))
        elif -(2**31) <= value < 2**31:
            self.file.write(b"J" + struct.pack("<i", value))
        else:
            raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
            if len(raw) > 255:
                raise BadInput("an integer of more than 2,000 bits cannot be written to a weight file; leave it out")
            self.file.write(b"\x8a" + bytes((len(raw),)) + raw)

    def name(self, module: str, name: str) -> None:
        """Refer to a class or function that the reader of the file must have."""
        self._shared((module, name), lambda: self.file.write(f"c{module}\n{name}\n".encode()))

    def tuple_of(self, items: tuple, depth: int = 0) -> None:
        if not items:
            self.file.write(b")")
            return
        if len(items) > 3:
            self.file.write(b"(")
        for item in items:
            self.value(item, depth)
        self.file.write((b"\x85", b"\x86", b"\x87")[len(items) - 1] if len(items) <= 3 else b"t")

    def _container(self, value: dict | list | tuple, depth: int) -> None:
        if isinstance(value, tuple):
            self.tuple_of(value, depth + 1)
            return
        self.start_dict(value) if isinstance(value, dict) else self.file.write(b"]")
        if not value:
            return
        self.file.write(b"(")
        if isinstance(value, dict):
            for key, item in value.items():
                if not isinstance(key, (str, int, float, bool, type(None))):
                    raise BadInput(f"the key {quoted(key)} cannot be written to a weight file; use text or a number")
                self.value(key, depth + 1)
                self.value(item, depth + 1)
        else:
            for item in value:
                self.value(item, depth + 1)
        self.file.write(b"u" if isinstance(value, dict) else b"e")

    def _shared(self, identity: Any, emit: Any) -> None:
        """Emit something once; refer to it by its memo index from then on."""
        index = self.memo.get(identity)
        if index is not None:
            self.file.write(b"h" + bytes((index,)) if index < 256 else b"j" + struct.pack("<I", index))
            return
        emit()
        index = self.memo[identity] = len(self.memo)
        self.file.write(b"q" + bytes((index,)) if index < 256 else b"r" + struct.pack("<I", index))
