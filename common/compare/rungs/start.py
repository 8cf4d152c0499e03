"""What both sides start from: inputs and weights of two models; structure, data and initial weights of a recipe."""

from __future__ import annotations

import math

import numpy as np

from ...errors import BadInput
from ...tolerances import bound
from ...traces.plan import EXACT
from ..facts import About, Renamed, Told
from ..judge import Bounds
from ..matching.layers import Matching
from ..rounding.derived import DerivedRounding
from ..row import Row, judged
from ..verdict import Rung
from .sides import Evidence, Sides, names_of, sides_of


def inputs_rung(sides: Sides) -> Rung:
    """What the models were given must be the same numbers, or nothing else means anything.

    Raises:
        BadInput: it is not.
    """
    given = [
        {source.removeprefix("input "): number for number, source in run.sources.items() if source.startswith("input ")}
        for run in sides.main
    ]
    rows = []
    for (name, x), y in zip(given[0].items(), given[1].values(), strict=False):
        a, b = (run.array("values", number) for run, number in zip(sides.main, (x, y), strict=True))
        if a is None or b is None or a.shape != b.shape or not np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
            raise BadInput(
                f"the traces were made with other inputs ({name} differs); give both the same --input and --seed"
            )
        rows.append(judged(About("input", name), 0.0, "same data"))
    if len(given[0]) != len(given[1]):
        raise BadInput(f"the traces have {len(given[0])} and {len(given[1])} inputs; give both the same --input")
    return Rung("inputs", rows)


def layers_rung(matching: Matching, names: tuple[str, str]) -> Rung:
    """A rung that fails where a layer with weights has no certain counterpart: what is not compared proves nothing."""
    rung = Rung("layers")
    if not matching.whole:
        rung.rows.append(judged(About("layers"), math.inf, "structure"))
        rung.rows[0].cause = Told(matching.complaint(names))
    return rung


def weights_rung(sides: Sides, matching: Matching) -> Rung:
    """The weights that both have at the start, bit for bit."""
    rows = []
    for x, y in matching.weights.items():
        arrays = [run.stored("start", name) for run, name in zip(sides.main, (x, y), strict=True)]
        if all(array is not None for array in arrays):
            given, exactly = dict(zip(sides.names, arrays, strict=True)), Bounds(bound("initial weights"))
            rows.append(sides.compared(About("weight", x, y), given, "initial weights", exactly))
            if x != y:
                rows[-1].cause = Renamed(y, sides.names[1])
    for y, carry in matching.carries.items():
        rows += sides.carried_rows(About("weight"), "start", carry, y, "initial weights")
    return Rung("weights", rows)


def structure(evidence: Evidence, judge: DerivedRounding) -> list[Row]:
    """Names, shapes and number of parameters and buffers; and which optimiser steps which parameter."""
    sides = sides_of(evidence, judge)
    shapes = [{name: np.array(run.shape("start", name), np.int64) for name in run.names("start")} for run in sides.main]
    counts = [{"": np.array(sum(int(np.prod(shape)) for shape in each.values()))} for each in shapes]
    stepped = [
        {f"{optimizer}/{name}": np.ones(1) for optimizer, names in run.note("stepped").items() for name in names}
        for run in sides.main
    ]
    rows = []
    for what, wanted, told in (
        ("shape", judge.shapes, shapes), ("number of values", judge.count, counts), ("stepped", judge.stepped, stepped),
    ):  # fmt: skip
        for key in names_of(wanted, *told):
            optimizer, _, name = key.rpartition("/")
            given = {side: each.get(key) for side, each in zip(sides.names, told, strict=True)}
            rows.append(sides.compared(About(what, name, part=optimizer), given, "structure"))
    return rows


def data(evidence: Evidence, judge: DerivedRounding) -> list[Row]:
    """The batches that each side trains on, bit for bit; and how many an epoch has."""
    return _every(sides_of(evidence, judge), "batch", "batches", "same data", judge.first_epoch)


def initialisation(evidence: Evidence, judge: DerivedRounding) -> list[Row]:
    """The weights of fresh models, in float64 and in float32: the same bits as were drawn."""
    exact, single = (
        _every(sides_of(evidence, judge, dtype), "weight", "start", "initial weights", judge.weights)
        for dtype in (EXACT, "float32")
    )
    for row, narrow in zip(exact, single, strict=False):
        errors = [error for error in (row.error64, narrow.error64) if error is not None]
        row.error64, row.cause = max(errors, default=None), row.cause or narrow.cause
    return exact


def _every(sides: Sides, what: str, section: str, quantity: str, wanted: dict[str, np.ndarray]) -> list[Row]:
    """A row for each array that should be there, or is."""
    names = names_of(wanted, *(run.names(section) for run in sides.main))
    return [sides.row(About(what, name), section, name, quantity) for name in names]
