"""What rows are held to: the protocol of the two judges, rounding as it was sampled and as it was derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..distance import Apart
from .facts import About
from .row import Row

WITNESS = "witness"


@dataclass(frozen=True)
class Bounds:
    """What the errors of one row may be.

    Attributes:
        bound64, bound32: relative errors between the sides in float64, and of each side's float32; None: not judged.
        scale: root mean square that errors are held against where the values themselves are smaller.
        below_rounding: the true value is so small that the rounding of float64 decides; nothing is told of its float32.
        cancels: the true value is zero but for what cancels: an error in float32 is told only if it is too large.
        few: too few elements to judge float32 by one draw: shown, not judged.
        whole: whole numbers, of which the share that is not equal is told: no precision is lost in them.
    """

    bound64: float | None
    bound32: float | None = None
    scale: float = 0.0
    below_rounding: bool = False
    cancels: bool = False
    few: bool = False
    whole: bool = False


class Judge(Protocol):
    """Says what the values should be, where it knows, and what rounding explains of their errors."""

    def witness(self, about: About) -> Mapping[str, np.ndarray | None]:
        """Under `WITNESS` the true values; None there: no such array should be. Empty: it says nothing of it."""
        ...

    def bounds(self, row: Row, between: Apart, dtype: str) -> Bounds:
        """What the errors of a row may be, which says what it is about, where it lies and of which quantity it is.

        Args:
            between: how far the sides are apart, and the size of the values. dtype: what they were computed in.
        """
        ...
