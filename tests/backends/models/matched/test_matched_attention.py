"""Attention against attention, whatever holds its weights: what is packed is matched with what is separate."""

from __future__ import annotations

import paddle
import pytest
import torch
from attentions import (
    WIDTH,
    PaddleLibrary,
    PaddlePacked,
    PaddleSeparate,
    TorchLibrary,
    TorchPacked,
    TorchSeparate,
)

from dualport import align

INPUT = "2,5,8"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (PaddleSeparate, TorchPacked),
        (PaddleSeparate, lambda: TorchPacked(by_head=True, order="kvq")),
        (PaddlePacked, TorchSeparate),
        (lambda: PaddlePacked(by_head=True), TorchSeparate),
        (PaddleSeparate, TorchLibrary),
        (PaddleLibrary, TorchSeparate),
        (PaddlePacked, TorchLibrary),
    ],
    ids=["packed", "packed by head", "from packed", "from packed by head", "library", "from library", "both packed"],
)
def test_packed_and_separate_projections_are_carried_and_compared_part_by_part(one, other):
    paddle.seed(1)
    torch.manual_seed(1)
    found = align(one(), other(), INPUT, modes=("train",), steps=1)
    assert found.ok, found.sentence
    rows = [row for rung in found.verdict.rungs for row in rung.rows if row.about.what == "weight gradient"]
    assert len(rows) == 8  # a weight and a bias for each of four layers, also where three of them are one array
    assert all(row.error64 is not None for row in rows)


def test_what_was_matched_by_trial_is_said():
    found = align(PaddleSeparate(), TorchPacked(), INPUT, modes=("eval",), dtypes=("float64",))
    assert any("matched by trial" in note and "c_attn" in note for note in found.notes), found.notes


def test_a_port_that_is_wrong_is_wrong_under_every_matching():
    found = align(PaddleSeparate(), TorchSeparate(wrong_scale=True), INPUT, modes=("eval",), dtypes=("float64",))
    assert not found.ok
    assert found.matching.whole


class PaddleNamed(paddle.nn.Layer):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (paddle.nn.Linear(WIDTH, WIDTH) for _ in range(3))

    def forward(self, x):
        weights = paddle.nn.functional.softmax(paddle.matmul(self.query(x), self.key(x), transpose_y=True))
        return paddle.matmul(weights, self.value(x))


class TorchNamed(torch.nn.Module):
    """The same names, and another last layer to be matched by value; with its queries and keys exchanged."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (torch.nn.Linear(WIDTH, WIDTH) for _ in range(3))

    def forward(self, x):
        return (self.key(x) @ self.query(x).transpose(-1, -2)).softmax(-1) @ self.value(x)


def test_equal_full_names_are_never_overruled():
    found = align(PaddleNamed(), TorchNamed(), INPUT, modes=("eval",), dtypes=("float64",))
    assert not found.ok
    assert any("query as key" in each.text for each in found.explanations), found.explanations
