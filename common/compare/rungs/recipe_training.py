"""The rungs of training: steps, running statistics, hand-over, and whole epochs.

The functions take and give what those of `rungs` do.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...arrays import Arrays
from ...distance import relative_error
from ..rounding import budgets
from ..rounding.derived import Reference
from ..rounding.training_step import StepScale
from ..row import WITNESS, Row, arrays_row
from ..tolerances import bound
from ..witness import exact as witness
from .recipe_rungs import Evidence, activation_rows, names_of, parts

MOMENTS = {"first": "first moment", "second": "second moment"}
SETTINGS = "step, learning rate and betas of optimiser"
FULL = 10_000  # images from which on an epoch's mean hardly depends on the trajectory


def one_step(evidence: Evidence, reference: Reference) -> list[Row]:
    """The first step: loss, moments, what it does to each parameter, and what the optimisers say of themselves."""
    return _step_rows(evidence, reference, 0, reference.first, "")


def steps(evidence: Evidence, reference: Reference) -> list[Row]:
    """Every further step. Both sides go on from their own state in float64; float32 takes each step from there."""
    rows = []
    for step, batch in zip(range(reference.climb.steps), reference.batches(), strict=False):
        if step:
            rows += _step_rows(evidence, reference, step, batch, f", step {step + 1}")
    return rows


def growth(evidence: Evidence) -> dict[str, list[float]]:
    """For each side: how far float32 on its own is from float64 after each step, in weights."""
    return {side: arrays["growth"][:, 1].tolist() for side, arrays in evidence.items() if "growth" in arrays}


def _step_rows(evidence: Evidence, reference: Reference, step: int, batch: tuple, ending: str) -> list[Row]:
    here, limit = f"{step:04d}", bound("float64 ten steps")
    weights, moments = (parts(evidence, f"float64/{kind}/{here}") for kind in ("weights", "moments"))
    scale = StepScale(reference, evidence, step, batch)
    loss = {side: arrays.get(f"float64/terms/{here}") for side, arrays in evidence.items()}
    rows = [arrays_row(f"loss and its terms{ending}", loss, limit)]
    rows[0].error32 = _measured(evidence, f"precision/loss/{here}")
    rows[0].bound32 = scale.budgets.terms["loss"].bound
    for name in names_of(scale.owners, *weights.values()):
        for kind, title in MOMENTS.items():
            key = f"{scale.owners[name].name}/{kind}/{name}" if name in scale.owners else name
            who = {side: arrays.get(key) for side, arrays in moments.items()}
            rows.append(arrays_row(f"{name}, {title}{ending}", who, limit, scale=scale.moment(kind, name)))
        moved = {side: _moved(arrays.get(name), reference.weights.get(name)) for side, arrays in weights.items()}
        judged = None if name in scale.still else limit
        row = arrays_row(name + ending, moved, judged, scale=scale.stored(name))
        row.error32 = _measured(evidence, f"precision/update/{here}/{name}")
        row.bound32 = scale.update_bound(name)
        rows.append(row)
    settings = parts(evidence, f"float64/settings/{here}")
    for name in names_of(*settings.values()):
        who = {side: arrays.get(name) for side, arrays in settings.items()}
        rows.append(arrays_row(f"{SETTINGS} {name}{ending}", who, bound("optimiser settings")))
    return rows


def _measured(evidence: Evidence, key: str) -> dict[str, float]:
    return {side: float(arrays[key]) for side, arrays in evidence.items() if key in arrays}


def _moved(after: np.ndarray | None, before: np.ndarray | None) -> np.ndarray | None:
    """What training did to an array: weights of order 1 would hide a wrong step of 1e-4."""
    if after is None or before is None or np.shape(after) != np.shape(before):
        return after
    return after - before


def statistics(evidence: Evidence, reference: Reference) -> list[Row]:
    """Running means and variances after one step and after all; then every activation in evaluation mode."""
    first, last, final = (parts(evidence, name) for name in ("first", "last", "final"))
    scale = StepScale(reference, evidence, 0, reference.first)
    wanted = witness.running_statistics(reference.recipe, reference.weights, *reference.first)
    rows = []
    for when, found, limit in (("after one step", first, "float64 forward"), ("after all", last, "float64 ten steps")):
        for name in names_of(reference.recipe.model.buffers(), *found.values()):
            who = {side: arrays.get(name) for side, arrays in found.items()}
            if when == "after one step" and name in wanted:
                who = {WITNESS: wanted[name], **who}
            floor = scale.statistic(name, next(iter(found.values())), list(final.values()))
            rows.append(arrays_row(f"{name}, {when}", who, bound(limit), scale=floor))
    return rows + _evaluation(evidence, reference)


def _evaluation(evidence: Evidence, reference: Reference) -> list[Row]:
    """Both sides in evaluation mode with one state: that of the trained model, as float32 holds it."""
    image, label, noise, _ = reference.first
    state = next(iter(parts(evidence, "weights").values()))
    exact, single = parts(evidence, "float64/evaluation"), parts(evidence, "float32/evaluation")
    seen = witness.forward(reference.recipe, state, image, label, noise, None, training=False)
    bounds = budgets.forward_bounds(reference.recipe, state, image, label, noise, None, training=False)
    rows = activation_rows(exact, single, seen, bounds)
    for row in rows:
        row.name += ", in evaluation"
    return rows


def resume(evidence: Evidence, reference: Reference) -> list[Row]:
    """Going on from the own checkpoint, and from the other's, is going on without a break."""
    rows, limit = [], bound("float64 ten steps")
    scale = StepScale(reference, evidence, 0, reference.first)
    for side, arrays in evidence.items():
        unbroken = part_of(arrays, "unbroken")
        for source, title in (("own", "its own"), ("other", "the other's")):
            continued = part_of(arrays, source)
            for name in names_of(unbroken, continued):
                kind, _, parameter = name.partition("/")
                floor = _floor(scale, kind, parameter, unbroken, continued)
                if kind == "weights" and parameter in scale.still:
                    continue
                who = {f"{side} without a break": unbroken.get(name), side: continued.get(name)}
                shown = parameter or "loss and its terms"
                rows.append(arrays_row(f"{shown}, {side} from {title} checkpoint", who, limit, scale=floor))
    return rows


def _floor(scale: StepScale, kind: str, name: str, unbroken: Arrays, continued: Arrays) -> float:
    if kind == "moments":
        return scale.moment(*name.split("/", 2)[1:])
    both = [part_of(arrays, "weights") for arrays in (unbroken, continued)]
    return scale.statistic(name, both[0], both) if kind == "weights" else 0.0


def part_of(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Arrays below a prefix of one side."""
    return parts({"": arrays}, prefix)[""]


def training(evidence: Evidence, reference: Reference) -> list[Row]:
    """Means per image of each epoch in float32, each side going its own way; the last epoch is judged."""
    short = len(reference.climb.dataset) < FULL
    limit = bound(f"epoch loss, {'short' if short else 'published'} schedule")
    sides = list(evidence)
    tables = [evidence[side]["epochs"] for side in sides]
    rows = []
    for epoch in range(len(tables[0])):
        for place, name in enumerate(("loss", "reconstruction", "kl")):
            apart = relative_error(tables[1][epoch, place], tables[0][epoch, place])
            judged = name == "loss" and epoch + 1 == len(tables[0])
            rows.append(
                Row(f"{name}, epoch {epoch}", error32=dict.fromkeys(sides, apart), bound32=limit if judged else None)
            )
    return rows
