"""What many layers share is told once, with how many they are, and does not hide what else differs."""

from __future__ import annotations

import paddle
import torch

from dualport import align

LAYERS = 9


class PaddleNet(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.convs = paddle.nn.LayerList([paddle.nn.Conv2D(4, 4, 3, padding=1) for _ in range(LAYERS)])
        self.norms = paddle.nn.LayerList([paddle.nn.BatchNorm2D(4, epsilon=1e-3) for _ in range(LAYERS)])

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = norm(conv(x))
        return paddle.nn.functional.leaky_relu(x, 0.3)


class TorchNet(torch.nn.Module):
    def __init__(self, eps):
        super().__init__()
        self.convs = torch.nn.ModuleList([torch.nn.Conv2d(4, 4, 3, padding=1) for _ in range(LAYERS)])
        self.norms = torch.nn.ModuleList([torch.nn.BatchNorm2d(4, eps=eps(place)) for place in range(LAYERS)])

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = norm(conv(x))
        return torch.nn.functional.leaky_relu(x, 0.01)


def told_of(eps):
    found = align(PaddleNet(), TorchNet(eps), "2,4,6,6", dtypes=("float64",), modes=("eval",))
    assert not found.ok
    return [explanation.text.partition(": with")[0] for explanation in found.explanations if explanation.removed]


def test_a_setting_that_differs_in_every_norm_is_told_once_and_what_comes_after_is_told_too():
    assert told_of(lambda place: 1e-5) == [
        "9 batch norm layers: eps is 0.001 in paddle and 1e-05 in torch",
        "negative_slope is 0.3 in paddle and 0.01 in torch",
    ]


def test_norms_with_another_value_are_another_cause():
    assert told_of(lambda place: 1e-2 if place == 4 else 1e-5) == [
        "8 batch norm layers: eps is 0.001 in paddle and 1e-05 in torch",
        "eps is 0.001 in paddle and 0.01 in torch",
        "negative_slope is 0.3 in paddle and 0.01 in torch",
    ]
