"""What a call is given beside its first input, labels, masks, weights of classes: other ones, or on one side alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...distance import relative_error
from .evidence import Evidence, removes

MOST_SHIFTS = 2  # differences that a shift modulo a count has: d, and d less the count


def differing_places(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> list[int]:
    """Places of inputs that one side alone has or that are not the same; of a call's first input, only of indices."""
    places = []
    for place in range(max(len(a), len(b))):
        lacking = place >= min(len(a), len(b))
        if lacking or ((place or _whole(a[place])) and not _same(a[place], b[place])):
            places.append(place)
    return places


def _whole(array: np.ndarray) -> bool:
    return np.asarray(array).dtype.kind in "iub"


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    if _whole(a) or _whole(b):
        return np.array_equal(a, b)
    return removes(relative_error(a, b))


def with_others_inputs(mine: list[np.ndarray], others: list[np.ndarray], places: list[int]) -> list[np.ndarray]:
    """One side's inputs with those of the other at some places; what the other has not is taken away."""
    count = max(len(mine), len(others))
    chosen = [others if place in places else mine for place in range(count)]
    return [source[place] for place, source in enumerate(chosen) if place < len(source)]


def claim_of_input(evidence: Evidence, place: int) -> str:
    """How an input differs, in words."""
    (a, b), sides = evidence.names, evidence.inputs
    named = [names[place] for names in evidence.input_names if place < len(names)]
    what = next((name for name in named if name.isidentifier()), f"input {place + 1}")
    for side in (0, 1):
        if place >= len(sides[side]):
            return f"{what} is given in {evidence.names[1 - side]} and not in {evidence.names[side]}"
    first, second = (np.asarray(inputs[place]) for inputs in sides)
    if not (_whole(first) and _whole(second)):
        return f"{what} differs by {relative_error(first, second):.2g} between {a} and {b}"
    if first.shape != second.shape:
        return f"{what} is {list(first.shape)} in {a} and {list(second.shape)} in {b}"
    if shift := shifted((a, b), (first, second)):
        return f"{what} is {shift}"
    count = int(np.count_nonzero(first != second))
    return f"{what} differs between {a} and {b} in {count} of {first.size} places"


def shifted(names: tuple[str, str], arrays: tuple[np.ndarray, np.ndarray]) -> str:
    """How whole numbers are off by one difference everywhere, or by it modulo their count; empty where they are not."""
    (a, b), (first, second) = names, (np.asarray(array).astype(np.int64) for array in arrays)
    if first.shape != second.shape:
        return ""
    shifts = sorted({int(shift) for shift in np.unique(second - first)}, key=abs)
    if not shifts or len(shifts) > MOST_SHIFTS or (len(shifts) == MOST_SHIFTS and shifts[0] * shifts[1] >= 0):
        return ""
    by, way = abs(shifts[0]), "plus" if shifts[0] > 0 else "minus"
    modulo = "" if len(shifts) == 1 else f", modulo {by + abs(shifts[1])}"
    return f"off by {by}: {b}'s is {a}'s {way} {by}{modulo}"
