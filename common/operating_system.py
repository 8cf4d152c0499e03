"""What Unix and Windows each do in their own way: a lock that ends with its process, and the peak of its memory."""

from __future__ import annotations

import sys
from typing import IO


def lock(file: IO) -> None:
    """Hold `file`, open for writing, until it is closed or this process ends, however it ends.

    Raises:
        BlockingIOError: another process holds it.
    """
    try:
        import fcntl
    except ImportError:
        _lock_on_windows(file)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def peak_memory() -> int:
    """The most memory that this process has held so far, in MB of 2**20 bytes."""
    try:
        import resource
    except ImportError:
        return round(_peak_working_set() / 2**20)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in kB, on macOS in bytes
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))


def _lock_on_windows(file: IO) -> None:
    import msvcrt

    file.seek(0)  # the lock is on the byte at the current position
    try:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue]
    except PermissionError as error:  # what Windows answers for a byte that is locked
        raise BlockingIOError(*error.args) from None


def _peak_working_set() -> int:
    """Bytes, from PROCESS_MEMORY_COUNTERS of the Windows API."""
    import ctypes

    class Counters(ctypes.Structure):
        _fields_ = (
            ("size", ctypes.c_uint32),
            ("page_faults", ctypes.c_uint32),
            ("peak_working_set", ctypes.c_size_t),
            ("others", ctypes.c_size_t * 7),
        )

    counters = Counters(size=ctypes.sizeof(Counters))
    system = ctypes.windll.kernel32  # pyright: ignore[reportAttributeAccessIssue]
    system.GetCurrentProcess.restype = ctypes.c_void_p
    system.K32GetProcessMemoryInfo.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32)
    if not system.K32GetProcessMemoryInfo(system.GetCurrentProcess(), ctypes.byref(counters), counters.size):
        raise OSError("Windows does not tell the memory of this process")
    return counters.peak_working_set
