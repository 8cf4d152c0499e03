"""How a packed projection is taken apart behind it: which of its columns become which value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ....dictionary.index import MOVES
from ....traces.reading import Call

MOST_PIECES = 64
LARGEST = 2**21  # elements of an array that is looked into


def rows_behind(
    made: int, rows: int, calls: Sequence[Call], load: Callable[[int], np.ndarray | None]
) -> list[tuple[int, ...]]:
    """The rows of a weight behind each value that its output is split into, in the order of the values; none where it
    is not split.

    Args:
        made: the value of the output. rows: of the weight. load: the array of a value.
    """
    whole = load(made)
    if whole is None or whole.size > LARGEST or rows < 2:
        return []
    axes = [axis for axis, length in enumerate(whole.shape) if axis and length == rows]
    flat = whole.reshape(-1)
    order = np.argsort(flat, kind="stable")
    if not axes or np.any(np.diff(flat[order]) == 0):
        return []
    column_at = np.indices(whole.shape, sparse=True)[axes[-1]]
    columns = np.broadcast_to(column_at, whole.shape).reshape(-1)[order]
    return _partition(_moved(made, calls, load, flat[order], columns, whole.size // rows), rows)


def _moved(made: int, calls: Sequence[Call], load, numbers: np.ndarray, columns: np.ndarray, times: int):
    """The columns that each value holds whole which is moved out of the packed one."""
    known, found = {made}, []
    for call in calls:
        if call.kind not in MOVES or not any(number in known for _, number in call.inputs):
            continue
        for _, number in call.outputs:
            if number in known:
                continue
            known.add(number)
            array = load(number)
            if array is None or array.dtype != numbers.dtype or array.size >= numbers.size or not array.size:
                continue
            at = np.minimum(np.searchsorted(numbers, array.reshape(-1)), numbers.size - 1)
            if not np.array_equal(numbers[at], array.reshape(-1)):
                continue
            held, counts = np.unique(columns[at], return_counts=True)
            if np.all(counts == times):
                found.append(tuple(map(int, held)))
    return list(dict.fromkeys(found))


def _partition(found: list[tuple[int, ...]], rows: int) -> list[tuple[int, ...]]:
    """The largest sets of columns that share none and leave none out."""
    largest = [held for held in found if not any(set(held) < set(other) for other in found)]
    taken = [column for held in largest for column in held]
    whole = len(taken) == rows and len(set(taken)) == rows
    return largest if whole and 1 < len(largest) <= MOST_PIECES else []


def splits_of(owners: Mapping, calls: Sequence[Call], load: Callable[[int], np.ndarray | None]) -> dict:
    """Path of each packed owner → the rows of its parts."""
    wide = {path: owner for path, owner in owners.items() if owner.height > 1 and owner.made}
    found = {path: rows_behind(owner.made[0], owner.height, calls, load) for path, owner in wide.items()}
    return {path: rows for path, rows in found.items() if rows}
