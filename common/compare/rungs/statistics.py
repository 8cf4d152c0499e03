"""Running variances after training: Paddle averages the biased variance of a batch, PyTorch the unbiased one.

Two correct models therefore part there, by n/(n − 1) of what a batch adds. That rule is tested, not assumed: the
variance that the one framework's rule gives is computed from the other's, and must be what was found.
"""

from __future__ import annotations

import math

import numpy as np

from ...alignment.constants import rounded_momentum
from ...distance import relative_error
from ..matching.calls import CallPair
from ..tolerances import bound
from .sides import CallRow, Sides


def statistics_row(
    sides: Sides, section: str, names: tuple[str, str], row: CallRow, pairs: list[CallPair], step: int
) -> CallRow:
    """The row of a running variance, judged by each framework's own rule where that explains it; else as it was."""
    if {"paddle", "torch"} != set(sides.names):
        return row
    path = names[0].rpartition(".")[0]
    call = next((pair.a for pair in pairs if pair.a.path == path and pair.a.module), None)
    shape = sides.main[0].shape("values", call.inputs[0][1]) if call and call.inputs else None
    momentum = call.settings.get("momentum") if call else None
    if shape is None or not isinstance(momentum, (int, float)):
        return row
    count = math.prod(shape) // shape[1]
    turns = sum(pair.a.path == path and pair.a.module for pair in pairs) * step
    old, a, b = (run.array(part, name) for run, part, name in (
        (sides.main[0], "start", names[0]), (sides.main[0], section, names[0]), (sides.main[1], section, names[1]))
    )  # fmt: skip
    if count < 2 or old is None or a is None or b is None or a.shape != b.shape:
        return row
    kept = (1 - rounded_momentum(momentum)) ** turns * old.astype(np.float64)
    share = count / (count - 1)
    factor = share if sides.names[0] == "paddle" else 1 / share
    turned = kept + (a - kept) * factor
    error = relative_error(turned, b, np.finfo(np.float64).tiny)
    if error <= max(bound("float64 ten steps"), row.bound64 or 0.0):
        row.error64 = error
        row.remark = f"each by its framework's rule: Paddle's biased, PyTorch's unbiased variance of {count} values"
    return row
