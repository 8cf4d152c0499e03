"""Which lines are the user's own, and which of a library."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

HOUSE = Path(__file__).parents[2]
# Beginnings of the names of files that are not the user's: of dualport's, of Python's own, and of code in no file.
OURS = tuple(f"{HOUSE / folder}{os.sep}" for folder in ("backends", "common", "scripts", "src/dualport"))
NOT_THE_USERS = ("<", *OURS, f"{Path(os.__file__).parent}{os.sep}")

_told: list[str] = []


@contextlib.contextmanager
def at_line(place: str) -> Iterator[None]:
    """Within, what runs stands at a place that no line of code tells, such as an operation of a program."""
    _told.append(place)
    try:
        yield
    finally:
        _told.pop()


def users_line() -> str:
    """The line of the user's own code that is running: `model.py:12`; empty where there is none."""
    if _told:
        return _told[-1]
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not is_library(name):
            return f"{Path(name).name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def is_library(filename: str) -> bool:
    """Whether a file belongs to a framework, to an installed package, to Python or to dualport."""
    return filename.startswith(NOT_THE_USERS) or (
        f"{os.sep}site-packages{os.sep}" in filename and f"{os.sep}paddle{os.sep}vision{os.sep}" not in filename
    )
