"""The bytes of a weight file as the readers see them: exact reads, lengths checked before memory is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from io import BufferedIOBase

import numpy as np

FETCH_AGAIN = "save or download it again"
DO_NOT_LOAD = "if it is your own, save the plain state dict to a new file; if not, load it nowhere"


class Malformed(Exception):
    """What is wrong with a file and what to do about it; the file's name is put before it later."""

    def __init__(self, cause: str, step: str = FETCH_AGAIN) -> None:
        super().__init__(f"{cause}; {step}")


def quoted(name: object, limit: int = 80) -> str:
    """`name` as it may be printed: control characters escaped, and cut to `limit` characters."""
    text = name if isinstance(name, str) else str(name)
    return repr(text) if len(text) <= limit else repr(text[:limit])[:-1] + "…'"


@dataclass(frozen=True)
class Later:
    """Bytes that are left where they are: how many, and what reads them as a uint8 array of its own."""

    size: int
    read: Callable[[], np.ndarray]


@dataclass
class Source:
    """An open binary file and its size. A file that shrinks while it is read costs a refusal, not a crash.

    `deferred`: the content of arrays stays in the file until somebody asks for it; the file must be open then.
    `beside`: the files of its shards, which whoever opened it closes.
    """

    file: BufferedIOBase
    size: int
    deferred: bool = False
    beside: list[BufferedIOBase] = field(default_factory=list)

    def left(self) -> int:
        return self.size - self.file.tell()

    def exact(self, count: int) -> bytes:
        """The next `count` bytes, or Malformed. A claim beyond the end of the file allocates nothing."""
        data = self.file.read(count) if count <= 65536 or count <= self.left() else b""
        if len(data) < count:
            raise Malformed("the file ends in the middle of its content")
        return data

    def array(self, count: int) -> np.ndarray:
        """The next `count` bytes as an aligned uint8 array of its own, read without a second copy."""
        if count > self.left():
            raise Malformed("the file ends in the middle of its content")
        data = np.empty(count, np.uint8)
        self.fill(data)
        return data

    def fill(self, data: np.ndarray) -> None:
        """Read the next bytes into a uint8 array, all of it."""
        filled = 0
        while filled < data.size:
            step = self.file.readinto(data.data[filled:])
            if not step:  # cut by someone else meanwhile
                raise Malformed("the file ends in the middle of its content")
            filled += step

    def content(self, count: int) -> np.ndarray | Later:
        """The next `count` bytes, read as `array` does; of a deferred file only where they lie."""
        if not self.deferred:
            return self.array(count)
        if count > self.left():
            raise Malformed("the file ends in the middle of its content")
        start = self.file.tell()
        self.file.seek(start + count)
        return Later(count, lambda: self.at(start).array(count))

    def at(self, place: int) -> Source:
        """The same file, to be read from `place` on."""
        self.file.seek(place)
        return self
