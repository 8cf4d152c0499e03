"""Which rule initial weights were drawn by, told from the weights: Kolmogorov's test against each known one.

Under the right rule √n · D, D the largest distance between the distribution functions, goes beyond the bound
"initial distribution" once in a million draws. A rule is named only where it alone is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np

from ...dictionary.index import BY_KIND
from ...dictionary.training.distributions import DISTRIBUTIONS, fans
from ...tolerances import bound
from .evidence import Explanation

FEWEST = 32  # values from which a distribution is told
TORCH, PADDLE = " (PyTorch's default)", " (Paddle's default)"


@dataclass(frozen=True)
class Rule:
    """A distribution with its deviation; `whose` default it is for some layer."""

    words: str
    shape: str  # "uniform" or "normal", around 0
    deviation: float

    def below(self, values: np.ndarray) -> np.ndarray:
        """The distribution function."""
        if self.shape == "normal":
            from scipy.special import ndtr  # a second to import, which few explanations need

            return ndtr(values / self.deviation)
        return np.clip(values / (2 * sqrt(3) * self.deviation) + 0.5, 0, 1)


def _rules(shape: tuple[int, ...], kind: str, groups: int) -> list[Rule]:
    """Both frameworks' defaults and common choices, for a weight of `shape` in PyTorch's layout."""
    entry, (ins, outs) = BY_KIND.get(kind), fans(shape)
    torch, paddle = entry.initial.get("weight", ("", "")) if entry else ("", "")
    whole = groups > 1 and entry is not None and entry.fan_of_all_groups
    rules = []
    if whole:  # first: of rules with one deviation, a default is the likelier
        distribution = DISTRIBUTIONS[paddle]
        words = f"{distribution.words} with the fan of all {groups} groups{PADDLE}"
        rules.append(Rule(words, distribution.shape, distribution.deviation(groups * ins, outs)))
    for key, distribution in DISTRIBUTIONS.items():
        if distribution.shape != "constant":
            value = f" = {distribution.width(ins, outs):.4g}" if key == "fan_in_uniform" else ""
            whose = f"{TORCH if key == torch else ''}{PADDLE if key == paddle and not whole else ''}"
            rules.append(
                Rule(distribution.words + value + whose, distribution.shape, distribution.deviation(ins, outs))
            )
    return rules


def distance(values: np.ndarray, below: Callable[[np.ndarray], np.ndarray]) -> float:
    """√n · D of Kolmogorov: n values against a distribution function."""
    ordered = np.sort(np.ravel(np.asarray(values, np.float64)))
    count, expected = ordered.size, below(ordered)
    steps = np.arange(count + 1) / count
    return float(sqrt(count) * max(np.max(steps[1:] - expected), np.max(expected - steps[:-1])))


def told(kind: str, shape: tuple[int, ...], values: np.ndarray, groups: int = 1) -> Rule | None:
    """The only rule that the values do not refute; None if there is none, several, or too few values."""
    flat = np.ravel(np.asarray(values, np.float64))
    if flat.size and np.all(flat == flat[0]):
        return Rule(f"constant {flat[0]:g}", "constant", 0.0)
    if flat.size < FEWEST or len(shape) < 2 or not all(shape):
        return None
    left = [rule for rule in _rules(shape, kind, groups) if distance(flat, rule.below) <= bound("initial distribution")]
    same = {(rule.shape, round(rule.deviation, 9)) for rule in left}
    return left[0] if len(same) == 1 else None


def explain_initial(
    names: tuple[str, str],
    kind: str,
    shape: tuple[int, ...],
    weights: tuple[np.ndarray, np.ndarray],
    groups: int = 1,
) -> list[Explanation]:
    """Both sides' rules of initial values, where each is told and they differ.

    `before` and `after` are √n · D: of the second side's values under the first side's rule, and under their own.

    Args:
        shape: of the layer's weight in PyTorch's layout, which tells its fans; the values may be those of its bias.
    """
    a, b = (told(kind, tuple(shape), array, groups) for array in weights)
    if a is None or b is None or a == b:
        return []
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
