"""What is known to differ between two layers and their weights, told without running anything: see `Contrast.shows`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from ...dictionary.entry import Entry
from ...dictionary.index import layer_entry
from ..facts import About, Told
from ..row import Row, judged

Held = Callable[[str], np.ndarray | None]  # canonical name of a weight of the first side → its values


def known_rows(
    frameworks: Sequence[str],
    modules: Sequence[Sequence[Mapping]],
    pairs: Iterable[tuple[str, str]],
    held: Held,
) -> list[Row]:
    """A row that fails for each difference that two matched layers show by their settings and weights.

    Args:
        modules: of each side, what a backend's `structure` gives. pairs: the paths of matched layers.
    """
    if set(frameworks) != {"torch", "paddle"}:
        return []
    by_path = [{module["path"]: module for module in each} for each in modules]
    rows = []
    for paths in pairs:
        both = [there.get(path) for there, path in zip(by_path, paths, strict=True)]
        entries = [
            layer_entry(name, one["classes"]) if one else None for name, one in zip(frameworks, both, strict=True)
        ]
        entry = entries[0]
        if entry is None or entry is not entries[1]:
            continue
        settings = {name: one["settings"] for name, one in zip(frameworks, both, strict=True) if one}
        for words in _shown(entry, settings, paths[0], held):
            rows.append(judged(About("known difference", *paths), math.inf, "structure"))
            rows[-1].cause = Told(words)
    return rows


def _shown(entry: Entry, settings: Mapping[str, Mapping], path: str, held: Held) -> list[str]:
    rules = [contrast.shows for contrast in entry.differs if contrast.shows]
    if not rules:
        return []
    names = {row.name for row in entry.weights}
    weights = {name: held(f"{path}.{name}" if path else name) for name in names}
    there = {name: array for name, array in weights.items() if array is not None}
    if len(there) < len(names):
        return []
    return [words for rule in rules if (words := rule(settings["torch"], settings["paddle"], there))]
