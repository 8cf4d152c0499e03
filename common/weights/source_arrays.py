"""The arrays of a file in the types that a model wants."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..dictionary.operations.normalization import COUNTER
from ..errors import BadInput, listed
from .fit import LISTED
from .formats.bounded_bytes import quoted
from .formats.checkpoint_tree import NAME_TABLE
from .formats.stored import is_array
from .recipe_conversion import is_floating
from .unread import unread
from .view import View
from .weight_file import WeightFile

Arrays = dict[str, np.ndarray]
LONGEST = 60  # characters of a name that no terminal can show


def beside(file: WeightFile) -> list[str]:
    """A note of what a file holds beside its weights: options, counts, other parts, of which nothing is converted."""
    tree = file.tree if isinstance(file.tree, Mapping) else {}
    first = (file.key or "").partition(".")[0]
    names = [str(name) for name, value in tree.items() if name not in (first, NAME_TABLE) and not is_array(value)]
    told = [name if name.isprintable() else quoted(name, LONGEST) for name in names]
    notes = [f"beside the weights the file holds {listed(told, LISTED)}: not written"] if told else []
    return notes + unread(file)


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
            changed.setdefault((array.dtype, wanted), []).append(name)
        else:
            raise BadInput(
                f"{view.stored_name} is of type {array.dtype.name} in the file and {wanted.name} in the model; whole "
                "numbers and truth values are never cast, so give both models the same type"
            )
    exact = {pair: lossless(*pair) for pair in changed}
    notes = [
        f"{len(names)} arrays of {old.name} are written as {new.name}, the type of the target's model "
        + ("(no digit is lost)" if exact[old, new] else "(rounded)")
        for (old, new), names in changed.items()
    ]
    return made, notes, all(exact.values())


def lossless(old: np.dtype, new: np.dtype) -> bool:
    """Whether a floating type holds every value of another one: NumPy does not know bfloat16."""
    import ml_dtypes

    before, after = ml_dtypes.finfo(old), ml_dtypes.finfo(new)
    return after.nmant >= before.nmant and after.nexp >= before.nexp
