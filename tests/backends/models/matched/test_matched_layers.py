"""Layers that names and wiring do not tell: experts, bare weights, grouped convolutions, tied weights, maps."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
import torch
from dualport.common.errors import BadInput

from dualport import align

WIDTH, EXPERTS = 6, 7
EXACT = {"modes": ("eval",), "dtypes": ("float64",)}


class PaddleExperts(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.gate = paddle.nn.Linear(WIDTH, EXPERTS)
        self.experts = paddle.nn.LayerList([paddle.nn.Linear(WIDTH, WIDTH) for _ in range(EXPERTS)])

    def forward(self, x):
        share = paddle.nn.functional.softmax(self.gate(x))
        return sum(share[:, n : n + 1] * paddle.tanh(expert(x)) for n, expert in enumerate(self.experts))


class TorchExperts(torch.nn.Module):
    """The experts lie in another order, and are run in a third one."""

    def __init__(self):
        super().__init__()
        self.router = torch.nn.Linear(WIDTH, EXPERTS)
        self.parts = torch.nn.ModuleList([torch.nn.Linear(WIDTH, WIDTH) for _ in range(EXPERTS)])

    def forward(self, x):
        share, out = self.router(x).softmax(-1), torch.zeros_like(x)
        for n in (4, 0, 6, 1, 3, 5, 2):
            out = out + share[:, n : n + 1] * torch.tanh(self.parts[(3 * n + 2) % EXPERTS](x))
        return out


def test_experts_are_told_by_the_gate_that_weights_them():
    found = align(PaddleExperts(), TorchExperts(), "3,6", **EXACT)
    assert found.ok, found.sentence
    pairs = {x: y for x, y, _ in found.matching.pairs}
    assert all(pairs[f"experts.{n}"] == f"parts.{(3 * n + 2) % EXPERTS}" for n in range(EXPERTS))


class PaddleMatrices(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        normal = paddle.nn.initializer.Normal(0.0, 0.4)
        self.w = paddle.nn.ParameterList(
            [self.create_parameter([WIDTH, WIDTH], default_initializer=normal) for _ in range(3)]
        )

    def forward(self, x):
        for w in self.w:
            x = paddle.tanh(paddle.matmul(x, w))
        return x


class TorchMatrices(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.m = torch.nn.ParameterList([torch.nn.Parameter(torch.randn(WIDTH, WIDTH)) for _ in range(3)])

    def forward(self, x):
        for m in reversed(list(self.m)):
            x = torch.tanh(x @ m.t())
        return x


def test_bare_square_matrices_are_turned_and_ordered_by_trial():
    found = align(PaddleMatrices(), TorchMatrices(), "2,6", steps=1, modes=("train",))
    assert found.ok, found.sentence
    assert all(carry.turned for carry in found.matching.carries.values())


class PaddleTied(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.table, self.inner = paddle.nn.Embedding(9, WIDTH), paddle.nn.Linear(WIDTH, WIDTH)
        self.bias = self.create_parameter([9], is_bias=True)

    def forward(self, x):
        return paddle.matmul(self.inner(self.table(x)), self.table.weight, transpose_y=True) + self.bias


class TorchTied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.inner = torch.nn.Embedding(9, WIDTH), torch.nn.Linear(WIDTH, WIDTH)
        self.head = torch.nn.Linear(WIDTH, 9)
        self.head.weight = self.table.weight

    def forward(self, x):
        return self.head(self.inner(self.table(x)))


@pytest.mark.parametrize("direction", ["paddle-to-torch", "torch-to-paddle"])
def test_a_tied_head_is_loaded_under_all_its_names(direction):
    found = align(PaddleTied(), TorchTied(), "2,4:int64:0..8", direction=direction, modes=("train",), steps=1)
    assert found.ok, found.sentence


class PaddleGrouped(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.grouped, self.last = paddle.nn.Conv2D(4, 6, 3, groups=2), paddle.nn.Conv2D(6, 2, 1)

    def forward(self, x):
        return self.last(self.grouped(x))


class TorchHalves(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.second, self.first = torch.nn.Conv2d(2, 3, 3), torch.nn.Conv2d(2, 3, 3)
        self.mix = torch.nn.Conv2d(6, 2, 1)

    def forward(self, x):
        return self.mix(torch.cat([self.first(x[:, :2]), self.second(x[:, 2:])], 1))


def test_a_grouped_convolution_is_separate_ones():
    found = align(PaddleGrouped(), TorchHalves(), "2,4,5,5", **EXACT)
    assert found.ok, found.sentence


class PaddleDense(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.a, self.b = paddle.nn.Linear(WIDTH, WIDTH, bias_attr=False), paddle.nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        return self.b(paddle.tanh(self.a(x)))


class TorchDense(torch.nn.Module):
    """The first weight lies `[in, out]`, beside the layers of the model."""

    def __init__(self):
        super().__init__()
        self.kernel, self.b = torch.nn.Parameter(torch.randn(WIDTH, WIDTH)), torch.nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        return self.b(torch.tanh(x @ self.kernel))


@pytest.mark.parametrize("direction", ["paddle-to-torch", "torch-to-paddle"])
def test_a_map_of_two_weights_says_that_one_is_transposed(direction):
    wanted = {"a.weight": "kernel:transpose"}
    found = align(PaddleDense(), TorchDense(), "2,6", map=wanted, direction=direction, **EXACT)
    assert found.ok, found.sentence
    assert any("map" in how for _, _, how in found.matching.pairs)


def test_a_map_that_is_wrong_is_not_overruled():
    found = align(PaddleDense(), TorchDense(), "2,6", map={"a.weight": "kernel"}, **EXACT)
    assert not found.ok


def test_a_map_of_what_does_not_fit_is_refused():
    with pytest.raises(BadInput, match=r"--map a\.weight=b\.bias"):
        align(PaddleDense(), TorchDense(), "2,6", map={"a.weight": "b.bias"}, **EXACT)


def test_a_layer_without_weights_by_default_is_told_why():
    one = paddle.nn.Sequential(paddle.nn.Conv2D(2, 3, 1), paddle.nn.InstanceNorm2D(3))
    other = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 1), torch.nn.InstanceNorm2d(3))
    with pytest.raises(BadInput, match="affine=False is PyTorch's default"):
        align(one, other, "2,2,4,4", **EXACT)


def test_fresh_norms_are_told_apart():
    """All ones and zeros: under any assignment they would seem right."""
    one = paddle.nn.Sequential(*(paddle.nn.LayerNorm(WIDTH) for _ in range(3)))
    found = align(one, _Norms(), "4,6", **EXACT)
    assert found.ok, found.sentence
    assert {x: y for x, y, _ in found.matching.pairs} == {"0": "third", "1": "second", "2": "first"}


class _Norms(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = (_Norm() for _ in range(3))

    def forward(self, x):
        return self.first(self.second(self.third(x)))


class PaddleBranches(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.one, self.two = paddle.nn.LayerNorm(WIDTH), paddle.nn.LayerNorm(WIDTH)

    def forward(self, x):
        return self.one(x) + 2 * self.two(x)


class TorchBranches(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = _Norm(), _Norm()

    def forward(self, x):
        return torch.lerp(self.first(x), self.second(x), 1 / 3) * 3


def test_fresh_norms_of_one_input_are_told_apart():
    """While they are fresh both make the same, and either order would do."""
    found = align(PaddleBranches(), TorchBranches(), "4,6", **EXACT)
    assert found.ok, found.sentence
    wanted = {"one": "second", "two": "first"}  # lerp takes two thirds of its first
    assert {x: y for x, y, _ in found.matching.pairs} == wanted


class _Norm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.gamma, self.beta = torch.nn.Parameter(torch.ones(WIDTH)), torch.nn.Parameter(torch.zeros(WIDTH))

    def forward(self, x):
        shifted = x - x.mean(-1, keepdim=True)
        return shifted / torch.sqrt((shifted**2).mean(-1, keepdim=True) + 1e-5) * self.gamma + self.beta


def test_the_model_is_as_it_was_after_the_trials():
    one, other = PaddleExperts(), TorchExperts()
    before = {name: tensor.detach().numpy().copy() for name, tensor in other.state_dict().items()}
    align(one, other, "3,6", **EXACT)
    assert all(np.array_equal(before[name], tensor.numpy()) for name, tensor in other.state_dict().items())
