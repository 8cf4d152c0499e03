"""Which format a file is, told by its first bytes; its extension may say anything."""

from __future__ import annotations

from .bounded_bytes import Malformed, Source
from .paddle_exports.files import HEAD, kind_of_program
from .paddle_exports.records import is_record

_ALIENS = (
    (b"\x1f\x8b", "gzip", "unpack it first"),
    (b"\x89HDF\r\n\x1a\n", "HDF5 or MATLAB", "give a .pdparams, .pt or .safetensors file"),
    (b"MATLAB", "MATLAB", "give a .pdparams, .pt or .safetensors file"),
    (b"\x93NUMPY", "a NumPy .npy", "give a .pdparams, .pt or .safetensors file"),
    (b"\xfd7zXZ", "xz", "unpack it first"),
    (b"BZh", "bzip2", "unpack it first"),
    (b"7z\xbc\xaf", "7z", "unpack it first"),
    (b"Rar!", "rar", "unpack it first"),
    (b"<", "HTML", "the download went wrong: fetch it again"),
    (b"version https://git-lfs", "a git-lfs pointer", "fetch the real file with git lfs pull"),
)
# The pickled number with which torch before 1.6 began its files: 0x1950a86a20f9469cfc6c.
_LEGACY_TORCH = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."


def format_of(source: Source) -> str:
    """ "paddle", "torch", "safetensors", "index" (JSON that names the files of a sharded model), "parameters" or
    "program" of a Paddle export.

    Raises:
        Malformed: empty, or of no format that holds weights; the message names it where it is known.
    """
    head = source.file.read(HEAD)
    source.file.seek(0)
    if not head:
        raise Malformed("it is empty")
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return "torch"
    pickle = head[0] == 0x80 and len(head) > 2 and 2 <= head[1] <= 5 and head[2] != 0
    if pickle and _LEGACY_TORCH in head[2:32]:
        return "torch"
    if pickle:
        return "paddle"
    if is_record(head):
        return "parameters"
    if kind_of_program(head):
        return "program"
    if head[:1] == b"{" and 0 not in head[:8]:  # the first eight bytes of a .safetensors file are a small number
        return "index"
    if head[8:9] == b"{":
        return "safetensors"
    if head[257:262] == b"ustar":
        raise Malformed(
            "it is a tar, which torch before 0.1.10 wrote too, and which is not read",
            "if it is torch's and you trust it, load it with torch.load(FILE, weights_only=False), and save its "
            "state_dict() with torch.save to a new file",
        )
    for magic, what, step in _ALIENS:
        if head.startswith(magic):
            raise Malformed(f"it is {what}, not a weight file", step)
    raise Malformed("it is no weight file that is known here", "give a .pdparams, .pdopt, .pt or .safetensors file")
