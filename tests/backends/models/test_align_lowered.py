"""Models that compute in less than float32 by themselves: on one side it is named, on both they are held to it."""

from __future__ import annotations

import paddle
import pytest
import torch
from calling_models import PaddleParts, TorchParts
from dualport.common.traces.reading import Run, call_of, renumbered
from paddle.nn import functional as pf

from dualport import align

INPUT = "16,8"
QUICK = {"modes": ("train",)}


def in_paddle(m, x):
    return m.b(pf.tanh(m.a(x)))


def in_torch(m, x):
    return m.b(torch.tanh(m.a(x)))


def paddle_under_autocast(m, x):
    with paddle.amp.auto_cast(dtype="bfloat16"):
        return in_paddle(m, x)


def torch_under_autocast(m, x):
    with torch.autocast("cpu", torch.bfloat16):
        return in_torch(m, x)


def paddle_casting(m, x):
    return m.b(pf.tanh(m.a(x)).astype("float16").astype(x.dtype))


def torch_casting(m, x, factor=1.0):
    return m.b(factor * torch.tanh(m.a(x)).half().to(x.dtype))


def compared(ours, theirs, **options):
    paddle.seed(2)
    torch.manual_seed(2)
    layers = [{"a": nn.Linear(8, 16), "b": nn.Linear(16, 4)} for nn in (paddle.nn, torch.nn)]
    return align(PaddleParts(ours, **layers[0]), TorchParts(theirs, **layers[1]), INPUT, **{**QUICK, **options})


def first(found):
    assert found.first_divergence is not None
    rung, row = found.first_divergence
    return rung.name, row.name


def test_autocast_of_one_side_is_named_where_it_begins_and_no_layer_accused():
    found = compared(in_paddle, torch_under_autocast)
    assert not found.ok
    assert found.sentence.startswith("different precision: first at a (torch computes in bfloat16 under autocast,")
    assert "paddle does not" in found.sentence
    assert all(row.same for rung in found.verdict.rungs for row in rung.rows)
    assert "torch computes in bfloat16 at a, tanh at" in found.notes[0]
    assert not list(found.by_themselves())


def test_a_cast_of_one_side_is_named_where_nothing_is_paired_with_it():
    found = compared(in_paddle, torch_casting)
    assert first(found) == ("forward", "b")
    assert "torch computes in float16 at half at" in found.sentence
    assert "before it, paddle does not" in found.sentence
    assert not compared(paddle_casting, in_torch).ok


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        (paddle_under_autocast, torch_under_autocast, "; autocast has no effect on paddle here"),
        (paddle_casting, torch_casting, "both compute in float16 at astype at"),
    ],
)
def test_what_both_lower_is_held_to_its_own_rounding_and_said(ours, theirs, says):
    found = compared(ours, theirs, steps=1)
    assert found.ok, found.sentence
    assert any(says in note for note in found.notes), found.notes
    forward = next(rung for rung in found.verdict.rungs if rung.name == "forward")
    assert max(filter(None, map(forward.float32_error, found.names))) > 1e-5
    assert "not measured" not in found.sentence


def test_another_number_is_found_behind_what_both_lower():
    found = compared(paddle_casting, lambda m, x: torch_casting(m, x, 1 + 1e-6))
    assert not found.ok
    assert found.sentence.startswith("different systems")


def test_autocast_that_has_no_effect_here_is_told():
    found = compared(paddle_under_autocast, in_torch)
    assert found.ok
    assert "paddle asks for bfloat16 under autocast at a, tanh" in found.notes[0]
    assert compared(paddle_under_autocast, in_torch, dtypes=("float64",)).ok


def with_half_in_paddle(m, x):
    return m.b(m.a(x).astype("bfloat16")).astype(x.dtype)


def with_half_in_torch(m, x):
    return m.b(m.a(x).bfloat16()).to(x.dtype)


def halves(half):
    layers = [{"a": nn.Linear(8, 16), "b": nn.Linear(16, 4)} for nn in (paddle.nn, torch.nn)]
    layers[0]["b"].to(dtype="bfloat16")
    layers[1]["b"].to(half)
    return PaddleParts(with_half_in_paddle, **layers[0]), TorchParts(with_half_in_torch, **layers[1])


def test_a_layer_in_half_precision_that_a_device_cannot_run_is_compared_in_float64():
    ours, theirs = halves(torch.bfloat16)
    found = align(ours, theirs, INPUT, **QUICK)
    assert found.ok, found.sentence
    assert "differences were not measured" in found.sentence
    assert any("what paddle loses in float32 was not measured" in note for note in found.notes)
    assert ours.b.weight.dtype == paddle.bfloat16
    assert theirs.b.weight.dtype == torch.bfloat16


def test_values_of_two_precisions_are_told_apart_by_the_calls_that_made_them():
    def run(numbers):
        calls = [
            {"index": 0, "parent": -1, "path": "", "kind": "", "label": "", "module": False, "leaf": True, "turn": 0,
             "inputs": [("", 0)], "outputs": [("", made)]} for made in numbers
        ]  # fmt: skip
        made = Run({}, "", "float64", "train")
        made.every_call = made.calls = [call_of(call) for call in calls]
        made.sources = dict.fromkeys({0, *numbers}, "")
        return made

    assert renumbered(run([1, 1, 2]), run([1, 2, 3])) == {"0": "0", "1": "1", "2": "3"}
    assert renumbered(run([1, 2]), run([1, 2])) == {}
