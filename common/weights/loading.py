"""Weights for people's code: the arrays of a file as it names them, or by canonical name."""

from __future__ import annotations

import os

import numpy as np

from . import read
from .recipe_match import canonical_arrays, find
from .weight_file import framework_of


def load_weights(
    path: str | os.PathLike[str], key: str | None = None, dtype: str | None = None
) -> dict[str, np.ndarray]:
    """The arrays of a `.pdparams`, `.pt`, `.pth` or `.safetensors` file by name, as the file lays them out.

    Nothing in the file is run, and neither framework is needed.

    Args:
        key: which part of a nested checkpoint. dtype: what 16-bit integers of a Paddle file are (`bfloat16`).

    Raises:
        BadInput: not a weight file, damaged or hostile, or more must be said about it.
    """
    return dict(read(path, key=key, dtype=dtype).arrays)


def canonical(path: str | os.PathLike[str], recipe: str | None = None, part: str | None = None, settings=None):
    """A weight file's recipe, part and arrays by canonical name, in PyTorch's layout: `(Match, arrays)`.

    Raises:
        BadInput: the file fits no recipe, or not the one named.
    """
    file = read(path, kind="weights")
    framework = framework_of(file)
    match = find(file.path, framework, file.arrays, recipe, part, settings)
    return match, canonical_arrays(match, framework, file.arrays)
