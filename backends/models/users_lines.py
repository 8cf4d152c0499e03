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
PACKAGES = f"{os.sep}site-packages{os.sep}"
FRAMEWORKS = tuple(f"{PACKAGES}{name}{os.sep}" for name in ("torch", "paddle", "numpy"))  # and what they are made with
MODELS = f"{os.sep}paddle{os.sep}vision{os.sep}"  # of the framework, and written as anyone's
CALLER = f"{Path(__file__).with_name('model.py')}", "forward"  # what calls the model
WATCHER = f"{Path(__file__).with_name('record.py')}", "_finish_call"  # what calls a module of it

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
    """The line of the model's code that is running: `model.py:12`; empty where there is none.

    It is the user's own where the module that is running has one; in a module that a package holds, the package's.
    """
    if _told:
        return _told[-1]
    frame, of_package = sys._getframe(1), ""
    while frame is not None:
        name, here = frame.f_code.co_filename, (frame.f_code.co_filename, frame.f_code.co_name)
        if here == CALLER or (here == WATCHER and of_package):
            return of_package
        if not is_library(name):
            return f"{Path(name).name}:{frame.f_lineno}"
        if not of_package and _of_package(name):
            of_package = f"{Path(name).name}:{frame.f_lineno}"
        frame = frame.f_back
    return of_package


def _of_package(filename: str) -> bool:
    return PACKAGES in filename and not filename.startswith(OURS) and not any(each in filename for each in FRAMEWORKS)


def is_library(filename: str) -> bool:
    """Whether a file belongs to a framework, to an installed package, to Python or to dualport."""
    return filename.startswith(NOT_THE_USERS) or (PACKAGES in filename and MODELS not in filename)
