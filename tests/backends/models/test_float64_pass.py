"""A pass in float64 has nothing of float32 in it: with that the frameworks agree, and without it they do not."""

from __future__ import annotations

import contextlib

import numpy as np
import paddle
import paddle.nn.functional as pf
import pytest
import torch
import torch.nn.functional as tf
from calling_models import PaddleCalls, TorchCalls
from dualport.backends import load_backend
from dualport.common.tolerances import bound

from dualport import align

EXACT = {"dtypes": ("float64",), "modes": ("eval",)}  # in training batch norms differ by more
LABEL = np.random.default_rng(3).random((6, 5)).astype(np.float32)


# Pairs that are of one mathematics, whatever they call: Paddle's, PyTorch's, and the shape of what they are given.
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
    "power-average pool": (
        lambda: PaddleCalls(lambda x: pf.lp_pool2d(pf.softplus(x), 2.5, 3, 2, padding=0)),
        lambda: TorchCalls(lambda x: tf.lp_pool2d(tf.softplus(x), 2.5, 3, 2)), "2,3,7,9",
    ),
    "a power-average pool in other words": (
        lambda: PaddleCalls(lambda x: pf.lp_pool2d(x.abs() + 1, 3.0, 2, padding=1, ceil_mode=True)),
        lambda: TorchCalls(lambda x: sum(
            tf.pad(x.abs() + 1, (1, 2, 1, 1))[:, :, row::2, column::2][:, :, :3, :4] ** 3.0
            for row in (0, 1) for column in (0, 1)
        ) ** (1 / 3)), "2,3,4,5",
    ),
    "a hardsigmoid in other words": (
        lambda: PaddleCalls(lambda x: pf.hardsigmoid(x, 0.2, 0.3)),
        lambda: TorchCalls(lambda x: (x * 0.2 + 0.3).clamp(0, 1)), "6,5",
    ),
    "an ELU in other words": (
        lambda: PaddleCalls(lambda x: pf.elu(x, 0.3)),
        lambda: TorchCalls(lambda x: torch.where(x > 0, x, 0.3 * torch.expm1(x))), "6,5",
    ),
    "a power in other words": (
        lambda: PaddleCalls(lambda x: (x.abs() + 1) ** 0.7),
        lambda: TorchCalls(lambda x: torch.exp(0.7 * torch.log(x.abs() + 1))), "6,5",
    ),
    "an average in other words": (
        lambda: PaddleCalls(lambda x: pf.adaptive_avg_pool2d(x, 1)),
        lambda: TorchCalls(lambda x: x.mean((2, 3), keepdim=True)), "2,3,6,5",
    ),
}  # fmt: skip
WIDENED = {
    "a constant in float32": (
        lambda: PaddleCalls(lambda x: x - paddle.to_tensor(LABEL).mean()),
        lambda: TorchCalls(lambda x: x - torch.tensor(LABEL).mean()), "6,5",
    ),
    "a softmax in float32": (
        lambda: PaddleCalls(lambda x: pf.softmax(x.astype("float32")).astype(x.dtype)),
        lambda: TorchCalls(lambda x: tf.softmax(x.float(), -1).type_as(x)), "6,5",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair_agrees_to_rounding_where_all_is_float64_and_only_there(name, monkeypatch):
    def error():
        found = align(*(make() for make in PAIRS[name][:2]), PAIRS[name][2], **EXACT)
        return found.ok, max(rung.float64_error or 0 for rung in found.verdict.rungs)

    ok, apart = error()
    assert ok
    assert apart <= bound("float64 forward")
    for framework in ("torch", "paddle"):
        monkeypatch.setattr(load_backend(framework).float64, "throughout", contextlib.nullcontext)
    assert error()[1] > bound("float64 forward")


@pytest.mark.parametrize("name", WIDENED)
def test_tensors_of_float32_take_part_as_float64(name):
    found = align(*(make() for make in WIDENED[name][:2]), WIDENED[name][2], **EXACT)
    assert found.ok
    assert not any("float32" in note for note in found.notes)


def test_a_loss_is_computed_in_float64_too():
    def loss_of_paddle(out):
        return pf.smooth_l1_loss(out, paddle.to_tensor(LABEL), delta=0.3) - paddle.to_tensor(LABEL).mean()

    def loss_of_torch(out):
        return tf.huber_loss(out, torch.tensor(LABEL), delta=0.3) - torch.tensor(LABEL).mean()

    pair = paddle.nn.Linear(4, 5), torch.nn.Linear(4, 5)
    assert align(*pair, "6,4", loss=(loss_of_paddle, loss_of_torch), **EXACT).ok


def test_afterwards_both_frameworks_are_as_they_were():
    before = paddle._C_ops.elu, paddle.Tensor.__pow__
    for framework in ("torch", "paddle"):
        with load_backend(framework).float64.throughout(), contextlib.suppress(ZeroDivisionError):
            raise ZeroDivisionError
    assert (paddle._C_ops.elu, paddle.Tensor.__pow__) == before
    assert paddle.zeros([2], "float32").dtype == paddle.float32
    assert torch.zeros(2).float().dtype == torch.float32


def test_what_draws_random_numbers_draws_them_once():
    def drawn(throughout):
        paddle.seed(5)
        with throughout():
            return pf.dropout(paddle.ones([50], "float64"), 0.3).numpy(), paddle.rand([3], "float64").numpy()

    exact, plain = (drawn(within) for within in (load_backend("paddle").float64.throughout, contextlib.nullcontext))
    assert np.array_equal(exact[1], plain[1])
    np.testing.assert_allclose(exact[0], plain[0], rtol=1e-6)


def test_running_statistics_take_in_a_batch_once():
    def after(throughout):
        layer = paddle.nn.BatchNorm1D(3, momentum=0.7, epsilon=0.1)
        layer.to(dtype="float64")
        with throughout():
            layer(paddle.to_tensor(np.arange(12.0).reshape(4, 3) ** 2))
            layer.eval()
            layer(paddle.ones([4, 3], "float64"))
        return layer._mean.numpy()

    batch = (np.arange(12.0).reshape(4, 3) ** 2).mean(0)
    np.testing.assert_allclose(after(load_backend("paddle").float64.throughout), 0.3 * batch, rtol=1e-14)
    assert not np.allclose(after(contextlib.nullcontext), 0.3 * batch, rtol=1e-9)
