"""Every entry, found by its kind or by any name that either framework has for it."""

from __future__ import annotations

from collections.abc import Iterable

from .entry import Entry
from .operations import (
    activation,
    arithmetic,
    attention,
    convolution,
    linear,
    loss,
    normalization,
    pooling,
    random,
    rearranging,
    recurrent,
    reduction,
    resizing,
)
from .training import initializers, optimizers, schedules

FAMILIES = (activation, arithmetic, attention, convolution, linear, loss, normalization, pooling, random, rearranging,
            recurrent, reduction, resizing)  # fmt: skip
OPERATIONS: tuple[Entry, ...] = tuple(entry for family in FAMILIES for entry in family.ENTRIES)
OPTIMIZERS, SCHEDULES, INITIALIZERS = optimizers.ENTRIES, schedules.ENTRIES, initializers.ENTRIES
ENTRIES = (*OPERATIONS, *OPTIMIZERS, *SCHEDULES, *INITIALIZERS)
BY_KIND: dict[str, Entry] = {entry.kind: entry for entry in ENTRIES}
BY_CLASS: dict[str, dict[str, Entry]] = {
    framework: {path.rpartition(".")[2]: entry for entry in OPERATIONS for path in entry.names(framework).classes}
    for framework in ("torch", "paddle")
}


def layer_entry(framework: str, classes: Iterable[str]) -> Entry | None:
    """The entry of a layer, from the names of its library classes, nearest first; None of a user's own."""
    known = BY_CLASS[framework]
    return next((known[name] for name in classes if name in known), None)
