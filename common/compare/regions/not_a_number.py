"""Where NaNs begin: models that return them cannot be told equal."""

from __future__ import annotations

import math

import numpy as np

from ...traces.reading import Run
from ..facts import About, BeginsNaN
from ..matching.calls import call_name
from ..row import Row
from ..rungs.sides import Sides
from ..verdict import Rung


def note_nan(sides: Sides, forward: Rung) -> None:
    """Put in front of a forward pass whose outputs hold NaNs the call that they begin at, on each side."""
    ends = [row for row in forward.rows if row.about.what == "output" and row.error64 is not None]
    if not any(math.isnan(row.error64) for row in ends if row.error64 is not None):
        return
    where = {name: _begins(run) for name, run in zip(sides.names, sides.main, strict=True)}
    where = {name: call for name, call in where.items() if call}
    if where:
        first = next(iter(where.values()))
        row = Row(About("call", first), math.nan, ends[0].bound64, quantity=ends[0].quantity, cause=BeginsNaN(where))
        forward.rows.insert(0, row)


def _begins(run: Run) -> str:
    """The first call that makes a NaN: what it is given has none, unless it comes from outside."""
    for call in run.calls:
        if call.leaf and any(_holds_nan(run, number) for _, number in call.outputs):
            return call_name(call)
    return ""


def _holds_nan(run: Run, number: int) -> bool:
    array = run.array("values", number)
    return array is not None and array.dtype.kind in "fc" and bool(np.isnan(array).any())
