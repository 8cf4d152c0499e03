"""Entries of activations: value by value, or over one axis."""

from __future__ import annotations

import numpy as np

from ..entry import Entry, entry
from ..proof import proved, proved_layer, real

X = real(3, 4, 5)


def _pointwise(kind: str, torch: str, paddle: str, formula, *arguments, **more) -> Entry:
    """An activation, proved as a layer and as a function."""
    more = {"proof": (proved_layer(X), proved(X)), "activation": True, "pointwise": ({},)} | more
    return entry(kind, torch, paddle, arguments, formula=formula, **more)


ENTRIES: tuple[Entry, ...] = (
    _pointwise("relu", "nn.ReLU F.relu relu .relu", "nn.ReLU F.relu", lambda x: np.maximum(x, 0),
               kink="sign", exact=True),
)  # fmt: skip
