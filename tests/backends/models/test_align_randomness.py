"""Random numbers of live models: whatever draws them, both sides are given the same, or it is said."""

from __future__ import annotations

import random

import numpy as np
import paddle
import pytest
import torch
from drawing_pairs import compared
from paddle.nn import functional as pf
from torch.nn import functional as tf
from torch.utils.checkpoint import checkpoint

SPELLINGS = {
    "normal of a shape, and like a tensor": (
        lambda h: h + paddle.normal(shape=h.shape), lambda h: h + torch.randn_like(h)),
    "normal around a mean": (
        lambda h: h + paddle.normal(h.detach(), h.detach() ** 2),
        lambda h: h + torch.normal(h.detach(), h.detach() ** 2)),
    "normal, and in place behind the back of gradients": (
        lambda h: h * paddle.standard_normal(h.shape), lambda h: h * torch.zeros_like(h).data.normal_()),
    "uniform in a range, and in place": (
        lambda h: h + paddle.uniform(h.shape, h.dtype, -2.0, 3.0), lambda h: h + torch.empty_like(h).uniform_(-2, 3)),
    "whole parts of uniform, and of a chance in new memory": (
        lambda h: h / 0.8 * paddle.floor(0.8 + paddle.rand([4, 1], h.dtype)),
        lambda h: h / 0.8 * h.new_empty(4, 1).bernoulli_(0.8)),
    "chances as a tensor": (
        lambda h: h * paddle.bernoulli(pf.sigmoid(h).detach()),
        lambda h: h * torch.bernoulli(torch.sigmoid(h).detach())),
    "Gumbel by hand, and from exponential": (
        lambda h: h - paddle.log(-paddle.log(paddle.rand(h.shape, h.dtype))),
        lambda h: h - torch.empty_like(h).exponential_().log()),
    "whole numbers": (
        lambda h: h * paddle.randint(0, 9, h.shape).astype(h.dtype), lambda h: h * torch.randint(0, 9, h.shape)),
    "an order": (lambda h: paddle.gather(h, paddle.randperm(4)), lambda h: h[torch.randperm(4)]),
    "places by chances": (
        lambda h: paddle.gather(h[0], paddle.multinomial(h[0].detach() ** 2, 3)),
        lambda h: h[0][torch.multinomial(h[0].detach() ** 2, 3)]),
    "a distribution": (
        lambda h: paddle.distribution.Normal(h, h * h + 1).rsample(),
        lambda h: torch.distributions.Normal(h, h * h + 1).rsample()),
    "another kind of dropout": (lambda h: pf.alpha_dropout(h, 0.3), lambda h: tf.alpha_dropout(h, 0.3, True)),
}  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_different_spellings_draw_the_same(spelling):
    assert compared(*SPELLINGS[spelling]).ok


@pytest.mark.parametrize(
    ("spelling", "changed"),
    [("normal around a mean", lambda h: h + torch.normal(h.detach(), 1.01 * h.detach() ** 2)),
     ("whole parts of uniform, and of a chance in new memory", lambda h: h / 0.8 * h.new_empty(4, 1).bernoulli_(0.3)),
     ("a distribution", lambda h: torch.distributions.Normal(h, h * h + 1).sample())],
)  # fmt: skip
def test_what_is_made_of_them_is_compared_all_the_same(spelling, changed):
    assert not compared(SPELLINGS[spelling][0], changed).ok


def test_a_side_that_no_gradient_reaches_is_not_the_same():
    in_paddle, in_torch = SPELLINGS["a distribution"]
    found = compared(in_paddle, lambda h: in_torch(h).detach())
    assert not found.ok
    assert not compared(lambda h: in_paddle(h).detach(), in_torch).ok
    assert compared(lambda h: in_paddle(h).detach(), lambda h: in_torch(h).detach()).ok


def sequences(h):
    return h.reshape([2, 2, 8])


LAYERS = {
    "recurrent layers": (
        lambda h, layer: layer(sequences(h))[0], lambda h, layer: layer(sequences(h))[0],
        ([paddle.nn.GRU(8, 8, 3, "bidirect", dropout=0.4)],
         [torch.nn.GRU(8, 8, 3, dropout=0.4, batch_first=True, bidirectional=True)])),
    "attention": (
        lambda h, layer: layer(*[sequences(h)] * 3), lambda h, layer: layer(*[sequences(h)] * 3)[0],
        ([paddle.nn.MultiHeadAttention(8, 2, dropout=0.4)],
         [torch.nn.MultiheadAttention(8, 2, dropout=0.4, batch_first=True)])),
    "random slopes": (
        lambda h, layer: layer(h), lambda h, layer: layer(h),
        ([paddle.nn.RReLU(0.25, 0.5)], [torch.nn.RReLU(0.25, 0.5)])),
    "whole channels": (
        lambda h, layer: layer(h.reshape([4, 2, 2, 2])), lambda h, layer: layer(h.reshape(4, 2, 2, 2)),
        ([paddle.nn.FeatureAlphaDropout(0.4)], [torch.nn.FeatureAlphaDropout(0.4)])),
}  # fmt: skip


@pytest.mark.parametrize("kind", LAYERS)
def test_layers_drop_the_same_inside(kind):
    in_paddle, in_torch, layers = LAYERS[kind]
    found = compared(in_paddle, in_torch, layers)
    assert found.ok
    assert not any("left out" in note for note in found.notes)


@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_parts_that_are_run_again_for_their_gradients_draw_what_they_drew():
    recompute = paddle.distributed.fleet.utils.recompute
    found = compared(
        lambda h: recompute(lambda y: pf.dropout(paddle.tanh(y), 0.4), h),
        lambda h: checkpoint(lambda y: tf.dropout(torch.tanh(y), 0.4), h, use_reentrant=True),
    )
    assert found.ok


class Held:
    """A layer of each framework that keeps a generator of its own."""

    @staticmethod
    def scaled(h, layer):
        numbers = np.random.rand(8) * random.random() + np.random.default_rng().random() + layer.generator.random()
        made = torch.from_numpy if torch.is_tensor(h) else paddle.to_tensor
        return h * made(numbers).astype(h.dtype) if not torch.is_tensor(h) else h * made(numbers).to(h.dtype)


def test_numpy_and_python_draw_the_same_and_go_on_where_they_were():
    layers = paddle.nn.Identity(), torch.nn.Identity()
    for place, layer in enumerate(layers):
        layer.generator = np.random.default_rng(place)
    random.seed(5)
    np.random.seed(6)
    before = random.getstate(), np.random.get_state()[1].tolist(), layers[1].generator.bit_generator.state
    made = np.random.default_rng
    assert compared(Held.scaled, Held.scaled, ([layers[0]], [layers[1]])).ok
    after = random.getstate(), np.random.get_state()[1].tolist(), layers[1].generator.bit_generator.state
    assert before == after
    assert np.random.default_rng is made


def test_gradients_of_gumbel_softmax_are_each_frameworks_own():
    found = compared(lambda h: pf.gumbel_softmax(h, 0.5), lambda h: tf.gumbel_softmax(h, 0.5))
    assert not found.ok
    assert found.first_divergence is not None
    assert found.first_divergence[0].key == "gradients"
    assert compared(pf.gumbel_softmax, tf.gumbel_softmax).ok


def test_what_one_side_alone_draws_is_named():
    found = compared(paddle.tanh, lambda h: torch.tanh(h) + torch.poisson(torch.ones(3)).sum() * 0)
    assert any("torch alone draws 3 × counts (test_align_randomness.py:" in note for note in found.notes)
    found = compared(lambda h: h * (1 + 0 * np.random.rand()), lambda h: h * (1 + 0 * len("")))
    assert any("paddle alone draws from NumPy's random" in note for note in found.notes)


def test_masks_over_other_axes_are_named():
    found = compared(
        lambda h: pf.dropout(sequences(h).transpose([0, 2, 1]), 0.3).transpose([0, 2, 1]),
        lambda h: tf.dropout(sequences(h), 0.3),
    )
    assert not found.ok
    (note,) = (note for note in found.notes if "in another order" in note)
    assert note.startswith("uniform numbers are drawn over paddle's [2, 8, 2] (test_align_randomness.py:")
    assert "torch's [2, 2, 8]" in note


def test_a_mask_of_what_lies_below_a_chance_is_named():
    def below(h):
        return h * (paddle.rand(h.shape, h.dtype) < 0.7).astype(h.dtype)

    found = compared(below, lambda h: h * torch.bernoulli(torch.full_like(h, 0.7)))
    assert not found.ok
    assert any(
        note.startswith("paddle keeps where drawn numbers are below a chance (__lt__ at") for note in found.notes
    )
    found = compared(below, lambda h: h * (torch.rand_like(h) < 0.7))
    assert found.ok
    assert not any("below a chance" in note for note in found.notes)


def test_what_cannot_be_shared_is_named():
    def truncated(h):
        drawn = paddle._C_ops.truncated_gaussian_random(
            [4, 8], 0.0, 1.0, 0, -2.0, 2.0, paddle.float32, paddle.CPUPlace()
        )
        return h + drawn.astype(h.dtype)

    found = compared(truncated, lambda h: h + 1)
    assert any("paddle's truncated_gaussian_random (test_align_randomness.py:" in note for note in found.notes)


def test_memory_that_nobody_has_written_to_is_no_step():
    def written(h):
        there = torch.empty(4, 8, dtype=h.dtype)
        there[:, :3] = h[:, :3]
        there[:, 3:] = h[:, 3:]
        return there * 1

    found = compared(lambda h: h * 1, written)
    assert not any("empty" in name for name in (*found.unpaired[1], *found.moves[1]))
