"""A model of each framework that does nothing but call a function."""

from __future__ import annotations

import paddle
import torch


class PaddleCalls(paddle.nn.Layer):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class TorchCalls(torch.nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)
