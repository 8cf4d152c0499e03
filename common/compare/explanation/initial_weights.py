"""Which rule initial weights were drawn by, told from the weights: Kolmogorov's test against each known one.

Under the right rule √n · D, D the largest distance between the distribution functions, goes beyond the bound
"initial distribution" once in a million draws. A rule is named only where it alone is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod, sqrt

import numpy as np
from scipy.special import ndtr

from ...tolerances import bound
from .evidence import Explanation

FEWEST = 32  # values from which a distribution is told


@dataclass(frozen=True)
class Rule:
    """A distribution with its deviation; `whose` default it is for some layer."""

    words: str
    shape: str  # "uniform" or "normal", around 0
    deviation: float

    def below(self, values: np.ndarray) -> np.ndarray:
        """The distribution function."""
        if self.shape == "normal":
            return ndtr(values / self.deviation)
        return np.clip(values / (2 * sqrt(3) * self.deviation) + 0.5, 0, 1)


def _uniform(words: str, limit: float) -> Rule:
    return Rule(words, "uniform", limit / sqrt(3))


def _rules(shape: tuple[int, ...], kind: str) -> list[Rule]:
    """Both frameworks' defaults and common choices, for a weight of `shape` in PyTorch's layout.

    Fans as both frameworks count them: the second axis and the kernel in, the first axis and the kernel out.
    """
    kernel = prod(shape[2:])
    ins, outs = shape[1] * kernel, shape[0] * kernel
    torch, paddle = " (PyTorch's default)", " (Paddle's default)"
    table, conv = kind == "embedding", kind.startswith("conv") and not kind.startswith("conv_transpose")
    return [
        _uniform(f"uniform within ±1/√fan_in = {1 / sqrt(ins):.4g}{'' if table else torch}", 1 / sqrt(ins)),
        _uniform(f"Xavier uniform, ±√(6/(fan_in + fan_out)){'' if conv else paddle}", sqrt(6 / (ins + outs))),
        _uniform("Kaiming uniform, ±√(6/fan_in)", sqrt(6 / ins)),
        Rule(f"Kaiming normal, √(2/fan_in){paddle if conv else ''}", "normal", sqrt(2 / ins)),
        Rule("Kaiming normal, √(2/fan_out)", "normal", sqrt(2 / outs)),
        Rule("Xavier normal, √(2/(fan_in + fan_out))", "normal", sqrt(2 / (ins + outs))),
        Rule("LeCun normal, √(1/fan_in)", "normal", sqrt(1 / ins)),
        Rule(f"normal with deviation 1{torch if table else ''}", "normal", 1.0),
        Rule("normal with deviation 0.02", "normal", 0.02),
        Rule("normal with deviation 0.01", "normal", 0.01),
    ]


def distance(values: np.ndarray, below: Callable[[np.ndarray], np.ndarray]) -> float:
    """√n · D of Kolmogorov: n values against a distribution function."""
    ordered = np.sort(np.ravel(np.asarray(values, np.float64)))
    count, expected = ordered.size, below(ordered)
    steps = np.arange(count + 1) / count
    return float(sqrt(count) * max(np.max(steps[1:] - expected), np.max(expected - steps[:-1])))


def told(kind: str, shape: tuple[int, ...], values: np.ndarray) -> Rule | None:
    """The only rule that the values do not refute; None if there is none, several, or too few values."""
    flat = np.ravel(np.asarray(values, np.float64))
    if flat.size and np.all(flat == flat[0]):
        return Rule(f"constant {flat[0]:g}", "constant", 0.0)
    if flat.size < FEWEST or len(shape) < 2 or not all(shape):
        return None
    left = [rule for rule in _rules(shape, kind) if distance(flat, rule.below) <= bound("initial distribution")]
    same = {(rule.shape, round(rule.deviation, 9)) for rule in left}
    return left[0] if len(same) == 1 else None


def explain_initial(
    names: tuple[str, str], kind: str, shape: tuple[int, ...], weights: tuple[np.ndarray, np.ndarray]
) -> list[Explanation]:
    """Both sides' rules of initial values, where each is told and they differ.

    `before` and `after` are √n · D: of the second side's values under the first side's rule, and under their own.

    Args:
        shape: of the layer's weight in PyTorch's layout, which tells its fans; the values may be those of its bias.
    """
    rules = [told(kind, tuple(shape), one) for one in weights]
    if None in rules or rules[0] == rules[1]:
        return []
    a, b = rules
    ratio = f", {a.deviation / b.deviation:.3g} times its deviation" if a.deviation and b.deviation else ""
    text = (
        f"{names[0]} starts {kind} from {a.words}, {names[1]} from {b.words}{ratio}: give both the same initial weights"
    )
    before, after = (_apart(rule, weights[1]) for rule in (a, b))
    return [Explanation(text, before, after, "initial distribution")]


def _apart(rule: Rule, values: np.ndarray) -> float:
    if rule.shape == "constant":
        return 0.0 if rule.words == f"constant {np.ravel(values)[0]:g}" and not np.ptp(values) else float("inf")
    return distance(values, rule.below)
