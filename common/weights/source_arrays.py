"""The arrays of a file as a model wants them: without what is left out, under its names, in its types."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np

from ..dictionary.operations.normalization import COUNTER
from ..errors import BadInput, listed
from .fit import LISTED
from .recipe_conversion import is_floating
from .view import View

Arrays = dict[str, np.ndarray]


def without(path: str, arrays: Mapping[str, np.ndarray], patterns: Sequence[str]) -> tuple[Arrays, list[str]]:
    """The arrays whose names fit none of the patterns (`*total_ops`), and a note of those that do.

    Raises:
        BadInput: a pattern that fits no name, which is a mistake more often than not.
    """
    idle = [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in arrays)]
    if idle:
        raise BadInput(f"{path}: --drop {idle[0]} fits no name in it; `dualport inspect` lists them")
    left = [name for name in arrays if any(fnmatchcase(name, pattern) for pattern in patterns)]
    kept = {name: array for name, array in arrays.items() if name not in left}
    return kept, [f"left out as --drop says: {listed(left, LISTED)}"] if left else []


def without_prefix(arrays: Arrays, wanted: Collection[str]) -> tuple[Arrays, list[str]]:
    """The arrays under the model's names, where one prefix before every name (`module.`, `model.`) is all that differs.

    Args:
        wanted: the names that the model needs.
    """
    if not arrays or not wanted or all(name in arrays for name in wanted):
        return arrays, []
    parts = next(iter(arrays)).split(".")
    for count in range(1, len(parts)):
        prefix = ".".join(parts[:count]) + "."
        if not all(name.startswith(prefix) for name in arrays):
            break
        short = {name.removeprefix(prefix): array for name, array in arrays.items()}
        if all(name in short for name in wanted):
            return short, [f"every name begins with {prefix} in the file, which is taken off"]
    return arrays, []


def in_types_of(views: Mapping[str, View], arrays: Arrays, types: Mapping[str, np.dtype]):
    """Floating arrays in the types that the target's model has; whole numbers and truth values are never cast.

    Returns:
        The arrays, a note for each change of type, and whether every value is what it was.

    Args:
        arrays: by canonical name of the target. types: of the target's tensors, by their own names.

    Raises:
        BadInput: an array is of whole numbers or truth values on one side, and of another type on the other.
    """
    made, changed = {}, {}
    for name, array in arrays.items():
        view = views[name]
        wanted = types.get(view.stored_name, array.dtype)
        made[name] = array
        if wanted == array.dtype:
            continue
        if view.leaf == COUNTER and np.array_equal(array.astype(np.int64), array):
            made[name] = array.astype(wanted)  # a count, whatever type it was saved in
        elif is_floating(array.dtype) and is_floating(wanted):
            made[name] = array.astype(wanted)
            changed.setdefault((array.dtype.name, wanted.name), []).append(name)
        else:
            raise BadInput(
                f"{view.stored_name} is of type {array.dtype.name} in the file and {wanted.name} in the model; whole "
                "numbers and truth values are never cast, so give both models the same type"
            )
    exact = {pair: np.can_cast(_plain(pair[0]), _plain(pair[1]), "safe") for pair in changed}
    notes = [
        f"{len(names)} arrays of {old} are written as {new}, the type of the target's model "
        + ("(no digit is lost)" if exact[old, new] else "(rounded)")
        for (old, new), names in changed.items()
    ]
    return made, notes, all(exact.values())


def _plain(name: str) -> str:
    """A type that can hold what bfloat16 can, for NumPy to compare: it does not know that one."""
    return "float32" if name == "bfloat16" else name
