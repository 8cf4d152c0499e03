"""One small network in both frameworks, written as a port is, with the places where a port goes wrong as arguments."""

from __future__ import annotations

import paddle
import torch
from paddle.nn import functional as pf
from torch.nn import functional as tf

CORRECT = {"slope": 0.01, "eps": 1e-5, "momentum": 0.1, "crossed": False, "flipped": False, "halved": False}


class PaddleNet(paddle.nn.Layer):
    """Convolution, batch norm, leaky ReLU, pooling, and two heads of one shape."""

    def __init__(self):
        super().__init__()
        self.conv = paddle.nn.Conv2D(2, 4, 3, padding=1)
        self.norm = paddle.nn.BatchNorm2D(4)
        self.first = paddle.nn.Linear(4 * 3 * 3, 6)
        self.second = paddle.nn.Linear(4 * 3 * 3, 6)
        self.square = paddle.nn.Linear(6, 6)

    def forward(self, x):
        h = pf.leaky_relu(self.norm(self.conv(x)))
        h = paddle.flatten(pf.avg_pool2d(h, 2, 2), 1)
        return self.square(paddle.tanh(self.first(h)) * 2 + self.second(h))


class TorchNet(torch.nn.Module):
    """The same, with what may be wrong with it."""

    def __init__(self, **wrong):
        super().__init__()
        self.how = how = {**CORRECT, **wrong}
        # Declared in another order than in Paddle: names tell which is which.
        self.square = torch.nn.Linear(6, 6)
        self.second = torch.nn.Linear(4 * 3 * 3, 6)
        self.first = torch.nn.Linear(4 * 3 * 3, 6)
        self.norm = torch.nn.BatchNorm2d(4, eps=how["eps"], momentum=how["momentum"])
        self.conv = torch.nn.Conv2d(2, 4, 3, padding=1, padding_mode=how.get("padding", "zeros"))

    def forward(self, x):
        how = self.how
        h = tf.leaky_relu(self.norm(self.conv(x)), how["slope"])
        h = self.flattened(tf.avg_pool2d(h, 2, 2))
        if how["halved"]:
            h = h / 2 + (h / 2).detach()
        one, two = (self.second, self.first) if how["crossed"] else (self.first, self.second)
        h = torch.tanh(one(h)) * 2 + two(h)
        weight = self.square.weight.t() if how.get("transposed") else self.square.weight
        out = tf.linear(h, weight, self.square.bias) if how.get("transposed") else self.square(h)
        return out.flip(-1) if how["flipped"] else out

    def flattened(self, h):
        return h.transpose(2, 3).flatten(1) if self.how.get("swapped") else h.flatten(1)


class RenamedNet(torch.nn.Module):
    """The correct port under names of its own."""

    def __init__(self):
        super().__init__()
        self.out = torch.nn.Linear(6, 6)
        self.b = torch.nn.Linear(36, 6)
        self.a = torch.nn.Linear(36, 6)
        self.stem = torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3, padding=1), torch.nn.BatchNorm2d(4))

    def forward(self, x):
        h = torch.nn.functional.avg_pool2d(tf.leaky_relu(self.stem(x)), 2, 2).flatten(1)
        return self.out(torch.tanh(self.a(h)) * 2 + self.b(h))


def pair(**wrong) -> tuple[PaddleNet, TorchNet]:
    """A fresh pair, the PyTorch side with the faults that are named."""
    paddle.seed(3)
    torch.manual_seed(4)
    return PaddleNet(), TorchNet(**wrong)
