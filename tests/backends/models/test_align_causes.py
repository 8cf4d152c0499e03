"""Why two models part, as live pairs: each cause is tried and named with both sides' values, and no other is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import paddle
import pytest
import torch
from dualport.backends.models import align as align_module
from dualport.common.compare.explanation import divergence
from dualport.common.compare.explanation.call import Evidence, explain
from dualport.common.errors import Interrupted
from paddle.nn import functional as PF  # noqa: N812
from torch.nn import functional as TF  # noqa: N812

from dualport import align

SCORES = np.random.default_rng(3).standard_normal((8, 6)).astype(np.float32)
LABELS = np.array([0, 1, 2, 3, 4, 5, 1, 2])
CLASSES = np.arange(1.0, 7.0)
TOKENS = np.array([[0, 1, 2, 0], [3, 4, 5, 9]])


def made(base: type, layers: dict[str, Callable], forward: Callable):
    """A model of a framework's own with these layers."""

    class Net(base):
        def __init__(self) -> None:
            super().__init__()
            for name, make in layers.items():
                setattr(self, name, make())

        def forward(self, *inputs):
            return forward(self, *inputs)

    return Net()


@dataclass(frozen=True)
class Cause:
    """A pair that differs by one thing: both forward passes, what the explanation says, the inputs, other layers."""

    paddle: Callable
    torch: Callable
    says: str
    inputs: object = "16,6"
    layers: tuple[dict, dict] = field(default_factory=lambda: LINEAR)
    never: str = "no such text"

    def compare(self, steps: int = 0, optimizer: object = "adam"):
        one = made(paddle.nn.Layer, self.layers[0], self.paddle)
        other = made(torch.nn.Module, self.layers[1], self.torch)
        return align(one, other, self.inputs, dtypes=["float64"], steps=steps, optimizer=optimizer)


def both(**layers: Callable) -> tuple[dict, dict]:
    """The same layers of both frameworks, each given the framework's `nn`."""
    first, second = ({name: partial(make, nn) for name, make in layers.items()} for nn in (paddle.nn, torch.nn))
    return first, second


LINEAR = both(a=lambda nn: nn.Linear(6, 6))
IMAGES = np.random.default_rng(4).standard_normal((2, 3, 8, 8)).astype(np.float32)
GRID = np.random.default_rng(5).uniform(-1, 1, (2, 4, 4, 2)).astype(np.float32)
IMAGE = "2,3,10,10"
CONV = ({"c": lambda: paddle.nn.Conv2D(3, 4, 3)}, {"c": lambda: torch.nn.Conv2d(3, 4, 3)})
DATA = [SCORES, LABELS]


def dropout(p: float, other: float, **settings) -> tuple[dict, dict]:
    first, second = both(a=lambda nn: nn.Linear(6, 6))
    return (
        first | {"d": lambda: paddle.nn.Dropout(p, **settings)},
        second | {"d": lambda: torch.nn.Dropout(other)},
    )


def dropped(s, x):
    return s.d(s.a(x))


def with_classes(s, x, y):
    return PF.cross_entropy(s.a(x), y, weight=paddle.to_tensor(CLASSES.astype(x.numpy().dtype)))


CAUSES = {
    "dropout p": Cause(dropped, dropped, "p is 0.5 in paddle and 0.25 in torch", layers=dropout(0.5, 0.25)),
    "scaled later": Cause(
        dropped,
        dropped,
        "mode is downscale_in_infer in paddle and upscale_in_train in torch",
        layers=dropout(0.5, 0.5, mode="downscale_in_infer"),
    ),
    "align_corners": Cause(
        lambda s, x: PF.interpolate(s.c(x), scale_factor=2, mode="bilinear", align_corners=True),
        lambda s, x: TF.interpolate(s.c(x), scale_factor=2, mode="bilinear"),
        "align_corners is True in paddle and not given in torch",
        IMAGE,
        CONV,
    ),
    "ceil_mode": Cause(
        lambda s, x: PF.max_pool2d(s.c(x), 3, 2, ceil_mode=True).mean([2, 3]),
        lambda s, x: TF.max_pool2d(s.c(x), 3, 2).mean((2, 3)),
        "ceil_mode is True in paddle and not given in torch",
        IMAGE,
        CONV,
    ),
    "exclusive": Cause(
        lambda s, x: PF.avg_pool2d(s.c(x), 3, 2, padding=1),
        lambda s, x: TF.avg_pool2d(s.c(x), 3, 2, padding=1),
        "count_include_pad is False in paddle",
        IMAGE,
        CONV,
    ),
    "axis of a softmax": Cause(
        lambda s, x: PF.softmax(s.a(x), -1),
        lambda s, x: TF.softmax(s.a(x), 0),
        "axis is -1 in paddle and 0 in torch",
    ),
    "axis of a mean": Cause(
        lambda s, x: s.a(x).mean(0), lambda s, x: s.a(x).mean(1), "axis is 0 in paddle and 1 in torch", "6,6"
    ),
    "index": Cause(
        lambda s, x: s.a(x)[:, 2], lambda s, x: s.a(x)[:, 3], "paddle takes index 2 and torch index 3, off by one"
    ),
    "slice": Cause(
        lambda s, x: s.a(x)[:, 1:5], lambda s, x: s.a(x)[:, :4], "paddle takes 1 to 5 and torch 0 to 4, off by one"
    ),
    "label": Cause(
        lambda s, x, y: PF.cross_entropy(s.a(x), y),
        lambda s, x, y: TF.cross_entropy(s.a(x), (y + 1) % 6),
        "off by 1: torch's is paddle's plus 1, modulo 6",
        DATA,
    ),
    "ignore_index": Cause(
        lambda s, x, y: PF.cross_entropy(s.a(x), y, ignore_index=1),
        lambda s, x, y: TF.cross_entropy(s.a(x), y),
        "ignore_index is 1 in paddle and -100 in torch",
        DATA,
        never="weight is given",
    ),
    "weights of classes": Cause(
        with_classes,
        lambda s, x, y: TF.cross_entropy(s.a(x), y),
        "weight is given in paddle and not in torch",
        DATA,
        never="ignore_index is",
    ),
    "reduction": Cause(
        lambda s, x, y: PF.cross_entropy(s.a(x), y, reduction="sum"),
        lambda s, x, y: TF.cross_entropy(s.a(x), y),
        "reduction is sum in paddle and mean in torch",
        DATA,
    ),
    "padding_idx": Cause(
        lambda s, i: s.e(i),
        lambda s, i: s.e(i),
        "paddle's gradient is zero in row 0, as of a padding_idx",
        [TOKENS],
        ({"e": lambda: paddle.nn.Embedding(10, 4, padding_idx=0)}, {"e": lambda: torch.nn.Embedding(10, 4)}),
    ),
    "batch_first": Cause(
        lambda s, x: s.r(x)[0],
        lambda s, x: s.r(x)[0],
        "batch_first is True in paddle and False in torch",
        "4,4,6",
        both(r=lambda nn: nn.GRU(6, 5)),
    ),
    "corners of a grid": Cause(
        lambda s, x, grid: PF.grid_sample(s.c(x), grid),
        lambda s, x, grid: TF.grid_sample(s.c(x), grid, align_corners=False),
        "align_corners is True in paddle and False in torch",
        [IMAGES, GRID],
        CONV,
    ),
    "gelu": Cause(
        lambda s, x: PF.gelu(s.a(x)),
        lambda s, x: TF.gelu(s.a(x), approximate="tanh"),
        "approximate is none in paddle and tanh in torch",
    ),
}


@pytest.mark.parametrize("name", CAUSES)
def test_a_cause_is_named_with_both_values(name: str) -> None:
    cause = CAUSES[name]
    found = cause.compare()
    removing = [each.text for each in found.explanations if each.removed]
    assert not found.ok
    assert any(cause.says in text for text in removing), removing
    assert not any(cause.never in text for text in removing)


UNTRUE = {
    "dropout p, and another factor": Cause(
        dropped, lambda s, x: 3.7 * torch.sin(s.d(s.a(x))), "p is", layers=dropout(0.5, 0.5)
    ),
    "labels of another kind": Cause(
        lambda s, x, y: PF.cross_entropy(s.a(x), y),
        lambda s, x, y: TF.cross_entropy(torch.sin(s.a(x)), (y * 5) % 6),
        "off by",
        DATA,
    ),
    "rows that differ": Cause(
        lambda s, i: s.e(i), lambda s, i: s.e(i) * torch.arange(1.0, 5.0).to(s.e.weight.dtype), "padding_idx", [TOKENS],
        both(e=lambda nn: nn.Embedding(10, 4)),
    ),
    "no cast": Cause(lambda s, x: PF.tanh(s.a(x)), lambda s, x: torch.tanh(s.a(x) * 1.001), "float16"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNTRUE)
def test_a_cause_that_is_none_is_not_named(name: str) -> None:
    found = UNTRUE[name].compare()
    assert not found.ok
    assert not [each.text for each in found.explanations if each.removed and UNTRUE[name].says in each.text]


def test_an_explanation_that_fails_is_left_out_and_said(monkeypatch) -> None:
    def broken(evidence):
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(divergence, "explain", broken)
    found = CAUSES["gelu"].compare()
    assert found.sentence.startswith("different systems: first at gelu")
    assert not found.explanations
    note = next(note for note in found.notes if "explanation" in note)
    assert "gelu" in note
    assert "(ZeroDivisionError: nobody thought of this)" in note


def test_a_search_that_fails_is_left_out_and_said_but_a_signal_ends_it(monkeypatch) -> None:
    def broken(*given, tell):
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(align_module, "_search", broken)
    found = CAUSES["gelu"].compare()
    assert not found.ok
    assert any("of where it parts was left out: it failed (ZeroDivisionError" in note for note in found.notes)
    with pytest.raises(Interrupted), divergence.guarded(found, "names"):
        raise Interrupted("stopped", 130)


def test_a_cast_inside_a_call_is_named() -> None:
    x, weight = (torch.from_numpy(SCORES).double() + 0.1, torch.ones(4, 6).double().cumsum(1) / 7)
    one, other = (TF.linear(given, weight).numpy() for given in (x, x.bfloat16().double()))
    given, held = [x.numpy()], {"weight": weight.numpy()}
    evidence = Evidence(
        ("paddle", "torch"), ("linear", "linear"), (given, given), (one, other), ({}, {}), (held, held), True
    )
    found = explain(evidence)
    assert [each.text for each in found if each.removed] == [
        "torch's linear is paddle's linear with its input in bfloat16: so applied in paddle, the outputs agree"
    ]


def clipping(bound: float):
    class Clipped(torch.optim.Adam):
        def step(self, closure=None):
            torch.nn.utils.clip_grad_norm_([p for group in self.param_groups for p in group["params"]], bound)
            return super().step(closure)

    return lambda parameters: Clipped(parameters, 1e-2)


def paddle_adam(clip=None):
    return lambda parameters: paddle.optimizer.Adam(1e-2, parameters=parameters, grad_clip=clip)


STEPS = {
    "1e-6": (
        paddle_adam(paddle.nn.ClipGradByGlobalNorm(0.1)),
        clipping(0.1),
        "clipped by 0.1: bound / (norm + 1e-06) times all gradients, as clip_grad_norm_",
    ),
    "by each norm": (
        paddle_adam(paddle.nn.ClipGradByNorm(0.1)),
        clipping(0.1),
        "in place of bound / max(norm, bound) times each gradient by its own norm",
    ),
    "one side alone": (
        paddle_adam(paddle.nn.ClipGradByGlobalNorm(0.1)),
        lambda parameters: torch.optim.Adam(parameters, 1e-2),
        "clip_global_norm is 0.1 in paddle and not given in torch",
    ),
    "the other alone": (paddle_adam(), clipping(0.1), "times its gradients, as if their norm of"),
    "epsilon of Adamax": (
        lambda parameters: paddle.optimizer.Adamax(1e-2, parameters=parameters),
        lambda parameters: torch.optim.Adamax(parameters, 1e-2),
        "epsilon (eps) is added to the new gradient in PyTorch and added to the old largest in Paddle",
    ),
}


@pytest.mark.parametrize("name", STEPS)
def test_what_is_done_to_gradients_before_a_step(name: str) -> None:
    first, second, says = STEPS[name]
    plain = Cause(lambda s, x: s.a(x), lambda s, x: s.a(x), says)
    found = plain.compare(steps=1, optimizer=(first, second))
    removing = [each.text for each in found.explanations if each.removed]
    assert any(says in text for text in removing), (found.sentence, removing)
    if name != "the other alone":
        assert not any("as if their norm" in text for text in removing)
