"""Kinks of activations: where float32 falls on another side of one than float64, gradients jump."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...dictionary.index import LARGEST_KINKS, SIGN_KINKS
from ...traces.plan import EXACT
from ...traces.reading import Call, Run
from ..facts import CrossesKinks
from ..matching.calls import CallPair
from ..row import Row
from .sides import Sides


def excuse_kinks(sides: Sides, rows: Sequence[Row], pairs: Sequence[CallPair]) -> None:
    """Where float32 falls on the other side of a kink, its gradients jump: such a row is shown, and not judged.

    That it did is looked up: signs before a ReLU, and the elements that a maximum was taken from, against float64.
    """
    broken = [row for row in rows if not row.precise]
    if not broken or sides.lower is None:
        return
    crossed = {
        side: _crossed(sides.runs[at], sides.lower, [(pair.a, pair.b)[at] for pair in pairs])
        for at, side in enumerate(sides.names)
    }
    for row in broken:
        limit = row.bound32
        guilty = [side for side, error in row.error32.items() if limit is not None and not error <= limit]
        if all(crossed[side] for side in guilty):
            row.bound32 = None
            row.cause = row.cause or CrossesKinks({side: crossed[side] for side in guilty})


def _crossed(runs: Mapping[str, Run], lower: str, calls: Sequence[Call]) -> int:
    """How many elements lie on the other side of a kink, or are another maximum, than in float64."""
    total = 0
    for call in calls:
        section = "values" if call.kind in SIGN_KINKS else "flow" if call.kind in LARGEST_KINKS else None
        if section is None or not call.inputs:
            continue
        a, b = (runs[dtype].array(section, call.inputs[0][1]) for dtype in (EXACT, lower))
        if a is not None and b is not None and a.shape == b.shape:
            total += int(np.count_nonzero((a > 0) != (b > 0) if section == "values" else (a != 0) != (b != 0)))
    return total
