"""The folder of dualport's own copies, and arrays kept there that are larger than memory should hold."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..atomic import TEMPORARY_PREFIX, atomic_path
from ..errors import EnvironmentFailed

LITTER_AGE_S = 24 * 3600  # a younger temporary file may be another process's work
SPARE_BYTES = 16 << 20
REMEDY = "free space, or name another folder in the environment variable DUALPORT_CACHE"


def cache_root() -> Path:
    """The folder that the environment variable DUALPORT_CACHE names, else the operating system's for dualport."""
    if named := os.environ.get("DUALPORT_CACHE"):
        return Path(named).expanduser()
    import pooch

    return Path(pooch.os_cache("dualport"))


def open_array(path: Path, shape: tuple[int, ...]) -> np.memmap | None:
    """The uint8 array kept at `path`, mapped read-only; None where there is none of this shape."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):  # absent, or damaged by something else than this kit: made anew
        return None
    # isinstance: a zip archive under this name would give something that is no array
    good = isinstance(array, np.memmap) and array.dtype == np.uint8 and array.shape == shape
    return array if good and array.flags.c_contiguous else None


def keep_array(path: Path, shape: tuple[int, ...], blocks: Iterable[np.ndarray]) -> np.memmap:
    """Write uint8 `blocks` one after the other as the .npy file of `shape` at `path`, whole or not at all; map it.

    It is written like any file and mapped only afterwards: on a full disk a mapped write would kill the process.

    Raises:
        EnvironmentFailed: the folder cannot be written, or the disk is full.
        What `blocks` raises; nothing is left then.
    """
    wanted = int(np.prod(shape, dtype=np.int64))
    _make_room(path.parent, wanted)
    try:
        with atomic_path(path) as temporary, temporary.open("wb") as out:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(out, header)
            for block in blocks:
                out.write(np.ascontiguousarray(block).data)
    except EnvironmentFailed as error:
        reason = getattr(error.__cause__, "strerror", None) or error
        raise EnvironmentFailed(f"{path.parent}: the cache cannot be written ({reason}); {REMEDY}") from error
    kept = open_array(path, shape)
    if kept is None:
        raise EnvironmentFailed(f"{path}: what was written to the cache cannot be read back; {REMEDY}")
    return kept


def drop_older(path: Path, pattern: str) -> None:
    """Remove the files beside `path` that match `pattern` (made from an older state), and litter of killed writers."""
    for old in path.parent.glob(pattern):
        if old != path:
            with contextlib.suppress(OSError):  # in use, on systems that forbid removing what is mapped
                old.unlink()
    for litter in path.parent.glob(f"{TEMPORARY_PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - litter.stat().st_mtime > LITTER_AGE_S:
                litter.unlink()


def _make_room(folder: Path, wanted: int) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        reason = error.strerror or error
        raise EnvironmentFailed(f"{folder}: the cache folder cannot be made ({reason}); {REMEDY}") from None
    if free < wanted + SPARE_BYTES:  # told now, not after minutes of decoding
        raise EnvironmentFailed(
            f"{folder}: {wanted / 1e6:,.0f} MB are needed for the decoded images, {free / 1e6:,.0f} are free; {REMEDY}"
        )
