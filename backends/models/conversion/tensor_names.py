"""The names that Paddle gives tensors, by which its optimizers keep what they keep."""

from __future__ import annotations

from pathlib import Path

from ....common.errors import BadInput
from ....common.weights import read
from ....common.weights.weight_file import WeightFile
from .pairing import Sides


def tensor_names(file: WeightFile, weights: str | None, sides: Sides) -> dict[str, str]:
    """Paddle's table from the names of a state dict to those of tensors."""
    beside = Path(file.path).with_suffix(".pdparams")
    known = sides.tensor_names() or {}
    if weights is not None:
        named = read(weights, kind="weights", dtype="bfloat16").names
        if not named:
            raise BadInput(f"{weights}: has no table of tensor names; give a .pdparams that paddle.save has written")
    elif file.framework == "paddle" and isinstance(file.tree, dict) and file.key not in (None, "."):
        named = _names_within(file.path)
    elif file.framework == "paddle" and beside.is_file() and beside != Path(file.path):
        named = read(beside, kind="weights", dtype="bfloat16").names
    else:
        named = {}
    if not (known or named):
        raise BadInput("Paddle keeps an optimizer's state by tensor names: give --paddle file.py:Net or --weights FILE")
    return known | named


def _names_within(path: str) -> dict[str, str]:
    """The table of the weights in the same checkpoint; nothing where it holds none, or several."""
    try:
        return read(path, kind="weights", dtype="bfloat16").names
    except BadInput:
        return {}
