"""What Paddle keeps in float32 takes part in a float64 pass as it was told; and nobody's own layer is replaced."""

from __future__ import annotations

import paddle
import pytest
import torch
from calling_models import PaddleCalls, TorchCalls
from dualport.common.tolerances import bound
from paddle.nn import functional as pf
from torch.nn import functional as tf

from dualport import align

FUNCTIONS = {
    "elu": (lambda x: pf.elu(x, 0.3), lambda x: tf.elu(x, 0.3)),
    "celu": (lambda x: pf.celu(x, 0.3), lambda x: torch.celu(x, 0.3)),
    "hardtanh": (lambda x: pf.hardtanh(x, -0.3, 0.7), lambda x: tf.hardtanh(x, -0.3, 0.7)),
    "clamp by place": (lambda x: paddle.clip(x, -0.3, 0.7), lambda x: torch.clamp(x, -0.3, 0.7)),
    "clamp by name": (lambda x: x.clip(min=-0.3), lambda x: x.clamp(min=-0.3)),
    "selu": (pf.selu, tf.selu),
    "hardsigmoid": (pf.hardsigmoid, tf.hardsigmoid),
    "layer_norm": (lambda x: pf.layer_norm(x, 6, epsilon=7e-4), lambda x: tf.layer_norm(x, (6,), eps=7e-4)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_numbers_that_paddle_rounds_are_what_they_were_told(name):
    ours, theirs = FUNCTIONS[name]
    found = align(PaddleCalls(ours), TorchCalls(theirs), "4,6")
    assert found.ok, (found.sentence, found.explanations)
    forward = next(rung for rung in found.verdict.rungs if rung.name == "forward")
    assert forward.float64_error <= bound("float64 forward")


class SELU(torch.nn.Module):
    """Named as PyTorch's own, and wrong."""

    def forward(self, x):
        return tf.selu(x) * 2


class Halved(torch.nn.SELU):
    """PyTorch's own, with another forward."""

    def forward(self, x):
        return tf.selu(x) / 2


@pytest.mark.parametrize("layer", [SELU, Halved])
def test_a_layer_of_the_users_own_is_called_whatever_its_class_is_called(layer):
    found = align(PaddleCalls(paddle.nn.SELU()), TorchCalls(layer()), "4,6")
    assert not found.ok
