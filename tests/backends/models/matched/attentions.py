"""One attention in many spellings: separate projections, packed ones, packed by head, and the libraries' own layers."""

from __future__ import annotations

import paddle
import torch
from paddle.nn import functional as pf

WIDTH, HEADS = 8, 2
DEPTH = WIDTH // HEADS


class PaddleSeparate(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.projections = paddle.nn.LayerList([paddle.nn.Linear(WIDTH, WIDTH) for _ in range(4)])

    def forward(self, x):
        made = [self.heads(layer(x)) for layer in list(self.projections)[:3]]
        weights = pf.softmax(paddle.matmul(made[0] * DEPTH**-0.5, made[1], transpose_y=True))
        mixed = paddle.matmul(weights, made[2]).transpose([0, 2, 1, 3]).reshape(x.shape)
        return x + self.projections[3](mixed)

    @staticmethod
    def heads(t):
        return t.reshape([t.shape[0], t.shape[1], HEADS, DEPTH]).transpose([0, 2, 1, 3])


class PaddlePacked(paddle.nn.Layer):
    def __init__(self, by_head: bool = False):
        super().__init__()
        self.by_head = by_head
        self.packed = paddle.nn.Linear(WIDTH, 3 * WIDTH)
        self.last = paddle.nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        made = self.packed(x)
        if self.by_head:
            parts = made.reshape([*x.shape[:2], HEADS, 3, DEPTH]).transpose([3, 0, 2, 1, 4]).unbind(0)
        else:
            parts = [PaddleSeparate.heads(part) for part in made.chunk(3, -1)]
        weights = pf.softmax(paddle.matmul(parts[0], parts[1], transpose_y=True) * DEPTH**-0.5)
        return x + self.last(paddle.matmul(weights, parts[2]).transpose([0, 2, 1, 3]).reshape(x.shape))


class PaddleLibrary(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.attention = paddle.nn.MultiHeadAttention(WIDTH, HEADS)

    def forward(self, x):
        return x + self.attention(x, x, x)


class TorchSeparate(torch.nn.Module):
    def __init__(self, wrong_scale: bool = False):
        super().__init__()
        self.query, self.key, self.value, self.dense = (torch.nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.scale = DEPTH ** (-0.25 if wrong_scale else -0.5)

    def forward(self, x):
        query, key, value = (
            layer(x).view(*x.shape[:2], HEADS, DEPTH).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        weights = (query @ key.transpose(-1, -2) * self.scale).softmax(-1)
        return x + self.dense((weights @ value).transpose(1, 2).reshape(x.shape))


class TorchPacked(torch.nn.Module):
    """`order`: of the parts, such as "kvq"."""

    def __init__(self, by_head: bool = False, order: str = "qkv"):
        super().__init__()
        self.by_head, self.order = by_head, order
        self.c_attn, self.c_proj = torch.nn.Linear(WIDTH, 3 * WIDTH), torch.nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        made = self.c_attn(x)
        if self.by_head:
            parts = made.view(*x.shape[:2], HEADS, 3, DEPTH).permute(3, 0, 2, 1, 4).unbind(0)
        else:
            parts = made.view(*x.shape[:2], 3, HEADS, DEPTH).permute(2, 0, 3, 1, 4).unbind(0)
        named = dict(zip(self.order, parts, strict=True))
        weights = (named["q"] @ named["k"].transpose(-1, -2) * DEPTH**-0.5).softmax(-1)
        return x + self.c_proj((weights @ named["v"]).transpose(1, 2).reshape(x.shape))


class TorchLibrary(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = torch.nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

    def forward(self, x):
        return x + self.attn(x, x, x, need_weights=False)[0]
