"""What a file is, told by its first bytes: the name may say anything."""

from __future__ import annotations

import struct
from pathlib import Path

from ...errors import BadInput

HDF5 = b"\x89HDF\r\n\x1a\n"
SMALLEST = 608  # the user block and HDF5's first record
SAVE_AGAIN = "save it in MATLAB with `save(…, '-v7.3')`"


def signature(path: Path) -> str:
    """One of "hdf5", "zip", "gzip", "idx", "mat5", "mat4", "html", "text", "empty" or "unknown".

    Raises:
        BadInput: `path` is no regular file, or cannot be read.
    """
    if not path.is_file():  # a device or a pipe would hang the reader
        what = "is not a regular file" if path.exists() else "does not exist"
        raise BadInput(f"{path}: {what}; check the path")
    try:
        with path.open("rb") as stream:
            head = stream.read(520)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    return _told_by(head)


def _told_by(head: bytes) -> str:
    starts = {HDF5: "hdf5", b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"\x1f\x8b": "gzip", b"\0\0\x08": "idx"}
    if not head:
        return "empty"
    if head[512:520] == HDF5:
        return "hdf5"
    for start, kind in starts.items():
        if head.startswith(start):
            return kind
    if head.startswith(b"MATLAB 5.0") or head[124:128] in (b"\x00\x01IM", b"\x01\x00MI"):
        return "mat5"
    if _is_mat4(head):
        return "mat4"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<body")):
        return "html"
    return "text" if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head) else "unknown"


def _is_mat4(head: bytes) -> bool:
    """Version 4 has no signature: five whole numbers (type, rows, columns, complex, length of the name) and a name."""
    if len(head) < 21:
        return False
    for order in "<>":
        kind, rows, columns, is_complex, length = struct.unpack(f"{order}5i", head[:20])
        sane = 0 <= kind < 5000 and rows >= 0 and columns >= 0 and is_complex in (0, 1) and 1 < length < 64
        if sane and head[20 : 19 + length].isascii() and head[19 + length : 20 + length] == b"\0":
            return True
    return False


def require_mat(path: Path, name: str) -> None:
    """Refuse what is not a MATLAB v7.3 file, saying what it is instead.

    Raises:
        BadInput: always one sentence that starts with `name`.
    """
    kind = signature(path)
    if kind == "hdf5" and path.stat().st_size >= SMALLEST:
        return
    with path.open("rb") as stream:
        cut = stream.read(128).startswith(b"MATLAB 7.3")
    reasons = {
        "empty": "is empty; copy or download it again",
        "zip": "is a zip archive; give it a name that ends in .zip, or unpack it first",
        "gzip": "is gzipped; unpack it with gunzip first",
        "idx": "is an idx file; name the folder that holds it",
        "html": "is a web page, not data: the download went wrong, so download it again",
        "mat5": f"is a MATLAB v5 file; {SAVE_AGAIN}, or read it with scipy.io.loadmat",
        "mat4": f"is a MATLAB v4 file; {SAVE_AGAIN}, or read it with scipy.io.loadmat",
        "text": f"is a text file, not a MATLAB v7.3 file; {SAVE_AGAIN}",
    }
    if cut:
        raise BadInput(f"{name}: is cut off after its MATLAB header; copy or download it again")
    raise BadInput(f"{name}: {reasons.get(kind, f'has no HDF5 signature, so it is no MATLAB v7.3 file; {SAVE_AGAIN}')}")
