"""Pairs of models that draw: a linear layer in both, and after it a function of each framework that draws."""

from __future__ import annotations

from collections.abc import Callable

import paddle
import torch
from dualport.common.compare.models import Comparison

from dualport import align


class PaddleDraws(paddle.nn.Layer):
    def __init__(self, after: Callable, *parts) -> None:
        super().__init__()
        self.first, self.after = paddle.nn.Linear(8, 8), after
        self.parts = paddle.nn.LayerList(parts)

    def forward(self, x):
        return self.after(self.first(x), *self.parts)


class TorchDraws(torch.nn.Module):
    def __init__(self, after: Callable, *parts) -> None:
        super().__init__()
        self.first, self.after = torch.nn.Linear(8, 8), after
        self.parts = torch.nn.ModuleList(parts)

    def forward(self, x):
        return self.after(self.first(x), *self.parts)


def compared(in_paddle: Callable, in_torch: Callable, layers=((), ()), **options) -> Comparison:
    """What `align` finds in training, on four examples of eight numbers."""
    pair = PaddleDraws(in_paddle, *layers[0]), TorchDraws(in_torch, *layers[1])
    return align(*pair, "4,8", **{"modes": ("train",), **options})
