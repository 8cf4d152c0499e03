"""Entries of what makes one number of many: sums, means, extremes, norms, searches."""

from __future__ import annotations

import numpy as np

from ..entry import Contrast, Entry, argument, entry
from ..proof import proved, real

X = real(3, 4, 5)
AXIS, KEEPDIM = argument("axis", torch="dim", paddle_default=None), argument("keepdim", False)


def _variance(x, axis=None, unbiased: bool = True, keepdim: bool = False):
    return x.var(axis, ddof=int(unbiased), keepdims=keepdim)


def _deviation(x, axis=None, unbiased: bool = True, keepdim: bool = False):
    return x.std(axis, ddof=int(unbiased), keepdims=keepdim)


def _normalized(x, p: float = 2.0, axis: int = 1, eps: float = 1e-12):
    return x / np.maximum(np.linalg.norm(x, p, axis, keepdims=True), eps)


ENTRIES: tuple[Entry, ...] = (
    entry("variance", "var .var", "var .var", (AXIS, argument("unbiased", True, paddle_default=None), KEEPDIM),
          formula=_variance, proof=(proved(X, axis=1), proved(X, axis=1, unbiased=False, keepdim=True)),
          differs=(Contrast("NumPy's own", "unbiased", "unbiased", "NumPy divides by n unless told otherwise"),)),
    entry("deviation", "std .std", "std .std", (AXIS, argument("unbiased", True), KEEPDIM), formula=_deviation,
          proof=(proved(X, axis=1), proved(X, axis=1, unbiased=False, keepdim=True))),
    entry("norm_l2", "F.normalize", "F.normalize",
          (argument("p", 2.0), argument("axis", 1, torch="dim"), argument("eps", 1e-12, paddle="epsilon")),
          formula=_normalized, proof=(proved(X), proved(X, p=1.0, axis=2))),
)  # fmt: skip
