"""Why training differs though the outputs agree: running statistics, gradients, exchanged and initial weights.

As in `call`, nothing is returned that was not recomputed or applied and compared. `optimizer_step` does the same
for one update of an optimiser.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ...dictionary.entry import as_in_float32
from ...dictionary.operations.normalization import MOMENTUM, StatisticsRule, stacked
from ...distance import relative_error
from .array_changes import mutual_changes
from .evidence import Explanation, Trial, first_that_removes, removes
from .initial_weights import explain_initial
from .optimizer_step import explain_step

__all__ = ["explain_exchanged", "explain_gradient", "explain_initial", "explain_statistics", "explain_step"]
Arrays = Mapping[str, np.ndarray]
LISTED = 4  # rows


def explain_statistics(
    names: tuple[str, str],
    before: tuple[Arrays, Arrays],
    after: tuple[Arrays, Arrays],
    batch: tuple[np.ndarray, np.ndarray],
    momentum: tuple[float, float],
) -> list[Explanation]:
    """Which rule each side's running mean and variance follow, where that is what differs.

    Args:
        before, after: "running_mean" and "running_var", `[C]`, around one forward pass in training.
        batch: what the layer was given, `[N, C, …]`.
        momentum: in PyTorch's convention, the share of the batch.
    """
    batches = [np.asarray(array, np.float64) for array in batch]
    ends = stacked(after[0]), stacked(after[1])
    if removes(relative_error(*ends)):
        return []
    with np.errstate(all="ignore"):
        first, second = (_followed(before[i], ends[i], batches[i], momentum[i], momentum[1 - i]) for i in (0, 1))
    if first is None or second is None:
        return []
    a, b = names
    claim = f"{a} {first}, {b} {second}"
    made = first.updated(before[1], batches[1])
    return first_that_removes([[Trial(claim, f"with {a}'s rule", made, ends[0])]], ends, "running statistics")


def _followed(before: Arrays, new: np.ndarray, batch: np.ndarray, mine: float, others: float) -> StatisticsRule | None:
    """The rule that makes `new`: what the layer says first, then known mistakes, then the share read off the means."""
    old = stacked(before)[0]
    toward = batch.mean((0, *range(2, batch.ndim))) - old
    read = float(np.vdot(toward, new[0] - old) / np.vdot(toward, toward)) if toward.any() else 0.0
    shares = [
        (mine, ""), (0.0, ""), (as_in_float32(MOMENTUM, mine), "its momentum is kept in float32"),
        (1 - mine, "1 − its momentum"),
        (others, "the other side's momentum"), (1 - others, "1 − the other side's momentum"),
        (read, "read off the means"),
    ]  # fmt: skip
    for share, words in shares:
        for unbiased in (False, True):
            rule = StatisticsRule(share, unbiased, words)
            if removes(relative_error(rule.updated(before, batch), new)):
                return rule
    return None


def explain_gradient(
    names: tuple[str, str], gradients: tuple[np.ndarray, np.ndarray], what: str = "gradient"
) -> list[Explanation]:
    """What turns one side's gradient into the other's: a factor, its sign, an order of axes, or no gradient at all.

    Args:
        what: the name of the array, which may as well be the output of a model.
    """
    if relative_error(*gradients) == 0:
        return []
    return first_that_removes([_gradient_trials(names, gradients, what)], gradients, f"{what}s")


def _gradient_trials(names: tuple[str, str], gradients: tuple[np.ndarray, np.ndarray], what: str) -> Iterator[Trial]:
    yield from mutual_changes(names, gradients, what)
    for side in (0, 1):
        if what == "gradient" and not np.any(gradients[side]):
            claim = f"{names[side]}'s gradient is zero everywhere, as of a weight that is detached or not trained"
            nothing = np.zeros(np.shape(gradients[1 - side]))
            yield Trial(claim, f"with {names[1 - side]}'s left out", nothing, gradients[side])
        if what == "gradient":
            yield from _rows_left_out(names, gradients, side)


def _rows_left_out(names: tuple[str, str], gradients: tuple[np.ndarray, np.ndarray], side: int) -> Iterator[Trial]:
    """Rows that get a gradient on one side alone, as of an embedding with a padding_idx."""
    mine, other = (np.asarray(gradients[place], np.float64) for place in (side, 1 - side))
    if mine.shape != other.shape or mine.ndim < 2:
        return
    axes = tuple(range(1, mine.ndim))
    rows = np.flatnonzero(~np.any(mine, axes) & np.any(other, axes))
    if 0 < len(rows) < len(mine):
        listed = ", ".join(map(str, rows[:LISTED])) + (", …" if len(rows) > LISTED else "")
        said = f"row {listed}" if len(rows) == 1 else f"rows {listed}"
        claim = f"{names[side]}'s gradient is zero in {said}, as of a padding_idx or of rows that are not trained"
        left = other.copy()
        left[rows] = 0.0
        yield Trial(claim, f"with {names[1 - side]}'s left out there", left, gradients[side])


def explain_exchanged(names: tuple[str, str], weights: tuple[Arrays, Arrays]) -> list[Explanation]:
    """Which weights stand in one another's place, or are transposed.

    Args:
        weights: each side's, by canonical name, in the canonical layout.
    """
    a, b = weights
    shared = [name for name in a if name in b and not removes(relative_error(a[name], b[name]))]
    explanations: list[Explanation] = []
    for cycle in _cycles(a, b, shared):
        moves = ", ".join(f"{first} of {names[0]} is {second} of {names[1]}" for first, second in cycle.items())
        ends = tuple(_joined([side[name] for name in cycle]) for side in weights)
        trial = Trial(
            f"weights are exchanged: {moves}", "put back,", _joined([b[two] for two in cycle.values()]), ends[0]
        )
        explanations += first_that_removes([[trial]], ends, "weights")
    for name in shared:
        if np.ndim(a[name]) > 1:
            claim = f"{name} is transposed in {names[0]} against {names[1]}"
            trial = Trial(claim, "transposed,", np.swapaxes(b[name], 0, 1), a[name])
            explanations += [
                explanation
                for explanation in first_that_removes([[trial]], (a[name], b[name]), "weights")
                if explanation.removed
            ]
    return explanations


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(np.asarray(array, np.float64)) for array in arrays])


def _cycles(a: Arrays, b: Arrays, names: list[str]) -> Iterator[dict[str, str]]:
    """Rings of names, each of which holds on one side what the next one holds on the other."""
    holds = {
        first: next((second for second in names if removes(relative_error(a[first], b[second]))), None)
        for first in names
    }
    told: set[str] = set()
    for start in names:
        ring: dict[str, str] = {}
        name: str | None = start
        while name is not None and name not in ring:
            if (held := holds[name]) is not None:
                ring[name] = held
            name = held
        if name == start and len(ring) > 1 and start not in told:
            told |= set(ring)
            yield ring
