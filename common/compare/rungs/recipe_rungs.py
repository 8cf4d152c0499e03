"""The rungs before training: what was built, what it is given, and one pass forward and backward.

Each function takes the evidence of both sides, side → arrays by name, and the reference, and gives the rows of its
rung in the order in which a first divergence is looked for.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...arrays import Arrays, part
from ...traces.exchange import backward_order, cut_first, parameter_owners
from ..rounding.derived import Reference
from ..row import WITNESS, Row, arrays_row
from ..tolerances import bound

Evidence = Mapping[str, Arrays]


def parts(evidence: Evidence, prefix: str) -> dict[str, Arrays]:
    """For each side, the arrays below a prefix."""
    return {side: part(prefix, arrays) for side, arrays in evidence.items()}


def names_of(*traces: Mapping[str, np.ndarray]) -> list[str]:
    """Every name of several traces, in the order of the first that has it."""
    return list(dict.fromkeys(name for trace in traces for name in trace))


def structure(evidence: Evidence, reference: Reference) -> list[Row]:
    """Names, shapes and number of parameters and buffers; and which optimiser steps which parameter."""
    exact, shapes = bound("structure"), parts(evidence, "shape")
    model = reference.recipe.model
    wanted = {name: np.array(shape, np.int64) for name, shape in (model.parameters() | model.buffers()).items()}
    rows = _identical(wanted, shapes, "structure")
    counts = {side: _count(arrays) for side, arrays in shapes.items()}
    rows.append(arrays_row("number of values", {WITNESS: _count(wanted), **counts}, exact))
    groups = parts(evidence, "stepped")
    expected = {
        f"{one.name}/{name}": np.ones(1)
        for one in reference.recipe.training.optimizers
        for name in reference.recipe.optimizer_parameters(one)
    }
    for name in names_of(expected, *groups.values()):
        optimizer, parameter = name.split("/", 1)
        who = {WITNESS: expected.get(name), **{side: arrays.get(name) for side, arrays in groups.items()}}
        rows.append(arrays_row(f"{parameter}, stepped by optimiser {optimizer}", who, exact))
    return rows


def _count(shapes: Arrays) -> np.ndarray:
    return np.array(sum(int(np.prod(shape)) for shape in shapes.values()))


def data(evidence: Evidence, reference: Reference) -> list[Row]:
    """The batches that each side trains on, bit for bit; and how many an epoch has."""
    plan = reference.plan
    wanted = {"steps in an epoch": np.array(plan.steps), "images in an epoch": np.array(len(plan.order))}
    for step in sorted({*range(min(reference.climb.steps, plan.steps)), plan.steps - 1}):
        image, label, noise, masks = reference.batch(plan, step)
        batch = {"image": image, "label": label, "noise": noise} | (masks or {})
        wanted |= {f"{name}, step {step}": array for name, array in batch.items() if array is not None}
    return _identical(wanted, evidence, "same data")


def initialisation(evidence: Evidence, reference: Reference) -> list[Row]:
    """The weights of fresh models, in float64 and in float32: the same bits as were drawn."""
    rows = _identical(reference.weights, parts(evidence, "float64"), "initial weights")
    single = _identical(reference.weights, parts(evidence, "float32"), "initial weights")
    for row, narrow in zip(rows, single, strict=False):
        row.error64 = max(row.error64, narrow.error64)
        row.remark = row.remark or narrow.remark
    return rows


def _identical(wanted: Arrays, found: Evidence, quantity: str) -> list[Row]:
    return [
        arrays_row(
            name, {WITNESS: wanted.get(name), **{s: arrays.get(name) for s, arrays in found.items()}}, bound(quantity)
        )
        for name in names_of(wanted, *found.values())
    ]


def forward(evidence: Evidence, reference: Reference) -> list[Row]:
    """Every intermediate activation of the first batch, in execution order."""
    return activation_rows(
        parts(evidence, "float64"), parts(evidence, "float32"), reference.activations, reference.forward_bounds
    )


def activation_rows(exact: Evidence, single: Evidence, witness: Arrays, bounds: Mapping[str, float]) -> list[Row]:
    """One row a name. What the witness does not name, such as z before its dropout, is compared between the sides."""
    rows, limit = [], bound("float64 forward")
    for name in names_of(*exact.values()):
        who = {side: arrays.get(name) for side, arrays in exact.items()}
        if name in witness:
            who = {WITNESS: witness[name], **who}
        narrow = {side: arrays.get(name) for side, arrays in single.items()}
        rows.append(arrays_row(name, who, limit, narrow, bounds.get(name)))
    return rows


def lowered(evidence: Evidence, reference: Reference, dtype: str) -> list[Row]:
    """Every activation of the first batch in `dtype` against the same side's float64, whose mathematics is not judged
    again. Only sides that have such an arithmetic are in the evidence."""
    exact, low, bounds = parts(evidence, "float64"), parts(evidence, "lowered"), reference.lowered_bounds(dtype)
    rows = []
    for name in names_of(*exact.values()):
        who = {side: arrays.get(name) for side, arrays in exact.items()}
        narrow = {side: arrays.get(name) for side, arrays in low.items()}
        rows.append(arrays_row(name, who, None, narrow, bounds.get(name), dtype=dtype))
        rows[-1].error64 = None
    return rows


def objective(evidence: Evidence, reference: Reference) -> list[Row]:
    """The loss, the sums of its terms, and the number that the write-up prints."""
    exact, single = parts(evidence, "float64"), parts(evidence, "float32")
    budgets = reference.gradients.terms
    rows = []
    for name in ("reconstruction", "kl", "loss", "printed"):  # the terms first: they say which of them is wrong
        who = {side: arrays.get(name) for side, arrays in exact.items()}
        if name in reference.objective:
            who = {WITNESS: np.array(reference.objective[name]), **who}
        narrow = {side: arrays.get(name) for side, arrays in single.items()}
        budget = budgets.get(name) or budgets.get("loss")
        rows.append(arrays_row(name, who, bound("float64 forward"), narrow, budget.bound, budget.scale))
    return rows


def gradients(evidence: Evidence, reference: Reference) -> list[Row]:
    """Gradients of every activation and parameter, in the order of the backward pass."""
    budgets, exact, single = reference.gradients, parts(evidence, "float64"), parts(evidence, "float32")
    flows = parts(exact, "flow")
    weights = parts(exact, "gradient")
    narrow_flows, narrow_weights = parts(single, "flow"), parts(single, "gradient")
    parameters = names_of(budgets.gradients, *weights.values())
    order = backward_order(names_of(*flows.values()), parameters, parameter_owners(reference.recipe.model))
    missing = {name for name in order if name not in parameters and any(name not in one for one in flows.values())}
    rows = []
    for name in cut_first(order, missing):
        if name in parameters:
            kinds = (weights, narrow_weights, budgets.gradients, budgets.parameters, "")
        else:
            kinds = (flows, narrow_flows, budgets.activation_gradients, budgets.activations, ", its gradient")
        rows.append(_gradient_row(name, *kinds))
    return rows + _difference_rows(weights, reference)


def _difference_rows(weights: Evidence, reference: Reference) -> list[Row]:
    """Some elements of each gradient against central differences of the witness's loss: nobody's back-propagation."""
    rows = []
    for name, places in reference.elements.items():
        sound = np.isfinite(reference.differences[name])
        who = {WITNESS: reference.differences[name][sound]}
        for side, arrays in weights.items():
            fits = name in arrays and arrays[name].size > max(places)
            who[side] = arrays[name].ravel()[places[sound]] if fits else None
        if sound.any():
            scale = reference.gradients.parameters[name].scale
            rows.append(arrays_row(f"{name}, by differences", who, bound("difference quotient"), scale=scale))
    return rows


def _gradient_row(name: str, exact, single, witness, budgets, ending: str) -> Row:
    who = {side: arrays.get(name) for side, arrays in exact.items()}
    if name in witness:
        reached = witness[name]
        shape = next((np.shape(array) for array in who.values() if array is not None), np.shape(reached))
        who = {WITNESS: np.reshape(reached, shape) if np.size(reached) == np.prod(shape) else reached, **who}
    narrow = {side: arrays.get(name) for side, arrays in single.items()}
    budget = budgets.get(name)
    return arrays_row(
        name + ending, who, bound("float64 gradient"), narrow,
        budget.bound if budget else None, budget.scale if budget else 0.0,
    )  # fmt: skip
