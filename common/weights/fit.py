"""Whether the arrays of a file are those that a model wants, by name and shape."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..errors import by_size

LISTED = 20  # names in one refusal


def misfits(
    shapes: Mapping[str, tuple[int, ...]],
    wanted: Mapping[str, tuple[int, ...]],
    optional: Collection[str] = (),
    beside: Callable[[str], bool] = lambda name: False,
) -> list[str]:
    """A few words for every name that is missing, unexpected or misshapen; none where all fit.

    Args:
        shapes: of the arrays by name.
        optional: names that may be missing.
        beside: whether an array that nobody wants may be there all the same.
    """
    wrong = [f"{name} missing" for name in wanted if name not in shapes and name not in optional]
    wrong += [f"{name} unexpected" for name in shapes if name not in wanted and not beside(name)]
    return wrong + [
        f"{name} is {by_size(shapes[name])}, not {by_size(shape)}"
        for name, shape in wanted.items()
        if name in shapes and tuple(shapes[name]) != tuple(shape)
    ]


def shapes_of(arrays: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The shapes of arrays by name."""
    return {name: tuple(array.shape) for name, array in arrays.items()}
