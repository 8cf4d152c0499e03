"""Constants that Paddle keeps in float32: with them in float64 both frameworks agree, without them they do not."""

from __future__ import annotations

import paddle
import pytest
import torch
from dualport.backends import load_backend

from dualport import align

# Layers that hold such constants: Paddle's, PyTorch's, and the shape of what they are given.
PAIRS = {
    "batch norm": (lambda: paddle.nn.BatchNorm1D(5, epsilon=0.1), lambda: torch.nn.BatchNorm1d(5, eps=0.1), "6,5"),
    "layer norm": (lambda: paddle.nn.LayerNorm(5, epsilon=1e-3), lambda: torch.nn.LayerNorm(5, eps=1e-3), "6,5"),
    "instance norm": (
        lambda: paddle.nn.InstanceNorm1D(3, epsilon=0.1), lambda: torch.nn.InstanceNorm1d(3, eps=0.1, affine=True),
        "2,3,4",
    ),
    "hardsigmoid": (paddle.nn.Hardsigmoid, torch.nn.Hardsigmoid, "6,5"),
    "SELU": (paddle.nn.SELU, torch.nn.SELU, "6,5"),
    "average pool": (lambda: paddle.nn.AvgPool2D(3), lambda: torch.nn.AvgPool2d(3), "2,3,6,6"),
}  # fmt: skip
EXACT = {"dtypes": ("float64",), "modes": ("eval",)}  # in training batch norms differ by more


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_agrees_only_with_the_same_constants(name, monkeypatch):
    one, other, shape = PAIRS[name]
    assert align(one(), other(), shape, **EXACT).ok
    monkeypatch.setattr(load_backend("torch"), "rounds_constants", True)
    assert not align(one(), other(), shape, **EXACT).ok
