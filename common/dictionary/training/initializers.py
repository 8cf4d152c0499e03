"""Entries of initializers. A formula gives the values of a shape, or (mean, deviation, largest distance from the mean).

Shapes and fans are those of PyTorch's layout.
"""

from __future__ import annotations

from math import erf, exp, inf, pi, sqrt

import numpy as np

from ..entry import Contrast, Entry, argument, entry
from ..proof import Proof
from .distributions import fans

KERNEL = (80, 32, 3, 3)
TABLE = (200, 100)
GAIN = argument("gain", 1.0)
FANS = Contrast("fans of a weight with two axes", "in is the second axis", "in is the first axis",
                "right for the layouts of their linear layers, wrong for a weight that was not transposed")  # fmt: skip
KAIMING = (argument("a", 0, paddle="negative_slope"), argument("mode", "fan_in"),
           argument("nonlinearity", "leaky_relu", paddle_default="relu"))  # fmt: skip
GAINS = {"relu": sqrt(2), "tanh": 5 / 3, "selu": 3 / 4}
SLOPED = {"a": 0.3, "mode": "fan_out", "nonlinearity": "leaky_relu"}


def _kaiming(shape: tuple[int, ...], a: float, mode: str, nonlinearity: str) -> float:
    gain = sqrt(2 / (1 + a**2)) if nonlinearity == "leaky_relu" else GAINS.get(nonlinearity, 1.0)
    return gain / sqrt(fans(shape)[mode == "fan_out"])


def _kaiming_normal(shape, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"):
    """Normal, deviation gain / √fan; gain is √(2 / (1 + a²)) for (leaky) ReLU."""
    return 0.0, _kaiming(shape, a, mode, nonlinearity), inf


def _kaiming_uniform(shape, a: float = 0.0, mode: str = "fan_in", nonlinearity: str = "leaky_relu"):
    """Uniform within ±gain · √(3 / fan); gain is √(2 / (1 + a²)) for (leaky) ReLU."""
    return _within(sqrt(3) * _kaiming(shape, a, mode, nonlinearity))


def _within(end: float) -> tuple[float, float, float]:
    return 0.0, end / sqrt(3), end


def _uniform(shape, a: float = 0.0, b: float = 1.0):
    """Uniform from a to b."""
    return (a + b) / 2, (b - a) / sqrt(12), (b - a) / 2


def _xavier_normal(shape, gain: float = 1.0):
    """Normal, deviation gain · √(2 / (fan_in + fan_out))."""
    return 0.0, gain * sqrt(2 / sum(fans(shape))), inf


def _xavier_uniform(shape, gain: float = 1.0):
    """Uniform within ±gain · √(6 / (fan_in + fan_out))."""
    return _within(gain * sqrt(6 / sum(fans(shape))))


def _truncated_normal(shape, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0):
    """Normal, drawn again outside of [a, b]: absolute numbers, not deviations."""
    low, high = (a - mean) / std, (b - mean) / std
    mass = (erf(high / sqrt(2)) - erf(low / sqrt(2))) / 2
    at_low, at_high = (exp(-(end**2) / 2) / sqrt(2 * pi) / mass for end in (low, high))
    centre = mean + std * (at_low - at_high)
    deviation = std * sqrt(1 + low * at_low - high * at_high - (at_low - at_high) ** 2)
    return centre, deviation, max(b - centre, centre - a)


def _orthogonal(shape, gain: float = 1.0):
    """Rows or columns, whichever are fewer, orthogonal and of length gain."""
    return 0.0, gain / sqrt(max(shape[0], int(np.prod(shape[1:])))), gain


def _dirac(shape, groups: int = 1):
    """1 in the middle of the kernel from each channel to itself, group by group: such a convolution changes nothing."""
    values, width = np.zeros(shape), shape[0] // groups
    for place in range(min(width, shape[1])):
        for group in range(groups):
            values[(group * width + place, place, *(size // 2 for size in shape[2:]))] = 1
    return values


def _random(kind: str, torch: str, paddle: str, *arguments, draws: str, tried: tuple[dict, ...],
            shape: tuple[int, ...] = KERNEL, **more) -> Entry:  # fmt: skip
    """An initializer that draws, with `tried` arguments."""
    proofs = [Proof(arguments=settings, shape=shape, distribution=True) for settings in tried]
    return entry(kind, f"nn.init.{torch}", f"nn.initializer.{paddle}", arguments, draws=draws, proof=proofs, **more)


ENTRIES: tuple[Entry, ...] = (
    entry("constant", "nn.init.constant_ nn.init.zeros_ nn.init.ones_", "nn.initializer.Constant",
          (argument("val", paddle="value", paddle_default=0.0),), formula=lambda shape, val=0.0: np.full(shape, val),
          proof=Proof(arguments={"val": 0.5}, shape=(3, 4))),
    _random("normal", "normal_", "Normal", argument("mean", 0.0), argument("std", 1.0), draws="normal", shape=TABLE,
            formula=lambda shape, mean=0.0, std=1.0: (mean, std, inf), tried=({}, {"mean": 0.5, "std": 0.02})),
    _random("uniform", "uniform_", "Uniform", argument("a", 0.0, paddle="low", paddle_default=-1.0),
            argument("b", 1.0, paddle="high"), draws="uniform", shape=TABLE, formula=_uniform,
            tried=({"a": -0.3, "b": 0.1},)),
    _random("truncated_normal", "trunc_normal_", "TruncatedNormal", argument("mean", 0.0), argument("std", 1.0),
            argument("a", -2.0), argument("b", 2.0), draws="normal", shape=TABLE, formula=_truncated_normal,
            differs=(Contrast("Paddle 2", "cut at a and b", "cut at 2 deviations: 0.02 gives 0.0176",
                              measured_on="paddle 2.6.2"),),
            tried=({}, {"std": 0.02}, {"mean": 0.1, "std": 1.5, "a": -1.0, "b": 0.5})),
    _random("kaiming_normal", "kaiming_normal_", "KaimingNormal", *KAIMING, draws="normal", differs=(FANS,),
            paddle_order="a nonlinearity mode", formula=_kaiming_normal, tried=({}, SLOPED)),
    _random("kaiming_uniform", "kaiming_uniform_", "KaimingUniform", *KAIMING, draws="uniform", differs=(FANS,),
            paddle_order="a nonlinearity mode", formula=_kaiming_uniform, tried=({}, SLOPED)),
    _random("xavier_normal", "xavier_normal_", "XavierNormal", GAIN, draws="normal", differs=(FANS,),
            formula=_xavier_normal, tried=({}, {"gain": 0.5})),
    _random("xavier_uniform", "xavier_uniform_", "XavierUniform", GAIN, draws="uniform", differs=(FANS,),
            formula=_xavier_uniform, tried=({}, {"gain": 0.5})),
    _random("orthogonal", "orthogonal_", "Orthogonal", GAIN, draws="normal", shape=TABLE, formula=_orthogonal,
            tried=({}, {"gain": 0.5})),
    entry("dirac", "nn.init.dirac_", "nn.initializer.Dirac", (argument("groups", 1),), formula=_dirac,
          proof=(Proof(shape=(4, 3, 3)), Proof(arguments={"groups": 2}, shape=(6, 3, 3, 5)))),
)  # fmt: skip
