"""Rows: their texts are made from data, and what the sides have is held to whatever judge is handed over."""

from __future__ import annotations

import math
from string import Formatter
from typing import get_args

import numpy as np
import pytest
from dualport.common.compare import facts, wording
from dualport.common.compare.facts import About, Comes, Place
from dualport.common.compare.judge import WITNESS, Bounds
from dualport.common.compare.row import Row, judged
from dualport.common.compare.rungs.sides import sides_of
from dualport.common.compare.verdict import FAIL, PASS, SKIPPED, Rung, Verdict
from dualport.common.tolerances import bound
from dualport.common.traces.memory import MemoryGroup
from dualport.common.traces.reading import Call, trace_of
from dualport.common.traces.writing import Stored
from dualport.scripts.terminal.rung_table import RungTable

LIMIT, SINGLE = bound("float64 forward"), bound("float32 forward")
CAUSES = {
    facts.Missing(("paddle",)): "paddle has none",
    facts.OtherCounts((2, 1)): "2 and 1",
    facts.PartsBackward(()): "parts in the backward pass of the loss",
    facts.PartsBackward(("fc", "norm")): "parts in the backward pass of fc, norm",
    facts.DiffersFromWitness(("paddle",)): "paddle differs from the NumPy witness",
    facts.DiffersFromWitness(()): "the frameworks differ from each other",
    facts.EachByItsRule(9): "each by its framework's rule: Paddle's biased, PyTorch's unbiased variance of 9 values",
    facts.Renamed("b.weight", "torch"): "b.weight in torch",
    facts.Told("no layer has it"): "no layer has it",
    facts.Rewritten(): "an equivalent rewriting: what follows agrees",
    facts.OneSided("paddle"): "only paddle has it",
    facts.OtherGiven("order"): "its inputs come in another order (a.py:1 against b.py:2)",
    Comes("itself"): "same input, different output (a.py:1 against b.py:2)",
    Comes("later"): "inherited from later layers",
}


class Knowing:
    """A judge that knows the values of what is called `known`."""

    def __init__(self, bounds: Bounds) -> None:
        self.limits = bounds

    def witness(self, about: About) -> dict:
        return {WITNESS: np.ones(3)} if about.name == "known" else {}

    def bounds(self, row: Row, between, dtype: str) -> Bounds:
        return self.limits


def row_of(name: str, torch, paddle, limits: Bounds | None = None, single: float | None = 0.0) -> Row:
    """The row of an array that both have, paddle's float32 off by `single`; it has none where that is None."""
    traces = {}
    for side, array in {"torch": torch, "paddle": paddle}.items():
        root = MemoryGroup()
        Stored(root).note("head", {})
        for dtype, error in {"float64": 0.0, "float32": single if side == "paddle" else 0.0}.items():
            run = Stored(root.require_group(f"runs/{dtype}/train"))
            if array is not None and error is not None:
                run.put("values", name, array + error if error else array)
        traces[side] = trace_of(root, side)
    sides = sides_of(traces, Knowing(limits or Bounds(LIMIT, SINGLE)), lower="float32")
    return sides.row(About("activation", name), "values", name, "float64 forward")


def test_every_kind_of_row_has_a_name_made_of_what_it_is_about():
    for what, template in wording.NAMES.items():
        about = About(what, "layer", "other", "part", 3, "side")
        used = {field for _, field, _, _ in Formatter().parse(template) if field}
        told = vars(about) | {"output": "part", "number": "3", "step": "step 3"}
        assert all(told[field] in wording.name(about) for field in used), what
    assert wording.name(About("call", "fc")) == "fc"
    assert wording.name(About("call", "lstm", part="hidden")) == "lstm [hidden]"
    assert wording.name(About("output")) == "output"
    assert wording.name(About("weight after a step", "fc.weight")) == "fc.weight"


def test_every_cause_has_its_words():
    place = Place(lines=("a.py:1", "b.py:2"))
    assert {cause: wording.remark(cause, place) for cause in CAUSES} == CAUSES
    shapes = facts.OtherShapes({"paddle": (2, 3), "torch": (3, 2)})
    assert wording.remark(shapes, place) == "paddle [2, 3], torch [3, 2]"
    kinks = facts.CrossesKinks({"paddle": 2, "torch": 1})
    assert wording.remark(kinks, place) == "float32 crosses kinks of activations (2 in paddle and 1 in torch)"
    other = facts.OtherOperations({"paddle": "ReLU", "torch": "gelu"})
    assert wording.remark(other, Place()) == "ReLU in paddle, gelu in torch"
    assert wording.remark(None, place) == ""
    begins = facts.BeginsNaN({"paddle": "log at a.py:1", "torch": "log at b.py:2"})
    assert wording.remark(begins, place) == "NaN begins at log at a.py:1 in paddle, log at b.py:2 in torch"
    labels = {"paddle": ("gelu",), "torch": ()}
    steps = facts.OtherSteps(labels), facts.OtherPlace(labels), facts.Rearranged(labels)
    assert [wording.remark(cause, Place()) for cause in steps] == [
        "gelu in paddle; nothing in torch",
        "at another place: gelu in paddle; nothing in torch",
        "the same values in another order: gelu in paddle; nothing in torch",
    ]
    low = facts.OtherPrecision({"paddle": "", "torch": "float16"}, autocast=False, before="half at b.py:1")
    assert wording.remark(low, Place()) == "torch computes in float16 at half at b.py:1 before it, paddle does not"
    tested = {type(cause) for cause in (*CAUSES, *steps, shapes, kinks, other, begins, low)}
    assert tested == set(get_args(facts.Cause))


def test_the_witness_decides_who_is_wrong():
    ones = np.ones(3)
    row = row_of("known", ones, ones)
    assert (row.same, row.error64, row.cause) == (True, 0.0, None)
    row = row_of("known", ones, 2 * ones)
    assert (row.same, row.error64) == (False, 1.0)
    assert row.cause == facts.DiffersFromWitness(("paddle",))
    row = row_of("known", (1 + 0.9 * LIMIT) * ones, (1 - 0.9 * LIMIT) * ones)
    assert not row.same
    assert row.cause == facts.DiffersFromWitness(())
    assert row_of("unknown", 2 * ones, 2 * ones).same


def test_what_is_missing_misshapen_or_not_a_number_agrees_with_nothing():
    ones = np.ones(3)
    assert row_of("known", ones, None).cause == facts.Missing(("paddle",))
    assert row_of("known", ones, np.ones(4)).cause == facts.OtherShapes({WITNESS: (3,), "torch": (3,), "paddle": (4,)})
    row = row_of("unknown", ones, np.array([1, np.nan, 1]))
    assert math.isnan(row.error64)
    assert not row.same
    row = row_of("unknown", ones, ones, single=None)
    assert (row.same, row.precise, row.error32) == (True, False, {"torch": 0.0, "paddle": math.inf})
    whole = row_of("unknown", np.array([1, 2, 3, 4]), np.array([1, 2, 3, 5]))
    assert (whole.error64, whole.bound64, whole.same, whole.error32) == (0.25, 0.0, False, {})


@pytest.mark.parametrize(
    ("limits", "told", "precise"),
    [
        (Bounds(LIMIT, SINGLE), True, False),
        (Bounds(LIMIT, 1.0), True, True),
        (Bounds(LIMIT, None), True, True),
        (Bounds(LIMIT, 1.0, cancels=True), False, True),
        (Bounds(LIMIT, SINGLE, cancels=True), True, False),
        (Bounds(LIMIT, SINGLE, few=True), True, True),
        (Bounds(LIMIT, SINGLE, below_rounding=True), False, True),
    ],
)
def test_a_judge_says_what_of_float32_is_told_and_what_is_judged(limits, told, precise):
    row = row_of("unknown", np.ones(3), np.ones(3), limits, single=0.5)
    assert (row.same, row.precise) == (True, precise)
    assert row.error32 == ({"torch": 0.0, "paddle": 0.5} if told else {})


def test_rungs_are_named_and_told_by_their_data():
    row = judged(About("call", "fc"), LIMIT / 2, "float64 forward")
    below = Row(About("call", "tiny"), 0.5, 1.0, quantity="float64 forward", below_rounding=True)
    rung = Rung("forward", [row, below], "eval")
    assert (rung.name, rung.status, rung.float64_error, rung.bound) == ("forward, eval", PASS, LIMIT / 2, LIMIT)
    assert Rung("step", step=3).name == "step 3"
    lacking = Rung("forward", dtype="float16", lacking={"torch": "not here", "paddle": "not here"})
    assert (lacking.name, lacking.status, lacking.reason) == (
        "forward, float16", SKIPPED, "torch and paddle: not here",
    )  # fmt: skip
    rung.rows.append(judged(About("call", "far"), 3.0, "float64 forward"))
    assert (rung.status, rung.first.name, rung.float64_error) == (FAIL, "far", 3.0)
    assert Verdict("a", ("x", "y"), [rung]).sentence == (
        "different systems: first at far (forward, eval: float64 error 3e0)"
    )
    assert Verdict("a", ("x", "y"), [rung], "float32").sentence.endswith("float32 error 3e0)")


def test_a_weight_lies_in_the_calls_of_its_layer_alone():
    def call(path: str, module: bool = True) -> Call:
        return Call(0, -1, path, "linear", "Linear", module, True, 0, (), ())

    assert call("net.fc").holds("net.fc.weight")
    assert call("").holds("weight")
    assert not call("net.f").holds("net.fc.weight")
    assert not call("").holds("fc.weight")
    assert not call("net.fc", module=False).holds("net.fc.weight")


def test_the_table_shows_brackets_as_they_are(capsys):
    row = judged(About("call", "lstm", part="hidden"), 1.0, "float64 forward")
    RungTable(("paddle", "torch"), timed=False).show(Rung("forward", [row]))
    assert "first at lstm [hidden]" in capsys.readouterr().out
