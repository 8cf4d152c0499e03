"""A layer's own error: what it makes of the very numbers that its counterpart was given.

The second model is run again, and the output of each of its calls is exchanged for its counterpart's once it is known.
So every call gets its counterpart's inputs, and what differs is its own. One divergence no longer hides the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ..distance import relative_error
from ..tolerances import bound
from ..traces.reading import Run
from ..traces.writing import safe
from .facts import Comes
from .matching.calls import CallPair
from .models import Comparison

MOST_KEPT = 16  # outputs that are kept to be explained
MOST_BYTES = 2**28  # of one of them


def follow_plan(pairs: Iterable[CallPair]) -> dict[int, list[int]]:
    """Call of the second side → values of the first that its outputs are exchanged for."""
    return {pair.out_b.index: [number for _, number in pair.a.outputs] for pair in pairs}


class ErrorsOnSameInputs:
    """What a followed pass gives its outputs to, and takes those of the other side from."""

    def __init__(self, run: Run, wanted: Mapping[int, list[int]], path: Path) -> None:
        self.run, self.wanted, self.path = run, wanted, path
        self.errors: dict[int, list[float]] = {}

    def __enter__(self) -> ErrorsOnSameInputs:
        import h5py

        self.file = h5py.File(self.path, "a")
        self.kept = self.file.require_group(self.run.mode)
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def get(self, index: int, default: list) -> list[np.ndarray | None]:
        """The arrays that the outputs of a call become."""
        numbers = self.wanted.get(index)
        return default if numbers is None else [self.run.array("values", number) for number in numbers]

    def put(self, section: str, name: str, array: np.ndarray) -> None:
        """Judge one output of a call; what is not an output is not needed."""
        if section != "own":
            return
        index = int(name)
        errors = self.errors.setdefault(index, [])
        other = self.run.array("values", self.wanted[index][len(errors)])
        errors.append(relative_error(array, other))
        if errors[-1] > bound("float64 forward") and len(self.kept) < MOST_KEPT and array.nbytes <= MOST_BYTES:
            self.kept.create_dataset(safe(f"{index}.{len(errors) - 1}"), data=array)

    def note(self, name: str, content) -> None:
        """Nothing: the first pass has told it."""


def mark_by_itself(comparison: Comparison, mode: str, errors: Mapping[int, list[float]]) -> None:
    """Say of each row that parts whether its call does so by itself."""
    pairs = comparison.paired[mode]
    for row in comparison.forwards[mode].rows:
        if row.same or row.place.pair < 0:
            continue
        pair = pairs[row.place.pair]
        measured = errors.get(pair.out_b.index)
        if not measured:
            continue
        row.error_on_same_inputs = max(measured)
        row.by_itself = row.error_on_same_inputs > bound("float64 forward")
        if not row.by_itself:
            row.cause = Comes("agrees")
        elif pair.a.kind == pair.b.kind:
            row.cause = Comes("itself")
