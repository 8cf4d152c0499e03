"""Whether two runs of one recipe, one in each framework, are the same system: the rows of the agreement table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..distance import relative_error
from .facts import About
from .row import Row, judged


def initial_row(torch: Mapping[str, np.ndarray], paddle: Mapping[str, np.ndarray]) -> Row:
    """Largest absolute difference of the weights that both built; infinite where names or shapes differ."""
    if {n: a.shape for n, a in torch.items()} != {n: a.shape for n, a in paddle.items()}:
        largest = math.inf
    else:
        largest = max(float(np.abs(torch[n].astype(np.float64) - paddle[n]).max(initial=0)) for n in torch)
    return judged(About("initial weights", number=len(torch)), largest, "initial weights")


def lockstep_rows(steps: Sequence[tuple[Row, Row]]) -> list[Row]:
    """The worst of the steps taken from the same states: of the loss, and of the weights."""
    return [
        replace(max(rows, key=lambda row: (math.isnan(row.error64), row.error64)), about=About(what, number=len(steps)))
        for what, rows in zip(("loss of steps", "weights of steps"), zip(*steps, strict=True), strict=True)
    ]


def free_running_row(torch_steps: np.ndarray, paddle_steps: np.ndarray, steps: int) -> Row:
    """The largest loss difference of the first steps when each framework goes its own way: shown, not judged."""
    count = min(steps, len(torch_steps), len(paddle_steps))
    largest = float(np.abs(paddle_steps[:count, 0] / torch_steps[:count, 0] - 1).max())
    return Row(About("loss of free steps", number=count), largest)


def epoch_row(torch: Sequence[dict], paddle: Sequence[dict], short: bool) -> Row:
    """The last epoch's losses against each other."""
    quantity = "epoch loss, short schedule" if short else "epoch loss, published schedule"
    last = min(len(torch), len(paddle)) - 1
    error = relative_error(paddle[last]["loss"], torch[last]["loss"])
    return judged(About("loss of an epoch", number=last), error, quantity)


def exchange_row(owner: str, reader: str, original: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> Row:
    """Outputs of `owner`'s trained weights in both frameworks: encoder heads and decoded images."""
    worst = max(relative_error(a, b) for a, b in zip(other, original, strict=True))
    return judged(About("exchanged weights", owner, reader), worst, "exchanged weights")


def published_rows(backend: str, history: Sequence[dict], published: Sequence[float], judge: bool) -> list[Row]:
    """The printed numbers of a run against the write-up's: the worst epoch, and the last one if all were run.

    Args:
        judge: whether data and schedule are the published ones; otherwise the rows are shown and not judged.
    """
    off = published_differences(history, published)
    rows = [judged(About("published", number=len(off), side=backend), max(off), "published table")]
    if len(off) == len(published):
        rows.append(judged(About("last published", side=backend), off[-1], "published table, last epoch"))
    return rows if judge else [replace(row, bound64=None) for row in rows]


def published_differences(history: Sequence[dict], published: Sequence[float]) -> list[float]:
    """Relative difference of each epoch that both have."""
    return [abs(row["printed"] / value - 1) for row, value in zip(history, published, strict=False)]
