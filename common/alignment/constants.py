"""Numbers that Paddle keeps in float32 whatever precision a model runs in, measured on Paddle 3.3.1.

The epsilon of batch, instance and layer norm, and batch norm's momentum: in float64 PyTorch is given the same rounded
numbers, so that what is compared is the mathematics; so are the constants of hardsigmoid and of SELU. Average pools
divide gradients by a count that is rounded too: PyTorch's gradient gets the same factor where every window has one
count, and is judged as in float32 where they differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

CONSTANT_INSIDE = frozenset({"hardsigmoid", "selu"})
ROUNDED_EPS = frozenset({"batch_norm", "instance_norm", "layer_norm"})
AVERAGES = tuple(f"{kind}{n}d" for kind in ("avg_pool", "adaptive_avg_pool") for n in (1, 2, 3))


HARDSIGMOID_SLOPE = float(np.float32(0.1666667))  # Paddle's own digits; PyTorch has a sixth
SELU_SCALE, SELU_ALPHA = float(np.float32(1.0507009873554805)), float(np.float32(1.6732632423543772))


def rounded(number: float) -> float:
    """The float64 value of a number that is kept in float32."""
    return float(np.float32(number))


def rounded_momentum(momentum: float) -> float:
    """PyTorch's momentum for a Paddle momentum that is kept in float32."""
    return 1 - rounded(1 - momentum)


def averaging_factor(kind: str, settings: Mapping, given: Sequence[int], made: Sequence[int]) -> float | None:
    """What Paddle's gradient of an average pool is larger by; None where the windows differ in their count.

    Args:
        given, made: shapes of input and output.
    """
    if len(given) < 3:
        return None
    inner = len(given) - 2
    if kind.startswith("adaptive"):
        if any(size % out for size, out in zip(given[2:], made[2:], strict=True)):
            return None
        count = math.prod(given[2:]) // math.prod(made[2:])
    else:
        kernel, padding = (_each(settings.get(name, 0), inner) for name in ("kernel_size", "padding"))
        if not kernel or padding is None or settings.get("ceil_mode"):
            return None
        if any(padding) and not settings.get("count_include_pad", True):
            return None
        count = math.prod(kernel)
    return rounded(1 / count) * count


def _each(value, inner: int) -> list[int] | None:
    if isinstance(value, int):
        return [value] * inner
    return list(value) if isinstance(value, (list, tuple)) and all(isinstance(one, int) for one in value) else None


def positions_rounded(settings: Mapping, given: Sequence[int], made: Sequence[int]) -> bool:
    """Whether an interpolation falls on positions that Paddle, which has them in float32, cannot have exactly."""
    if str(settings.get("mode", "nearest")) in ("nearest", "area", "nearest-exact"):
        return False
    corners = int(bool(settings.get("align_corners")))
    for size, out in zip(given[2:], made[2:], strict=True):
        ratio = (size - corners) / max(1, out - corners)
        if rounded(ratio) != ratio or ratio * 2**12 != int(ratio * 2**12):
            return True
    return False
