"""What rounding explains of a model of anyone: how far a pass with larger rounding, in random directions, moved."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...dictionary.index import MOMENT_SHARE
from ...distance import ROUNDOFF, Apart
from ...tolerances import bound
from ...traces.plan import EXACT
from ..facts import About, Place
from ..judge import Bounds
from ..row import Row

FEW = 16  # elements
Tried = tuple[Mapping, Mapping]  # of each side, section → name → root mean square of what it moved


class SampledRounding:
    """The judge of one mode of two traces.

    Args:
        tried, tried64: with rounding of float32, or of the highest precision of both where that is lower, and with that
            of float64. optimizers: each side's settings.
    """

    def __init__(self, tried: Tried, tried64: Tried, optimizers: tuple[Mapping, Mapping]) -> None:
        self.tried, self.tried64, self.optimizers = tried, tried64, optimizers
        self.largest: dict[str, float] = {}

    def witness(self, about: About) -> Mapping[str, np.ndarray | None]:
        """Nobody knows the true values of anyone's model."""
        return {}

    def bounds(self, row: Row, between: Apart, dtype: str) -> Bounds:
        """What rounding explains in float64 was tried, where steps were taken: Adam brings tiny gradients to full size,
        so that float32 tells nothing of it; else it scales with the precision.
        """
        section, quantity, size, few = row.place.section, row.quantity, between.size, between.count < FEW
        explained, exactly = _explained(self.tried, row.place), _explained(self.tried64, row.place)
        explained += self._of_constants(section) * size
        room = bound("rounding, room of few elements" if few else "rounding, room")
        unit = ROUNDOFF["float32" if dtype == EXACT else dtype]
        # One rounding of the result itself is always explained.
        allowed32 = room * max(explained, unit * size)
        exact = dtype == EXACT
        least, beside = exactly or max(explained, unit * size) * ROUNDOFF[EXACT] / unit, self._beside(section, size)
        room64 = bound("rounding, room in float64")
        allowed = max(bound(quantity) * size, room64 * (least + beside)) if exact else 2 * allowed32
        beside = 0.0 if section.startswith("weights") else beside  # there it is a limit, and says nothing of the value
        below_rounding = exact and least + beside > bound(quantity) * size
        # A true zero that rounding fills, such as the gradient of a bias before a batch norm, has no size of its own.
        scale = max(size, explained)
        if not exact and quantity == "float64 forward":
            # What changes more from pass to pass than this is random, or cannot be compared.
            allowed = min(allowed, bound("forward, at most") * scale)
        limit64, limit32 = (allowed / scale, allowed32 / scale) if scale else (0.0, 0.0)
        return Bounds(limit64, limit32, scale, below_rounding, cancels=scale != size, few=few)

    def _beside(self, section: str, size: float) -> float:
        """One rounding in float64 of the largest gradient so far: where a gradient is truly zero, it is what is left of
        larger ones that cancel, and how much is left depends on the order of a framework's sums. Of weights, what an
        optimiser that divides by its size makes of that.
        """
        key = section.partition("/")[0]
        if key not in ("flow", "gradients", "moments", "weights"):
            return 0.0
        if key == "weights":
            told = self.optimizers[0]
            slope = float(told.get("lr", 1e-3)) / max(float(told.get("eps", 1.0)), 1e-30)
            return slope * ROUNDOFF[EXACT] * self.largest.get("gradients", 0.0)
        name = key if key != "moments" else section.rpartition("/")[2]
        self.largest[name] = max(self.largest.get(name, 0.0), size)
        return ROUNDOFF[EXACT] * self.largest[name]

    def _of_constants(self, section: str) -> float:
        """The relative error that an optimiser's own numbers bring in float32: 1 − 0.999 keeps four digits of seven."""
        moment = MOMENT_SHARE.get(section.rpartition("/")[2]) if section.startswith("moments/") else None
        if moment is None:
            return 0.0
        told = {**self.optimizers[0], **self.optimizers[1]}
        return ROUNDOFF["float32"] / max(1 - float(told.get(moment[0], moment[1])), ROUNDOFF["float32"])


def _explained(tried: Tried, place: Place) -> float:
    """What rounding, made larger, did to an array: absolute, as root mean square; 0 where nobody tried."""
    values = [float(side.get(place.section, {}).get(name, 0.0)) for side, name in zip(tried, place.names, strict=True)]
    return max(values, default=0.0)
