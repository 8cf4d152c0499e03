"""Norms with an activation inside on one side, in a chain of concatenations: each is known when it is called."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
import torch
from dualport.common.compare.matching.by_value.activated import activated

from dualport import align

LAYERS, GROWTH = 6, 4


class PaddleChain(paddle.nn.Layer):
    """Each layer's output is laid behind what it was given; the norms are one layer with their activation."""

    def __init__(self, act: str):
        super().__init__()
        widths = [GROWTH * (n + 1) for n in range(LAYERS)]
        self.first = paddle.nn.Conv2D(3, GROWTH, 3, padding=1)
        self.before = paddle.nn.LayerList([paddle.nn.BatchNorm(width, act=act) for width in widths])
        self.squeeze = paddle.nn.LayerList([paddle.nn.Conv2D(width, 8, 1, bias_attr=False) for width in widths])
        self.between = paddle.nn.LayerList([paddle.nn.BatchNorm(8, act=act) for _ in widths])
        self.grow = paddle.nn.LayerList([paddle.nn.Conv2D(8, GROWTH, 3, padding=1, bias_attr=False) for _ in widths])

    def forward(self, x):
        x = self.first(x)
        for before, squeeze, between, grow in zip(self.before, self.squeeze, self.between, self.grow, strict=True):
            x = paddle.concat([x, grow(between(squeeze(before(x))))], 1)
        return x


class TorchStep(torch.nn.Module):
    def __init__(self, width: int, act: str):
        super().__init__()
        self.grown, self.squeezed = torch.nn.Conv2d(8, GROWTH, 3, padding=1, bias=False), torch.nn.BatchNorm2d(8)
        self.squeezing, self.given = torch.nn.Conv2d(width, 8, 1, bias=False), torch.nn.BatchNorm2d(width)
        self.act = getattr(torch.nn.functional, act)

    def forward(self, known):
        x = self.squeezing(self.act(self.given(torch.cat(known, 1))))
        return self.grown(self.act(self.squeezed(x)))


class TorchList(torch.nn.Module):
    """The same from a list of all that is known; the layers lie in the opposite order, under other names."""

    def __init__(self, act: str, wrong: int | None = None):
        super().__init__()
        self.steps = torch.nn.ModuleList([TorchStep(GROWTH * (n + 1), act) for n in reversed(range(LAYERS))])
        self.stem, self.wrong = torch.nn.Conv2d(3, GROWTH, 3, padding=1), wrong

    def forward(self, x):
        known = [self.stem(x)]
        for place, step in enumerate(reversed(list(self.steps))):
            known.append(step(known if place != self.wrong else known[::-1]))
        return torch.cat(known, 1)


@pytest.mark.parametrize("act", ["relu", "gelu"])
@pytest.mark.parametrize("direction", ["paddle-to-torch", "torch-to-paddle"])
def test_norms_with_an_activation_inside_are_known_by_what_follows_it(act, direction):
    found = align(PaddleChain(act), TorchList(act), "2,3,8,8", direction=direction, dtypes=("float64",))
    assert found.ok, found.sentence
    pairs = {(x, y, how) if direction.startswith("paddle") else (y, x, how) for x, y, how in found.matching.pairs}
    places = range(LAYERS)
    assert {(f"before.{n}", f"steps.{LAYERS - 1 - n}.given", "value") for n in places} <= pairs
    assert {(f"between.{n}", f"steps.{LAYERS - 1 - n}.squeezed", "value") for n in places} <= pairs


def test_a_chain_that_is_laid_in_another_order_is_not_proved():
    found = align(PaddleChain("relu"), TorchList("relu", wrong=3), "2,3,8,8", modes=("eval",), dtypes=("float64",))
    assert not found.ok


def test_an_activation_is_told_from_what_only_looks_alike():
    x = np.random.default_rng(1).standard_normal((2, 3, 4))
    relu = np.maximum(x, 0)
    assert activated(x, relu)
    assert activated(x, relu.transpose(0, 2, 1))
    assert activated(x, np.tanh(x))
    assert not activated(x, relu[::-1])  # the same numbers, in no order that axes have
    assert not activated(x, np.where(relu == relu[relu > 0].min(), 0, relu))
    assert not activated(-np.abs(x), np.zeros_like(x))
