"""Distributions that weights are drawn from at first, by the name that entries have for them in `initial`.

Fans as both frameworks count them in PyTorch's layout: the second axis times the kernel in, the first times it out.
Those of a bias are its weight's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod, sqrt

import numpy as np


@dataclass(frozen=True)
class Distribution:
    """Around `mean`; `shape` is uniform, normal or constant; `deviation(fan_in, fan_out)` is 0 for a constant."""

    words: str
    shape: str
    deviation: Callable[[int, int], float]
    mean: float = 0.0

    def draw(self, random: np.random.Generator, size: tuple[int, ...], fans: tuple[int, int]) -> np.ndarray:
        """Values in float64."""
        if self.shape == "constant":
            return np.full(size, self.mean)
        if self.shape == "normal":
            return random.standard_normal(size) * self.deviation(*fans) + self.mean
        end = sqrt(3) * self.deviation(*fans)
        return random.uniform(-end, end, size)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(in, out) of a weight in PyTorch's layout."""
    kernel = prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def _within(words: str, limit: Callable[[int, int], float]) -> Distribution:
    return Distribution(words, "uniform", lambda ins, outs: limit(ins, outs) / sqrt(3))


DISTRIBUTIONS = {
    "fan_in_uniform": _within("uniform within ±1/√fan_in", lambda ins, outs: 1 / sqrt(ins)),
    "xavier_uniform": _within("Xavier uniform, ±√(6/(fan_in + fan_out))", lambda ins, outs: sqrt(6 / (ins + outs))),
    "kaiming_uniform": _within("Kaiming uniform, ±√(6/fan_in)", lambda ins, outs: sqrt(6 / ins)),
    "kaiming_normal": Distribution("Kaiming normal, √(2/fan_in)", "normal", lambda ins, outs: sqrt(2 / ins)),
    "kaiming_normal_out": Distribution("Kaiming normal, √(2/fan_out)", "normal", lambda ins, outs: sqrt(2 / outs)),
    "xavier_normal": Distribution(
        "Xavier normal, √(2/(fan_in + fan_out))", "normal", lambda ins, outs: sqrt(2 / (ins + outs))
    ),
    "lecun_normal": Distribution("LeCun normal, √(1/fan_in)", "normal", lambda ins, outs: sqrt(1 / ins)),
    "normal": Distribution("normal with deviation 1", "normal", lambda ins, outs: 1.0),
    "normal_0.02": Distribution("normal with deviation 0.02", "normal", lambda ins, outs: 0.02),
    "normal_0.01": Distribution("normal with deviation 0.01", "normal", lambda ins, outs: 0.01),
    "zeros": Distribution("zeros", "constant", lambda ins, outs: 0.0),
    "ones": Distribution("ones", "constant", lambda ins, outs: 0.0, 1.0),
    "quarter": Distribution("constant 0.25", "constant", lambda ins, outs: 0.0, 0.25),
}
