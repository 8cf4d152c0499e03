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
    """`width(fan_in, fan_out)` is the deviation of a normal one, the limit of a uniform one, or the constant."""

    words: str
    shape: str  # normal, uniform or constant
    width: Callable[[int, int], float]

    def deviation(self, ins: int, outs: int) -> float:
        width = self.width(ins, outs)
        return {"normal": width, "uniform": width / sqrt(3), "constant": 0.0}[self.shape]

    def draw(self, random: np.random.Generator, shape: tuple[int, ...], weight: tuple[int, ...]) -> np.ndarray:
        """Values in float64, of a layer whose weight has the shape `weight`."""
        width = self.width(*fans(weight))
        if self.shape == "normal":
            return random.standard_normal(shape) * width
        return random.uniform(-width, width, shape) if self.shape == "uniform" else np.full(shape, width)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(in, out) of a weight in PyTorch's layout; of one axis, that one twice."""
    kernel = prod(shape[2:])
    return shape[min(1, len(shape) - 1)] * kernel, shape[0] * kernel


def _constant(words: str, value: float) -> Distribution:
    return Distribution(words, "constant", lambda ins, outs: value)


def _within(words: str, limit: Callable[[int, int], float]) -> Distribution:
    return Distribution(words, "uniform", limit)


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
    "zeros": _constant("zeros", 0.0),
    "ones": _constant("ones", 1.0),
    "quarter": _constant("constant 0.25", 0.25),
}
