"""Where a watched pass leaves its arrays: in the file, array by array as they are made, or held against what is there.

Nothing is kept in memory. A section is a group of the file; a name may hold any character.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote

import numpy as np

from ..distance import apart, sampled_error

LARGE = 2**16  # elements


def safe(name: str) -> str:
    """A name as a link of HDF5, where a slash would part it and a dot stand for the group itself."""
    return quote(name, safe="=,+()[]#@ ") + ("%2E" if name in (".", "..") else "")


def names_of(group) -> Iterator[str]:
    return (unquote(name) for name in group)


def put_all(writer, section: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Hand named arrays to a writer."""
    for name, array in arrays.items():
        writer.put(section, name, array)


class Stored:
    """Write what comes."""

    def __init__(self, group) -> None:
        self.group = group

    def put(self, section: str, name: str, array: np.ndarray) -> None:
        array = np.asarray(array)
        if array.dtype.name == "bfloat16":  # HDF5 has no such type; float32 holds its values
            array = array.astype(np.float32)
        where = self.group.require_group(section)
        if safe(name) in where:  # a gradient that comes in parts: the last one is the whole
            del where[safe(name)]
        where.create_dataset(safe(name), data=array)

    def note(self, name: str, content) -> None:
        """Keep data that is not an array, as JSON."""
        self.group.create_dataset(name, data=np.frombuffer(json.dumps(content).encode(), np.uint8))


class Lean(Stored):
    """Write what comes, but of a large array only how far it is from `exact`: of a lower precision nothing more is
    asked, and writing it would take longer than computing it."""

    def __init__(self, group, exact) -> None:
        super().__init__(group)
        self.exact = exact
        self.lost: dict[str, dict[str, tuple[float, float]]] = {}

    def put(self, section: str, name: str, array: np.ndarray) -> None:
        exact = self.exact.get(f"{section}/{safe(name)}") if array.size > LARGE and array.dtype.kind == "f" else None
        if exact is None or exact.shape != array.shape:
            super().put(section, name, array)
            return
        distance = apart(array, exact, sample=True)
        self.lost.setdefault(section, {})[name] = (distance.error, distance.size)


class ErrorsOnly:
    """Keep only how far what comes is from what `exact` holds: root mean square of the difference."""

    def __init__(self, exact, errors: dict[str, dict[str, float]]) -> None:
        self.exact, self.errors = exact, errors

    def put(self, section: str, name: str, array: np.ndarray) -> None:
        exact = self.exact.get(f"{section}/{safe(name)}")
        array = np.asarray(array)
        if exact is None or exact.shape != array.shape or exact.dtype.kind != "f":
            return
        self.errors.setdefault(section, {})[name] = sampled_error(array, exact)

    def note(self, name: str, content) -> None:
        """Nothing: the exact pass has told it."""
