"""Right pairs that are written otherwise: another way to join, to save memory, to hold a weight, to end early."""

from __future__ import annotations

import functools

import paddle
import pytest
import torch
from calling_models import PaddleParts, TorchParts
from paddle.nn import functional as pf
from torch.nn import functional as tf
from torch.nn.utils import rnn
from torch.utils.checkpoint import checkpoint

from dualport import align


def joined_one_by_one(m, x):
    return functools.reduce(lambda y, layer: paddle.concat([y, layer(y)], -1), (m.a, m.b, m.c), x)


def joined_from_a_list(m, x):
    """Each layer is given all before it."""
    made = [x]
    for layer in (m.a, m.b, m.c):
        made.append(layer(torch.cat(made, -1)))
    return torch.cat(made, -1)


def divergence_in_paddle(m, x):
    given = paddle.distribution.Normal(m.a(x), pf.softplus(m.b(x)))
    return paddle.distribution.kl_divergence(
        given, paddle.distribution.Normal(paddle.full_like(x, 0.3), paddle.full_like(x, 1.7))
    )


def divergence_in_torch(m, x, scale=1.7):
    given = torch.distributions.Normal(m.a(x), tf.softplus(m.b(x)))
    return torch.distributions.kl_divergence(
        given, torch.distributions.Normal(torch.full_like(x, 0.3), torch.full_like(x, scale))
    )


LENGTHS = [6, 4, 1]


def with_lengths(m, x):
    states, last = m.a(x, sequence_length=paddle.to_tensor(LENGTHS))
    return m.b(states), last


def packed(m, x, lengths=LENGTHS):
    states, last = m.a(rnn.pack_padded_sequence(x, torch.tensor(lengths), batch_first=True))
    return m.b(rnn.pad_packed_sequence(states, batch_first=True)[0]), last


def run_again_in_paddle(m, x):
    inner = paddle.nn.Sequential(m.b, paddle.nn.Tanh())
    return m.c(paddle.distributed.fleet.utils.recompute(inner, m.a(x)))


def run_again_in_torch(m, x):
    return m.c(checkpoint(lambda h: torch.tanh(m.b(h)), m.a(x), use_reentrant=False))


def sizes(*each):
    return [dict(zip("abc", (nn.Linear(*size) for size in each), strict=False)) for nn in (paddle.nn, torch.nn)]


def recurrent():
    ours, theirs = sizes((8, 8), (6, 3))
    return ours | {"a": paddle.nn.GRU(8, 6)}, theirs | {"a": torch.nn.GRU(8, 6, batch_first=True)}


PAIRS = {  # input, layers, what Paddle computes, what PyTorch does, and what it does wrong
    "joined one by one, and from a list": (
        "4,8", lambda: sizes((8, 8), (16, 8), (24, 8)), joined_one_by_one, joined_from_a_list,
        lambda m, x: joined_from_a_list(m, x).roll(1, -1),
    ),
    "divergence of two distributions": (
        "4,8", lambda: sizes((8, 8), (8, 8)), divergence_in_paddle, divergence_in_torch,
        lambda m, x: divergence_in_torch(m, x, 1.6),
    ),
    "lengths, and packed": ("3,6,8", recurrent, with_lengths, packed, lambda m, x: packed(m, x, [6, 5, 1])),
    "run again for gradients": (
        "4,8", lambda: sizes(*[(8, 8)] * 3), run_again_in_paddle, run_again_in_torch,
        lambda m, x: m.c(torch.tanh(m.b(m.a(x).detach()))),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PAIRS)
def test_a_right_pair_in_other_words_is_one_system_and_a_wrong_one_is_not(name):
    given, layers, ours, *theirs = PAIRS[name]
    paddle.seed(3)
    torch.manual_seed(3)
    for right, other in zip((True, False), theirs, strict=True):
        made = layers()
        pair = PaddleParts(ours, **made[0]), TorchParts(other, **made[1])
        found = align(*pair, given, modes=("train",), dtypes=("float64",), steps=int(right))
        assert found.ok == right, found.sentence


NORMED = {
    "weight": (paddle.nn.utils.weight_norm, torch.nn.utils.parametrizations.weight_norm),
    "spectral": (paddle.nn.utils.spectral_norm, torch.nn.utils.parametrizations.spectral_norm),
}


@pytest.mark.parametrize("norm", NORMED)
def test_a_layer_that_makes_its_weight_trains_alike_whatever_it_is_made_of(norm):
    """PyTorch's newer form, which has other names for the parts than Paddle."""
    in_paddle, in_torch = NORMED[norm]
    ours = paddle.nn.Sequential(in_paddle(paddle.nn.Conv1D(4, 4, 3)), paddle.nn.Conv1D(4, 4, 1))
    theirs = torch.nn.Sequential(in_torch(torch.nn.Conv1d(4, 4, 3)), torch.nn.Conv1d(4, 4, 1))
    found = align(ours, theirs, "2,4,9", modes=("eval",), dtypes=("float64",), steps=1)
    assert found.ok, found.sentence
    assert {x for x, _, _ in found.matching.pairs} == {"0", "1"}


@pytest.mark.parametrize("name", ["LSTM", "GRU", "SimpleRNN"])
def test_a_recurrent_layer_is_differentiated_in_evaluation_too(name):
    """Where Paddle's own kernel keeps nothing to go back with."""
    made = getattr(paddle.nn, name)(4, 5, 2, dropout=0.5), getattr(torch.nn, name.replace("Simple", ""))
    pair = PaddleParts(lambda m, x: m.a(x)[0], a=made[0]), made[1](4, 5, 2, dropout=0.5, batch_first=True)
    found = align(pair[0], TorchParts(lambda m, x: m.a(x)[0], a=pair[1]), "2,3,4", modes=("eval",), dtypes=("float64",))
    assert found.ok, found.sentence
    assert [rung.name for rung in found.verdict.rungs if rung.name == "gradients" and rung.rows]
