"""Running statistics after training. Paddle averages the biased variance of a batch, PyTorch the unbiased one.

Two correct models therefore part there, by n/(n − 1) of what a batch adds. That rule is tested, not assumed: the
variance that the one framework's rule gives is computed from the other's, and must be what was found.
"""

from __future__ import annotations

import math

import numpy as np

from ...distance import relative_error
from ...tolerances import bound
from ..facts import About, EachByItsRule
from ..judge import Bounds
from ..matching.calls import CallPair
from ..rounding.derived import DerivedRounding
from ..rounding.training_step import StepScale
from ..row import Row
from .forward import activation_rows
from .sides import Evidence, Sides, sides_of


def by_each_rule(sides: Sides, row: Row, pairs: list[CallPair], step: int) -> None:
    """Judge the row of a running variance by each framework's own rule, where that explains it."""
    if {"paddle", "torch"} != set(sides.names):
        return
    section, names = row.place.section, row.place.names
    path = names[0].rpartition(".")[0]
    call = next((pair.a for pair in pairs if pair.a.path == path and pair.a.module), None)
    shape = sides.main[0].shape("values", call.inputs[0][1]) if call and call.inputs else None
    momentum = call.settings.get("momentum") if call else None
    if shape is None or not isinstance(momentum, (int, float)):
        return
    count = math.prod(shape) // shape[1]
    turns = sum(pair.a.path == path and pair.a.module for pair in pairs) * step
    old = sides.main[0].array("start", names[0])
    a, b = (run.array(section, name) for run, name in zip(sides.main, names, strict=True))
    if count < 2 or old is None or a is None or b is None or a.shape != b.shape:
        return
    kept = (1 - momentum) ** turns * old.astype(np.float64)
    share = count / (count - 1)
    factor = share if sides.names[0] == "paddle" else 1 / share
    turned = kept + (a - kept) * factor
    error = relative_error(turned, b, float(np.finfo(np.float64).tiny))
    if error <= max(bound("float64 ten steps"), row.bound64 or 0.0):
        row.error64, row.cause = error, EachByItsRule(count)


def statistics(evidence: Evidence, judge: DerivedRounding) -> list[Row]:
    """Running means and variances after one step and after all; then every activation in evaluation mode, of both sides
    with one state: that of the trained model, as float32 holds it."""
    sides, scale, rows = sides_of(evidence, judge), StepScale(judge, 0, judge.first), []
    final = [run.arrays(f"weights/{judge.plan.steps}") for run in sides.main]
    for which, step, quantity in (("first", 1, "float64 forward"), ("last", judge.plan.steps, "float64 ten steps")):
        variances = sides.main[0].arrays(f"weights/{step}")
        for name in judge.recipe.model.buffers():
            limits = Bounds(bound(quantity), scale=scale.statistic(name, variances, final))
            rows.append(sides.row(About(f"{which} statistic", name), f"weights/{step}", name, quantity, limits))
    evaluated = sides_of(evidence, judge, lower="float32", mode="eval")
    judge.evaluate(evaluated.main[0].arrays("start"))
    return rows + activation_rows(evaluated, "activation in evaluation")
