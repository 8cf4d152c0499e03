"""Whether the arrays of a file are those that a model wants, by name and shape."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import numpy as np

from ..errors import by_size

LISTED = 20  # names in one refusal


def misfits(
    arrays: Mapping[str, np.ndarray],
    wanted: Mapping[str, tuple[int, ...]],
    optional: Collection[str] = (),
    beside: Callable[[str], bool] = lambda name: False,
) -> list[str]:
    """A few words for every name that is missing, unexpected or misshapen; none where all fit.

    Args:
        optional: names that may be missing.
        beside: whether an array that nobody wants may be there all the same.
    """
    wrong = [f"{name} missing" for name in wanted if name not in arrays and name not in optional]
    wrong += [f"{name} unexpected" for name in arrays if name not in wanted and not beside(name)]
    return wrong + [
        f"{name} is {by_size(arrays[name].shape)}, not {by_size(shape)}"
        for name, shape in wanted.items()
        if name in arrays and tuple(arrays[name].shape) != tuple(shape)
    ]
