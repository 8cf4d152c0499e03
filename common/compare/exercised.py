"""What a comparison was not reached on: rows of tables that no input named, weights that no gradient came to, and
random numbers that only one side drew."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from ..errors import listed
from ..traces.reading import Run, Trace
from . import wording
from .matching.layers import Matching
from .rungs.sides import Sides

LISTED = 8  # names in one note


def notes_on_reach(a: Trace, b: Trace, passes: Mapping[str, Sides], matching: Matching) -> list[str]:
    """Notes for what the inputs never touched, and for what was drawn on one side alone.

    Args:
        passes: mode → the sides of its pass; the first one has the gradients.
    """
    first = next(iter(passes.values()))
    unused = next((rows for place, trace in enumerate((a, b))
                   if (rows := _unused_rows(trace, [sides.main[place] for sides in passes.values()]))), [])  # fmt: skip
    notes = [_named("rows", unused), _named("no gradient arrives", _untouched(a, first, matching))]
    for sides in passes.values():
        notes += [*_drawn_alone(sides), *_unshared(sides)]
    return [note for note in notes if note]


def _named(key: str, names: list[str]) -> str:
    return wording.NOTES[key].format(listed(names, LISTED, "; ")) if names else ""


def _unused_rows(trace: Trace, runs: Iterable[Run]) -> list[str]:
    """Of each table that was looked into: its row for padding, its first and its last, where no input named them."""
    tables = {module["path"]: module for module in trace.modules if "weight" in module["weights"]}
    used: dict[str, set[int]] = defaultdict(set)
    for run in runs:
        for call in run.calls:
            if call.module and call.kind == "embedding" and call.path in tables and call.inputs:
                numbers = run.array("values", call.inputs[0][1])
                used[call.path] |= set(np.unique(numbers).astype(int).tolist()) if numbers is not None else set()
    rows = []
    for path, numbers in used.items():
        count, padding = tables[path]["weights"]["weight"]["shape"][0], tables[path]["settings"].get("padding_idx")
        matters = {0: "first", count - 1: "last"}
        if padding is not None and 0 <= padding < count:
            matters[padding] = "padding"
        rows += [wording.ROWS[which].format(row, path) for row, which in matters.items() if row not in numbers]
    return rows


def _untouched(a: Trace, sides: Sides, matching: Matching) -> list[str]:
    """Trained weights whose gradient is absent or zero on both sides, where others have one."""
    arrived = [set(run.names("gradients/1")) for run in sides.main]
    if not all(arrived):
        return []
    views = a.views
    return [
        x for x, y in matching.weights.items()
        if x in views and views[x].trained
        and not any(name in there and _any(run, name)
                    for name, there, run in zip((x, y), arrived, sides.main, strict=True))
    ]  # fmt: skip


def _any(run: Run, name: str) -> bool:
    array = run.array("gradients/1", name)
    return array is not None and bool(np.any(array))


def _drawn_alone(sides: Sides) -> Iterator[str]:
    """Draws of a purpose and a size that one side makes more often than the other."""
    told = [(run.note("draws") or {}).get("drawn", []) for run in sides.main]
    counts = [Counter((purpose, size) for purpose, size, *_ in each) for each in told]
    for side, each, mine, others in zip(sides.names, told, counts, counts[::-1], strict=True):
        more = mine - others
        lines = [_draw(purpose, size, where) for purpose, size, where, _ in each if more[purpose, size]]
        if lines:
            yield wording.NOTES["drawn alone"].format(side, listed(list(dict.fromkeys(lines)), LISTED, "; "))


def _draw(purpose: str, size: int, where: str) -> str:
    return wording.placed(wording.DRAWN["python" if not size else "numbers"].format(purpose, size), where)


def _unshared(sides: Sides) -> Iterator[str]:
    for run in sides.main:
        for name, where in (run.note("draws") or {}).get("unshared", []):
            yield wording.NOTES["not shared"].format(wording.placed(name, where))
