"""The zip that PyTorch writes, and nothing more: entries stored or deflated, each with a checksum, none overlapping.

Own code, because a checkpoint's tensors should go from the file to memory in one copy, and because what zip tools
tolerate (duplicate names, overlaps, headers that disagree) is what hostile files are made of.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from .bounded_bytes import DO_NOT_LOAD, Malformed, Source, quoted

MAX_ENTRIES = 200_000
LIMIT = 0xFFFFFFFF  # sizes and offsets from here on stand in a field of 64 bits
ALIGNMENT = 64  # of each entry's data, as torch does, so that tensors can be mapped from the file
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_LOCAL = struct.Struct("<4s5H3I2H")
STORED, DEFLATED = 0, 8
MAX_RATIO = 200  # of a compressed entry's size to the bytes that it takes in the file
_DAMAGED = "its zip directory is damaged"


@dataclass(frozen=True)
class Entry:
    """One file in the zip: `offset` is where its data starts, which take `stored` bytes there and, where they are
    `deflated`, `size` when they are unpacked; `crc` is what its content must sum to."""

    name: str
    offset: int
    size: int
    crc: int
    stored: int
    deflated: bool


def read_directory(source: Source) -> dict[str, Entry]:
    """The entries of a zip by name.

    Raises:
        Malformed: damaged, or with duplicate names, overlaps, encrypted entries, or such as unpack to far more.
    """
    count, size, start = _end_record(source)
    source.file.seek(start)
    directory = source.exact(size)
    headers, at = [], 0
    for _ in range(count):
        if at + _CENTRAL.size > size:
            raise Malformed(_DAMAGED)
        fields = _CENTRAL.unpack_from(directory, at)
        end = at + _CENTRAL.size + fields[10] + fields[11] + fields[12]
        if fields[0] != b"PK\x01\x02" or end > size:
            raise Malformed(_DAMAGED)
        headers.append(_central_header(fields, directory[at + _CENTRAL.size : end]))
        at = end
    if at != size:
        raise Malformed(_DAMAGED)
    return _checked(source, headers, start)


def _end_record(source: Source) -> tuple[int, int, int]:
    """Number of entries, size and start of the directory, from the last bytes of the file."""
    if source.size < _END.size:
        raise Malformed("the file ends in the middle of its content")
    source.file.seek(source.size - _END.size)
    magic, disk, first, here, count, size, start, comment = _END.unpack(source.exact(_END.size))
    if magic != b"PK\x05\x06" or comment or disk or first or here != count:
        raise Malformed("the file ends before the directory of its zip, or has something after it")
    end = source.size - _END.size
    if 0xFFFF in (here, count) or 0xFFFFFFFF in (size, start):
        count, size, start = _end_record_64(source, end)
    if count > MAX_ENTRIES or start + size > end:
        raise Malformed(_DAMAGED)
    return count, size, start


def _end_record_64(source: Source, end: int) -> tuple[int, int, int]:
    if end < _LOCATOR.size:
        raise Malformed(_DAMAGED)
    source.file.seek(end - _LOCATOR.size)
    magic, _, where, _ = _LOCATOR.unpack(source.exact(_LOCATOR.size))
    if magic != b"PK\x06\x07" or where > end:
        raise Malformed(_DAMAGED)
    source.file.seek(where)
    fields = _END64.unpack(source.exact(_END64.size))
    if fields[0] != b"PK\x06\x06" or fields[6] != fields[7]:
        raise Malformed(_DAMAGED)
    return fields[7], fields[8], fields[9]


def _central_header(fields: tuple, rest: bytes) -> Entry:
    """One entry; its `offset` is that of its local header."""
    flags, method, crc, stored, size, name_length, extra_length = *fields[3:5], *fields[7:12]
    offset = fields[16]
    try:
        name = rest[:name_length].decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed(_DAMAGED) from None
    if flags & 0x2041:
        raise Malformed(f"the entry {quoted(name)} of its zip is encrypted", "pack it without a password")
    if method not in (STORED, DEFLATED):
        raise Malformed(f"the entry {quoted(name)} of its zip is compressed in an unusual way", "pack it with zip -0")
    if 0xFFFFFFFF in (stored, size, offset):
        stored, size, offset = _wide(rest[name_length : name_length + extra_length], [size, stored, offset])
    if method == STORED and stored != size:
        raise Malformed(_DAMAGED)
    if size > stored * MAX_RATIO:
        raise Malformed(f"the entry {quoted(name)} of its zip unpacks to over {MAX_RATIO} times its size", DO_NOT_LOAD)
    return Entry(name, offset, size, crc, stored, method == DEFLATED)


def _wide(extra: bytes, values: list[int]) -> tuple[int, int, int]:
    """Stored size, size and offset, where those that do not fit 32 bits stand in the zip64 field of `extra`."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            field = extra[at + 4 : at + 4 + length]
            wide = iter(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            size, stored, offset = (next(wide, value) if value == 0xFFFFFFFF else value for value in values)
            return stored, size, offset
        at += 4 + length
    raise Malformed(_DAMAGED)


def _checked(source: Source, headers: list[Entry], directory_start: int) -> dict[str, Entry]:
    """Follow each local header; refuse names that differ or come twice, and entries that overlap."""
    entries: dict[str, Entry] = {}
    previous_end = 0
    for header in sorted(headers, key=lambda header: header.offset):
        name, offset = header.name, header.offset
        if name in entries:
            raise Malformed(f"the entry {quoted(name)} is in its zip twice", DO_NOT_LOAD)
        if offset < previous_end or offset + _LOCAL.size > directory_start:
            raise Malformed(f"the entry {quoted(name)} of its zip lies over another", DO_NOT_LOAD)
        source.file.seek(offset)
        local = _LOCAL.unpack(source.exact(_LOCAL.size))
        same = source.exact(local[9]) == name.encode() and local[3] == (DEFLATED if header.deflated else STORED)
        if local[0] != b"PK\x03\x04" or not same or local[2] & 0x2041:
            raise Malformed(f"the entry {quoted(name)} of its zip is described in two ways", DO_NOT_LOAD)
        start = offset + _LOCAL.size + local[9] + local[10]
        previous_end = start + header.stored
        if previous_end > directory_start:
            raise Malformed(f"the entry {quoted(name)} of its zip ends beyond the file")
        entries[name] = replace(header, offset=start)
    return entries


def read_entry(source: Source, entry: Entry) -> np.ndarray:
    """The content of an entry as a uint8 array of its own, checksum verified."""
    source.file.seek(entry.offset)
    data = source.array(entry.stored)
    if entry.deflated:
        data = _unpacked(data, entry)
    if zlib.crc32(data.data) != entry.crc:
        raise Malformed(f"the checksum of {quoted(entry.name)} in its zip is wrong, so its content has changed")
    return data


def _unpacked(data: np.ndarray, entry: Entry) -> np.ndarray:
    """Never more bytes than the directory says, which are at most `MAX_RATIO` times those that are there."""
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = unpacker.decompress(data.data, entry.size + 1)
    except zlib.error:
        content = b""
    if len(content) != entry.size or not unpacker.eof or unpacker.unused_data:
        raise Malformed(f"the entry {quoted(entry.name)} of its zip cannot be unpacked, or not to what it says")
    return np.frombuffer(bytearray(content), np.uint8)


class ZipWriter:
    """Writes stored entries one after the other, their data aligned, then the directory."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.at = file, 0
        self.directory: list[bytes] = []

    def add(self, name: str, data: bytes | memoryview) -> None:
        encoded, crc, size = name.encode(), zlib.crc32(data), len(data)
        offset = self.at
        large = size >= LIMIT
        short = 0xFFFFFFFF if large else size
        wide = struct.pack("<2H2Q", 1, 16, size, size) if large else b""
        header_end = offset + _LOCAL.size + len(encoded) + len(wide) + 4
        padding = -header_end % ALIGNMENT
        extra = wide + struct.pack("<2sH", b"FB", padding) + b"Z" * padding
        version = 45 if large else 20
        # 0x800: the name is UTF-8; 0x21: 1980-01-01, so that the same content gives the same file
        self._write(_LOCAL.pack(b"PK\x03\x04", version, 0x800, 0, 0, 0x21, crc, short, short, len(encoded), len(extra)))
        self._write(encoded + extra)
        self._write(data)
        far = offset >= LIMIT
        wide = b"".join([struct.pack("<2Q", size, size) if large else b"", struct.pack("<Q", offset) if far else b""])
        extra = struct.pack("<2H", 1, len(wide)) + wide if wide else b""
        fields = (version, version, 0x800, 0, 0, 0x21, crc, short, short, len(encoded), len(extra), 0, 0, 0, 0)
        header = _CENTRAL.pack(b"PK\x01\x02", *fields, 0xFFFFFFFF if far else offset)
        self.directory.append(header + encoded + extra)

    def close(self) -> None:
        start, count = self.at, len(self.directory)
        for header in self.directory:
            self._write(header)
        size, end = self.at - start, self.at
        if count >= 0xFFFF or start >= LIMIT:
            self._write(_END64.pack(b"PK\x06\x06", _END64.size - 12, 45, 45, 0, 0, count, count, size, start))
            self._write(_LOCATOR.pack(b"PK\x06\x07", 0, end, 1))
        short, near = min(count, 0xFFFF), 0xFFFFFFFF if start >= LIMIT else start
        self._write(_END.pack(b"PK\x05\x06", 0, 0, short, short, size, near, 0))

    def _write(self, data: bytes | memoryview) -> None:
        self.file.write(data)
        self.at += len(data)
