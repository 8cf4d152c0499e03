"""Arrays by name, as they travel between a model, a file and a comparison."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Arrays = dict[str, np.ndarray]


def under(prefix: str, arrays: Mapping[str, np.ndarray]) -> Arrays:
    """The arrays with `prefix/` put before their names."""
    return {f"{prefix}/{name}": array for name, array in arrays.items()}


def part(prefix: str, arrays: Mapping[str, np.ndarray]) -> Arrays:
    """The arrays whose names begin with `prefix/`, under the rest of their names."""
    start = f"{prefix}/"
    return {name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)}


def text_array(text: str) -> np.ndarray:
    """A sentence as an array, so that it travels with the others."""
    return np.frombuffer(text.encode("utf8"), np.uint8)


def text_of(array: np.ndarray) -> str:
    """The inverse of `text_array`."""
    return array.tobytes().decode("utf8")
