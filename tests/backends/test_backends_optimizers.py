"""Optimizers by name: both frameworks have the numbers that were asked for, rounded where Paddle rounds them."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
import torch
from dualport.backends import load_backend
from dualport.common.dictionary.index import OPTIMIZER_BY_KIND
from dualport.common.traces.optimizer import parse_optimizer

ASKED = (
    "sgd:lr=0.3,weight_decay=0.1",
    "momentum:lr=0.3,momentum=0.7,nesterov=1,weight_decay=0.1",
    "adam:lr=0.3,beta1=0.7,beta2=0.8,eps=1e-3,weight_decay=0.1",
    "adamw:lr=0.3,beta1=0.7,beta2=0.8,eps=1e-3,weight_decay=0.1",
    "rmsprop:lr=0.3,alpha=0.7,eps=1e-3,momentum=0.6,centered=1,weight_decay=0.1",
)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("framework", ["torch", "paddle"])
@pytest.mark.parametrize("text", ASKED, ids=lambda text: text.partition(":")[0])
def test_numbers_are_those_asked_for(text: str, framework: str, dtype: str) -> None:
    wanted, optimizers = parse_optimizer(text), load_backend(framework).optimizers
    if framework == "torch":
        parameter = torch.nn.Parameter(torch.ones(3, dtype=getattr(torch, dtype)))
    else:
        parameter = paddle.create_parameter([3], dtype)
    numbers = optimizers.described(optimizers.make(wanted, [parameter]))
    rounded = OPTIMIZER_BY_KIND[wanted.kind].float32 if (framework, dtype) == ("torch", "float64") else ()
    for name, value in wanted.settings.items():
        assert numbers[name] == (float(np.float32(value)) if name in rounded else value), name


@pytest.mark.parametrize(
    ("kind", "name", "asked", "kept"),
    [("SGD", "weight_decay", 0.1, 0.1), ("Adadelta", "rho", 0.7, float(np.float32(0.7))),
     ("NAdam", "betas", (0.7, 0.8), (float(np.float32(0.7)), float(np.float32(0.8))))],
)  # fmt: skip
def test_numbers_of_the_users_optimizers(kind: str, name: str, asked: object, kept: object) -> None:
    """In float64 PyTorch gets what Paddle rounds as it is rounded; without momentum, its SGD rounds nothing."""
    parameter = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    made = load_backend("torch").optimizers.make(
        lambda given: getattr(torch.optim, kind)(given, **{name: asked}), [parameter]
    )
    assert made.param_groups[0][name] == kept
