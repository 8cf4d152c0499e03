"""What cannot be carried is told in few words, and truly: one cause once, and no layer as another one's counterpart."""

from __future__ import annotations

import paddle
import pytest
import torch
from dualport.common.compare.matching.by_value.told_left import _in_one_order
from dualport.common.errors import BadInput

from dualport import align

BLOCKS = 5


class PaddleGate(paddle.nn.Layer):
    def __init__(self, inner):
        super().__init__()
        self.narrow, self.wide = paddle.nn.Conv2D(8, inner, 1), paddle.nn.Conv2D(inner, 8, 1)

    def forward(self, x):
        pooled = x.mean((2, 3), keepdim=True)
        return x * paddle.nn.functional.sigmoid(self.wide(paddle.nn.functional.relu(self.narrow(pooled))))


class TorchGate(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.reduce, self.expand = torch.nn.Conv2d(8, inner, 1), torch.nn.Conv2d(inner, 8, 1)

    def forward(self, x):
        pooled = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.expand(torch.relu(self.reduce(pooled))))


class PaddleNet(paddle.nn.Layer):
    """Gates behind convolutions, and one convolution with a norm that the other side has not."""

    def __init__(self, inner, extra=False):
        super().__init__()
        self.extra = paddle.nn.Conv2D(8, 8, 1, bias_attr=False) if extra else None
        self.norm = paddle.nn.BatchNorm2D(8) if extra else None
        self.convs = paddle.nn.LayerList([paddle.nn.Conv2D(8, 8, 3, padding=1) for _ in range(BLOCKS)])
        self.gates = paddle.nn.LayerList([PaddleGate(inner) for _ in range(BLOCKS)])

    def forward(self, x):
        for place, (conv, gate) in enumerate(zip(self.convs, self.gates, strict=True)):
            if place == 1 and self.extra is not None:
                x = self.norm(self.extra(x))
            x = gate(conv(x))
        return x


class TorchNet(torch.nn.Module):
    def __init__(self, inner, normed=False):
        super().__init__()
        self.blocks = torch.nn.ModuleList()
        for _ in range(BLOCKS):
            conv = torch.nn.Conv2d(8, 8, 3, padding=1, bias=True)
            self.blocks.append(torch.nn.ModuleDict({"conv": conv, "gate": TorchGate(inner)}))
            if normed:
                self.blocks[-1]["bn"] = torch.nn.BatchNorm2d(8)

    def forward(self, x):
        for block in self.blocks:
            x = block["conv"](x)
            x = block["gate"](block["bn"](x) if "bn" in block else x)
        return x


def refusal_of(ours, theirs):
    with pytest.raises(BadInput) as refused:
        align(ours, theirs, "2,8,6,6", dtypes=("float64",), modes=("eval",))
    return str(refused.value).partition("carried: ")[2].split("; ")


def test_layers_that_are_wider_on_one_side_are_told_once_and_an_extra_one_is_none_of_them():
    told = refusal_of(PaddleNet(2, extra=True), TorchNet(3))
    assert told == [
        "gates.0.narrow.weight is 2×8×1×1 in paddle, blocks.0.gate.reduce.weight is 3×8×1×1 in torch, "
        "and 4 more pairs like these",
        "gates.0.wide.weight is 8×2×1×1 in paddle, blocks.0.gate.expand.weight is 8×3×1×1 in torch, "
        "and 4 more pairs like these",
        "extra, norm in paddle have no counterpart",
    ]


def test_norms_that_one_side_lacks_are_counted():
    (told,) = refusal_of(PaddleNet(2), TorchNet(2, normed=True))
    assert told == "5 batch norm layers in torch have no counterpart: blocks.0.bn, blocks.1.bn, blocks.2.bn and 2 more"


def test_places_are_compared_by_what_comes_in_one_order_on_both_sides():
    assert _in_one_order([]) == ([], [])
    assert _in_one_order([(1, 4), (2, 5), (7, 0), (3, 8), (8, 0)]) == ([1, 2, 3], [4, 5, 8])
