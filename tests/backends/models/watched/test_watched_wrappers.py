"""Models that are compiled, spread over devices, scripted, exported or without values: looked into, or named."""

from __future__ import annotations

import warnings

import paddle
import pytest
import torch
from dualport.backends.models.model import UserModel
from dualport.common.errors import BadInput
from dualport.common.traces.inputs import as_inputs
from dualport.common.traces.plan import Plan

from dualport import align

QUICK = {"dtypes": ("float64",)}


class Two(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = torch.nn.Linear(3, 3), torch.nn.Linear(3, 2)

    def forward(self, x):
        return self.b(self.a(x))


class PaddleTwo(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = paddle.nn.Linear(3, 3), paddle.nn.Linear(3, 2)

    def forward(self, x):
        return self.b(self.a(x))


def compiled():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Two()
        model.a = torch.compile(model.a)
        return torch.compile(model)


def spread():
    model = Two()
    model.b = torch.nn.DataParallel(model.b)
    return torch.nn.DataParallel(model)


@pytest.mark.parametrize("wrapped", [compiled, spread])
def test_wrapped_models_run_and_are_named_as_they_were_written(wrapped):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        other = wrapped()
    keys = list(other.state_dict())
    verdict = align(PaddleTwo(), other, "4,3", **QUICK)
    assert verdict.ok, verdict.sentence
    assert list(other.state_dict()) == keys
    model = UserModel("torch", other, Plan(as_inputs("4,3")))
    assert sorted(model.stored) == ["a.bias", "a.weight", "b.bias", "b.weight"]


class PaddleStatic(PaddleTwo):
    forward = paddle.jit.to_static(PaddleTwo.forward, full_graph=True)


def of_a_part():
    model = PaddleTwo()
    model.b = paddle.jit.to_static(model.b, full_graph=True, input_spec=[paddle.static.InputSpec([None, 3], "float32")])
    return model


@pytest.mark.parametrize("made", [lambda: paddle.jit.to_static(PaddleTwo()), PaddleStatic, of_a_part])
def test_what_paddle_has_made_static_runs_as_it_was_written(made):
    verdict = align(made(), Two(), "4,3", **QUICK)
    assert verdict.ok, verdict.sentence
    assert {x for x, _, _ in verdict.matching.pairs} == {"a", "b"}


def test_what_paddle_has_exported_or_cannot_show_is_named(tmp_path):
    paddle.jit.save(paddle.jit.to_static(PaddleStatic()), str(tmp_path / "net"), [paddle.static.InputSpec([4, 3])])
    with pytest.raises(BadInput, match="it is an export that Paddle runs, whose inside nobody sees"):
        UserModel("paddle", paddle.jit.load(str(tmp_path / "net")), Plan(as_inputs("4,3")))
    model = PaddleTwo()
    paddle.enable_static()
    try:
        with pytest.raises(BadInput, match=r"call paddle\.disable_static\(\) first"):
            align(model, Two(), "4,3", **QUICK)
    finally:
        paddle.disable_static()


def test_what_nobody_can_watch_is_named():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = torch.nn.Sequential(torch.jit.script(torch.nn.Linear(3, 2)))
    with torch.device("meta"):
        without_values = Two()
    for model, says in (
        (scripted, "its layer 0 is scripted"),
        (without_values, "layer a is on the meta"),
    ):
        with pytest.raises(BadInput, match=says):
            UserModel("torch", model, Plan(as_inputs("4,3")))
