"""Entries of optimizers. A formula makes the weights after each step, from the first weights and all gradients."""

from __future__ import annotations

import numpy as np

from ..entry import Entry, argument, entry
from ..proof import Proof

RATE, DECAY = argument("lr", 1e-3, paddle="learning_rate"), argument("weight_decay", 0, paddle_default=None)


def _sgd(weight: np.ndarray, gradients: np.ndarray, lr: float = 1e-3, weight_decay: float = 0.0) -> list[np.ndarray]:
    after = []
    for gradient in gradients:
        weight = weight - lr * (gradient + weight_decay * weight)
        after.append(weight)
    return after


ENTRIES: tuple[Entry, ...] = (
    entry("sgd", "optim.SGD", "optimizer.SGD", (RATE, DECAY), formula=_sgd,
          proof=(Proof(arguments={"lr": 0.1}), Proof(arguments={"lr": 0.1, "weight_decay": 0.01}))),
)  # fmt: skip
