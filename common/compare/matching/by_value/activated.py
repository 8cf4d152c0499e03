"""A layer with an activation inside, against one that it follows: it makes an activation of what the other makes."""

from __future__ import annotations

import numpy as np

from ....dictionary.formula import evaluate
from ....dictionary.index import POINTWISE
from ....tolerances import bound
from ..layouts import layout_between

SAME = bound("same value")


def activated(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether y is what some activation makes of x, up to the order of the axes.

    The largest elements are looked at first. Nothing is found where all of x is negative or all of y
    one number: after a ReLU such arrays are anyone's.
    """
    if x.size != y.size or not x.size or x.dtype.kind != "f" or y.dtype.kind != "f" or y.min() == y.max():
        return False
    top, wanted = x.max(keepdims=True), y.max()
    if not top > 0:
        return False
    for entry, settings in POINTWISE:
        made = evaluate(entry, [top], dict(settings), {}, False)
        if made is not None and abs(made.item() - wanted) <= SAME * abs(wanted):
            whole = evaluate(entry, [x], dict(settings), {}, False)
            if whole is not None and layout_between(whole, y) is not None:
                return True
    return False
