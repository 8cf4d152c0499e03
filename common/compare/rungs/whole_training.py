"""What only whole trainings show: going on from a checkpoint, and the means of epochs."""

from __future__ import annotations

from itertools import product

from ...arrays import Arrays
from ...distance import relative_error
from ...tolerances import bound
from ..facts import About
from ..judge import Bounds
from ..rounding.derived import DerivedRounding
from ..rounding.training_step import StepScale
from ..row import Row
from .sides import Evidence, names_of, sides_of

FULL = 10_000  # images from which on an epoch's mean hardly depends on the trajectory
QUANTITY = "float64 ten steps"
SOURCES = {"own": "its own", "other": "the other's"}


def resume(evidence: Evidence, judge: DerivedRounding) -> list[Row]:
    """Going on from the own checkpoint, and from the other's, is going on without a break."""
    rows = []
    sides, scale = sides_of(evidence, judge), StepScale(judge, 0, judge.first)
    for (side, run), (source, title), kind in product(
        zip(sides.names, sides.main, strict=True), SOURCES.items(), ("weights", "moments", "terms")
    ):
        unbroken, continued = (run.arrays(f"resume/{which}/{kind}") for which in ("unbroken", source))
        for name in names_of(unbroken, continued):
            if kind == "weights" and name in scale.still:
                continue
            given = {f"{side} without a break": unbroken.get(name), side: continued.get(name)}
            limits = Bounds(bound(QUANTITY), scale=_floor(scale, kind, name, unbroken, continued))
            about = About("resumed terms" if kind == "terms" else "resumed", name, part=title, side=side)
            rows.append(sides.compared(about, given, QUANTITY, limits))
    return rows


def _floor(scale: StepScale, kind: str, name: str, unbroken: Arrays, continued: Arrays) -> float:
    if kind == "moments":
        return scale.moment(*name.split("/", 2)[1:])
    return scale.statistic(name, unbroken, [unbroken, continued]) if kind == "weights" else 0.0


def training(evidence: Evidence, judge: DerivedRounding) -> list[Row]:
    """Means per image of each epoch in float32, each side going its own way; the last epoch is judged."""
    short = len(judge.plan.dataset) < FULL
    limit = bound(f"epoch loss, {'short' if short else 'published'} schedule")
    tables, rows = [run.array("means", "epochs") for run in sides_of(evidence, judge, "float32").main], []
    for epoch in range(len(tables[0])):
        for place, name in enumerate(("loss", "reconstruction", "kl")):
            apart = relative_error(tables[1][epoch, place], tables[0][epoch, place])
            judged = name == "loss" and epoch + 1 == len(tables[0])
            error32 = dict.fromkeys(evidence, apart)
            about = About("epoch mean", name, number=epoch)
            rows.append(Row(about, error32=error32, bound32=limit if judged else None))
    return rows
