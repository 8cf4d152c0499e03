"""Entries of arithmetic, number by number."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..entry import Entry, argument, entry
from ..proof import proved, real

TWO = (real(3, 4), real(3, 4))
OTHER = argument("other", torch="other", paddle="y")


def _pair(operation: Callable, x, other=None, alpha: float = 1.0, argument1=None):
    second = next(one for one in (other, argument1) if one is not None)
    return operation(x, alpha * second if alpha != 1 else second)


ENTRIES: tuple[Entry, ...] = (
    entry("add", "add .add .__add__ .__radd__", "add .add .__add__ .__radd__",
          (OTHER, argument("alpha", 1, paddle="")), recorded="iadd",
          formula=partial(_pair, np.add), given="all", proof=proved(*TWO)),
)  # fmt: skip
