"""Users' own layers against the library's: classes below one of its, layers written by hand, a whole encoder."""

from __future__ import annotations

import paddle
import pytest
import torch
from attentions import DEPTH, HEADS, WIDTH
from paddle.nn import functional as pf
from torch.nn import functional as tf

from dualport import align


class PaddleStages(paddle.nn.Layer):
    """Convolutions of one shape behind one another: a norm that nobody recognises must not leave them untold."""

    def __init__(self, norm, activation):
        super().__init__()
        convolutions = (paddle.nn.Conv2D(4, 4, 3, padding=1) for _ in range(3))
        self.stages = paddle.nn.LayerList([paddle.nn.Sequential(conv, norm(4), activation()) for conv in convolutions])

    def forward(self, x):
        for stage in self.stages:
            x = stage(x)
        return x


class TorchStages(torch.nn.Module):
    """Declared from the last to the first; the activation is the norm's affair."""

    def __init__(self, norm):
        super().__init__()
        self.norm3, self.norm2, self.norm1 = norm(4), norm(4), norm(4)
        self.conv3, self.conv2, self.conv1 = (torch.nn.Conv2d(4, 4, 3, padding=1) for _ in range(3))

    def forward(self, x):
        x = self.norm1(self.conv1(x))
        x = self.norm2(self.conv2(x))
        return self.norm3(self.conv3(x))


class Activated(torch.nn.BatchNorm2d):
    def forward(self, x):
        x = tf.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps
        )
        return tf.silu(x)


class OverChannels(torch.nn.LayerNorm):
    def forward(self, x):
        x = tf.layer_norm(x.movedim(1, -1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.movedim(-1, 1)


class ByHand(paddle.nn.Layer):
    def __init__(self, channels):
        super().__init__()
        self.gain = self.create_parameter([channels, 1, 1], default_initializer=paddle.nn.initializer.Constant(1.0))
        self.shift = self.create_parameter([channels, 1, 1], is_bias=True)

    def forward(self, x):
        centred = x - x.mean(1, keepdim=True)
        return centred / (centred.square().mean(1, keepdim=True) + 1e-5).sqrt() * self.gain + self.shift


NORMS = {
    "with an activation inside": (paddle.nn.BatchNorm2D, paddle.nn.Silu, Activated),
    "written by hand": (ByHand, paddle.nn.Identity, OverChannels),
}


@pytest.mark.parametrize("name", NORMS)
def test_a_norm_of_the_users_own_class_is_carried_and_what_is_behind_it_told(name):
    norm, activation, own = NORMS[name]
    found = align(PaddleStages(norm, activation), TorchStages(own), "3,4,5,5", modes=("train",), steps=1)
    assert found.ok, found.sentence
    pairs = {x: y for x, y, _ in found.matching.pairs}
    assert [pairs[f"stages.{place}.0"] for place in range(3)] == ["conv1", "conv2", "conv3"]


class PaddleMixer(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.up, self.down = paddle.nn.Linear(WIDTH, 3 * WIDTH), paddle.nn.Linear(3 * WIDTH, WIDTH)
        self.mix = paddle.nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        return self.mix(x + self.down(pf.gelu(self.up(x))))


class InOut(torch.nn.Module):
    """A dense layer that keeps its weight as Paddle does."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.kernel = torch.nn.Parameter(torch.randn(inputs, outputs) / inputs**0.5)
        self.offset = torch.nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return torch.addmm(self.offset, x.flatten(0, -2), self.kernel).unflatten(0, x.shape[:-1])


class TorchMixer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.last, self.wide, self.narrow = InOut(WIDTH, WIDTH), InOut(WIDTH, 3 * WIDTH), InOut(3 * WIDTH, WIDTH)

    def forward(self, x):
        return self.last(x + self.narrow(tf.gelu(self.wide(x))))


@pytest.mark.parametrize("direction", ["paddle-to-torch", "torch-to-paddle"])
def test_dense_layers_that_lie_the_other_way_round_are_turned(direction):
    found = align(PaddleMixer(), TorchMixer(), "2,3,8", modes=("train",), direction=direction, dtypes=("float64",))
    assert found.ok, found.sentence


class TorchBlock(torch.nn.Module):
    """An encoder's layer in dense layers of its own."""

    def __init__(self, scale=DEPTH**-0.5):
        super().__init__()
        self.query, self.key, self.value, self.dense = (torch.nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.inner, self.outer = torch.nn.Linear(WIDTH, 2 * WIDTH), torch.nn.Linear(2 * WIDTH, WIDTH)
        self.before, self.after = torch.nn.LayerNorm(WIDTH), torch.nn.LayerNorm(WIDTH)
        self.scale = scale

    def forward(self, x):
        query, key, value = (
            layer(x).unflatten(-1, (HEADS, DEPTH)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        mixed = tf.scaled_dot_product_attention(query, key, value, scale=self.scale).transpose(1, 2).flatten(2)
        x = self.before(x + self.dense(mixed))
        return self.after(x + self.outer(tf.relu(self.inner(x))))


class TorchEncoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        made = torch.nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, 0.0, batch_first=True)
        self.layers = torch.nn.TransformerEncoder(made, 1, enable_nested_tensor=False)

    def forward(self, x):
        return self.layers(x)


class PaddleBlock(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.dense = (paddle.nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.inner, self.outer = paddle.nn.Linear(WIDTH, 2 * WIDTH), paddle.nn.Linear(2 * WIDTH, WIDTH)
        self.before, self.after = paddle.nn.LayerNorm(WIDTH), paddle.nn.LayerNorm(WIDTH)

    def forward(self, x):
        query, key, value = (
            layer(x).reshape([*x.shape[:2], HEADS, DEPTH]) for layer in (self.query, self.key, self.value)
        )
        mixed = pf.scaled_dot_product_attention(query, key, value).flatten(2)
        x = self.before(x + self.dense(mixed))
        return self.after(x + self.outer(pf.relu(self.inner(x))))


def paddle_encoder():
    return paddle.nn.TransformerEncoder(paddle.nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, 0.0), 1)


@pytest.mark.parametrize(
    ("one", "other"), [(paddle_encoder, TorchBlock), (PaddleBlock, TorchEncoder)], ids=["paddle's", "torch's"]
)
def test_an_encoder_of_the_library_is_an_encoder_of_dense_layers(one, other):
    found = align(one(), other(), "2,5,8", modes=("train",), steps=1)
    assert found.ok, found.sentence
    trained = [row for rung in found.verdict.rungs for row in rung.rows if row.about.what == "weight gradient"]
    assert len(trained) == 16
    if other is TorchBlock:
        assert not align(one(), TorchBlock(scale=0.4), "2,5,8", modes=("train",), dtypes=("float64",)).ok
