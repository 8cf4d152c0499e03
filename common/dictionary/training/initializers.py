"""Entries of initializers. A formula gives the values of a shape, or (mean, deviation, largest distance from the mean).

Shapes and fans are those of PyTorch's layout.
"""

from __future__ import annotations

from math import inf

import numpy as np

from ..entry import Entry, argument, entry
from ..proof import Proof

ENTRIES: tuple[Entry, ...] = (
    entry("constant", "nn.init.constant_", "nn.initializer.Constant",
          (argument("val", paddle="value", paddle_default=0.0),), formula=lambda shape, val=0.0: np.full(shape, val),
          proof=Proof(arguments={"val": 0.5}, shape=(3, 4))),
    entry("normal", "nn.init.normal_", "nn.initializer.Normal", (argument("mean", 0.0), argument("std", 1.0)),
          formula=lambda shape, mean=0.0, std=1.0: (mean, std, inf),
          proof=Proof(arguments={"mean": 0.5, "std": 0.02}, shape=(200, 100), distribution=True)),
)  # fmt: skip
