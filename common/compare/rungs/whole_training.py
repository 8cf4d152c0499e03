"""What only whole trainings show: going on from a checkpoint, and the means of epochs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...arrays import Arrays, part
from ...distance import relative_error
from ...tolerances import bound
from ..facts import About
from ..judge import Bounds
from ..rounding.derived import DerivedRounding
from ..rounding.training_step import StepScale
from ..row import Row
from .sides import Evidence, held, names_of

FULL = 10_000  # images from which on an epoch's mean hardly depends on the trajectory
SOURCES = {"own": "its own", "other": "the other's"}


def resume(evidence: Evidence, judge: DerivedRounding) -> list[Row]:
    """Going on from the own checkpoint, and from the other's, is going on without a break."""
    rows, quantity = [], "float64 ten steps"
    sides, scale = held(evidence, judge), StepScale(judge, evidence, 0, judge.first)
    for side, arrays in evidence.items():
        unbroken = part("unbroken", arrays)
        for source, title in SOURCES.items():
            continued = part(source, arrays)
            for name in names_of(unbroken, continued):
                kind, _, parameter = name.partition("/")
                if kind == "weights" and parameter in scale.still:
                    continue
                given = {f"{side} without a break": unbroken.get(name), side: continued.get(name)}
                limits = Bounds(bound(quantity), scale=_floor(scale, kind, parameter, unbroken, continued))
                about = About("resumed" if parameter else "resumed terms", parameter, part=title, side=side)
                rows.append(sides.compared(about, given, quantity, limits))
    return rows


def _floor(scale: StepScale, kind: str, name: str, unbroken: Arrays, continued: Arrays) -> float:
    if kind == "moments":
        return scale.moment(*name.split("/", 2)[1:])
    both = [part("weights", arrays) for arrays in (unbroken, continued)]
    return scale.statistic(name, both[0], both) if kind == "weights" else 0.0


def training(evidence: Mapping[str, Mapping[str, np.ndarray]], judge: DerivedRounding) -> list[Row]:
    """Means per image of each epoch in float32, each side going its own way; the last epoch is judged."""
    short = len(judge.plan.dataset) < FULL
    limit = bound(f"epoch loss, {'short' if short else 'published'} schedule")
    tables, rows = [arrays["epochs"] for arrays in evidence.values()], []
    for epoch in range(len(tables[0])):
        for place, name in enumerate(("loss", "reconstruction", "kl")):
            apart = relative_error(tables[1][epoch, place], tables[0][epoch, place])
            judged = name == "loss" and epoch + 1 == len(tables[0])
            error32 = dict.fromkeys(evidence, apart)
            about = About("epoch mean", name, number=epoch)
            rows.append(Row(about, error32=error32, bound32=limit if judged else None))
    return rows
