"""Whether two runs of one recipe, one in each framework, are the same system: the rows of the agreement table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..distance import relative_error
from .lockstep import StepDifference
from .tolerances import TOLERANCES


@dataclass(frozen=True)
class Check:
    """One row: what was compared, the difference found, the bound and its reason (none: shown, not judged)."""

    what: str
    difference: float
    bound: float | None
    why: str

    @property
    def ok(self) -> bool | None:
        return None if self.bound is None else bool(self.difference <= self.bound)


def judged(what: str, difference: float, quantity: str) -> Check:
    """A row held against the table of tolerances."""
    tolerance = TOLERANCES[quantity]
    return Check(what, difference, tolerance.bound, tolerance.why)


def initial_check(torch: Mapping[str, np.ndarray], paddle: Mapping[str, np.ndarray]) -> Check:
    """Largest absolute difference of the weights that both built; infinite where names or shapes differ."""
    if {n: a.shape for n, a in torch.items()} != {n: a.shape for n, a in paddle.items()}:
        largest = float("inf")
    else:
        largest = max(float(np.abs(torch[n].astype(np.float64) - paddle[n]).max(initial=0)) for n in torch)
    return judged(f"initial weights, {len(torch)} arrays: largest difference", largest, "initial weights")


def lockstep_checks(differences: Sequence[StepDifference]) -> list[Check]:
    """The worst of the steps taken from the same states."""
    count = f"each of the first {len(differences)} steps, from the same state"
    loss, weights = max(one.loss for one in differences), max(one.weights for one in differences)
    return [
        judged(f"loss of {count}", loss, "float32 step loss"),
        judged(f"weights after {count}", weights, "float32 step weights"),
    ]


def free_running_check(torch_steps: np.ndarray, paddle_steps: np.ndarray, steps: int) -> Check:
    """The largest loss difference of the first steps when each framework goes its own way: shown, not judged."""
    count = min(steps, len(torch_steps), len(paddle_steps))
    largest = float(np.abs(paddle_steps[:count, 0] / torch_steps[:count, 0] - 1).max())
    why = (
        "rounding grows tenfold every few steps while the model leaves its first plateau, in either framework alone too"
    )
    return Check(f"loss of the first {count} steps, each framework going its own way", largest, None, why)


def epoch_check(torch: Sequence[dict], paddle: Sequence[dict], short: bool) -> Check:
    """The last epoch's losses against each other."""
    quantity = "epoch loss, short schedule" if short else "epoch loss, published schedule"
    last = min(len(torch), len(paddle)) - 1
    what = f"loss of epoch {last}, each framework going its own way"
    return judged(what, relative_error(paddle[last]["loss"], torch[last]["loss"]), quantity)


def exchange_check(owner: str, reader: str, own: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> Check:
    """Outputs of `owner`'s trained weights in both frameworks: encoder heads and decoded images."""
    worst = max(relative_error(a, b) for a, b in zip(other, own, strict=True))
    return judged(f"outputs of the weights trained in {owner}, run in {reader}", worst, "exchanged weights")


def published_checks(backend: str, history: Sequence[dict], published: Sequence[float], judge: bool) -> list[Check]:
    """The printed numbers of a run against the write-up's: the worst epoch, and the last one if all were run.

    Args:
        judge: whether data and schedule are the published ones; otherwise the rows are shown and not judged.
    """
    off = published_differences(history, published)
    rows = [judged(f"{backend}, worst of {len(off)} epochs against the published table", max(off), "published table")]
    if len(off) == len(published):
        what = f"{backend}, last epoch against the published table"
        rows.append(judged(what, off[-1], "published table, last epoch"))
    return rows if judge else [replace(row, bound=None) for row in rows]


def published_differences(history: Sequence[dict], published: Sequence[float]) -> list[float]:
    """Relative difference of each epoch that both have."""
    return [abs(row["printed"] / value - 1) for row, value in zip(history, published, strict=False)]
