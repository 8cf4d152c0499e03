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


class PaddleScores(paddle.nn.Layer):
    """Nothing but the scores: with queries and keys exchanged they are the same, transposed."""

    def __init__(self):
        super().__init__()
        self.query, self.key = (paddle.nn.Linear(WIDTH, WIDTH) for _ in range(2))

    def forward(self, x):
        return paddle.matmul(self.query(x), self.key(x), transpose_y=True)


class TorchScores(torch.nn.Module):
    """Under names that do not tell, and by another operation; the first that runs is the second."""

    def __init__(self):
        super().__init__()
        self.right, self.left = (torch.nn.Linear(WIDTH, WIDTH) for _ in range(2))

    def forward(self, x):
        right = self.right(x)
        return torch.einsum("bkd,bqd->bqk", right, self.left(x))


def test_an_end_in_another_order_is_another_end():
    for other in (TorchScores, type("Turned", (TorchScores,), {"forward": turned})):
        found = align(PaddleScores(), other(), INPUT, modes=("eval",), dtypes=("float64",))
        assert found.ok, found.sentence
    assert dict(pair[:2] for pair in found.matching.pairs) == {"query": "right", "key": "left"}


def turned(self, x):
    left = self.left(x)
    return torch.einsum("bkd,bqd->bqk", left, self.right(x))


class PaddleEnds(paddle.nn.Layer):
    """The second end alone tells its layers apart."""

    def __init__(self):
        super().__init__()
        self.one, self.two = (paddle.nn.Linear(WIDTH, WIDTH) for _ in range(2))

    def forward(self, x):
        one, two = self.one(x), self.two(x)
        return one + two, one - 2 * two


class TorchEnds(torch.nn.Module):
    def __init__(self, first: str):
        super().__init__()
        self.a, self.b = (torch.nn.Linear(WIDTH, WIDTH) for _ in range(2))
        self.first = first

    def forward(self, x):
        made = self.a(x), self.b(x)
        both = torch.stack(made if self.first == "a" else made[::-1])
        return both.sum(0), torch.einsum("k,k...->...", torch.tensor([1.0, -2.0], dtype=x.dtype), both)


@pytest.mark.parametrize("first", ["a", "b"])
def test_every_end_has_a_say_in_which_layer_is_which(first):
    found = align(PaddleEnds(), TorchEnds(first), INPUT, modes=("eval",), dtypes=("float64",))
    assert found.ok, found.sentence
    assert {x: y for x, y, _ in found.matching.pairs}["one"] == first


class PaddleNamedBeside(PaddleNamed):
    def __init__(self):
        super().__init__()
        self.last = paddle.nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        return self.last(super().forward(x))


class TorchNamedBeside(TorchNamed):
    """Its last layer is written by hand, so that a run has to find it."""

    def __init__(self):
        super().__init__()
        self.kernel, self.offset = torch.nn.Parameter(torch.randn(WIDTH, WIDTH)), torch.nn.Parameter(torch.zeros(WIDTH))

    def forward(self, x):
        return super().forward(x) @ self.kernel + self.offset


def test_equal_full_names_are_not_overruled_beside_layers_that_a_run_finds():
    found = align(PaddleNamedBeside(), TorchNamedBeside(), INPUT, modes=("eval",), dtypes=("float64",))
    assert not found.ok
    pairs = {x: y for x, y, _ in found.matching.pairs}
    assert all(pairs[name] == name for name in ("query", "key", "value"))


class PaddleFew(paddle.nn.Layer):
    """Layers of which there is one of a kind each; the port is wrong before all of them."""

    def __init__(self):
        super().__init__()
        self.wide, self.narrow = paddle.nn.Linear(WIDTH, 2 * WIDTH), paddle.nn.Linear(2 * WIDTH, 3)

    def forward(self, x):
        return self.narrow(paddle.tanh(self.wide(x)))


class TorchFew(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Linear(WIDTH, 2 * WIDTH), torch.nn.Linear(2 * WIDTH, 3)

    def forward(self, x):
        return self.second(torch.relu(self.first(x * 1.5)))


def test_a_run_that_proves_nothing_leaves_what_wiring_tells():
    found = align(PaddleFew(), TorchFew(), INPUT, modes=("eval",), dtypes=("float64",))
    assert not found.ok
    assert {x: y for x, y, _ in found.matching.pairs} == {"wide": "first", "narrow": "second"}
