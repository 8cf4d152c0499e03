"""What the inputs reach: drawn ones reach what matters, what they never touched is said, and what is known to differ is
told without running."""

from __future__ import annotations

import numpy as np
import paddle
import pytest
import torch
from dualport.common.errors import BadInput
from dualport.common.traces.inputs import parse_inputs

from dualport import align

WITHOUT_ZERO = np.array([[1, 2, 3], [4, 8, 3]])


class PaddleWords(paddle.nn.Layer):
    def __init__(self, padding=None):
        super().__init__()
        self.words, self.out = paddle.nn.Embedding(10, 8, padding_idx=padding), paddle.nn.Linear(8, 4)
        self.other = paddle.nn.Linear(8, 4)

    def forward(self, x):
        return self.out(self.words(x))


class TorchWords(torch.nn.Module):
    def __init__(self, padding=None):
        super().__init__()
        self.words, self.out = torch.nn.Embedding(10, 8, padding_idx=padding), torch.nn.Linear(8, 4)
        self.other = torch.nn.Linear(8, 4)

    def forward(self, x):
        return self.out(self.words(x))


def words(padding, held: float):
    pair = PaddleWords(padding), TorchWords(padding)
    with torch.no_grad():
        pair[1].words.weight[0] = held
    return pair


@pytest.mark.parametrize("held", [0.0, 0.5])
def test_a_row_for_padding_that_is_not_zero_is_told_without_being_reached(held):
    found = align(*words(0, held), WITHOUT_ZERO, direction="torch-to-paddle")
    assert found.ok == (held == 0)
    if held:
        assert "row 0 of its weight, padding_idx, is not zero" in found.sentence


def test_without_padding_the_same_row_is_like_any_other():
    assert align(*words(None, 0.5), WITHOUT_ZERO, direction="torch-to-paddle").ok


def test_rows_and_weights_that_nothing_reached_are_listed():
    found = align(*words(0, 0.0), WITHOUT_ZERO, direction="torch-to-paddle")
    assert "these inputs never reach row 0 of words, padding_idx; row 9 of words, the last" in found.notes
    assert "no gradient arrives at other.weight; other.bias: what they do was not exercised" in found.notes


def test_drawn_tokens_reach_them():
    found = align(*words(1, 0.5), "2,10:int64:0..9")
    assert not any("never reach" in note for note in found.notes)


def drawn(text: str, seed: int) -> np.ndarray:
    return parse_inputs([text])[0].draw(seed, 0)


@pytest.mark.parametrize("seed", range(20))
def test_drawn_inputs_hold_what_matters(seed):
    assert {0, 1, 2, 999} <= set(drawn("2,16:int64:0..999", seed).ravel().tolist())
    assert {0, 1} == set(drawn("2:bool", seed).tolist())
    assert {5, 6} == set(drawn("4:int64:5..6", seed).tolist())
    assert {-1.0, 1.0} == set(np.sign(drawn("2", seed)).tolist())
    assert 3 in drawn("2:int64:3..90", seed)


def test_most_of_what_is_drawn_stays_as_it_was():
    numbers = drawn("64:int64:0..99999", 1)
    assert (np.sort(numbers)[:3] == [0, 1, 2]).all()
    assert np.unique(numbers).size > 60
    assert drawn("():int64:3..9", 1).shape == ()
    assert drawn("0:int64:3..9", 1).size == 0


class PaddleHead(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = paddle.nn.Linear(4, 5), paddle.nn.Linear(5, 3)

    def forward(self, x):
        return self.head(paddle.tanh(self.body(x)))


class TorchHeads(torch.nn.Module):
    """With a second head, for training alone."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = torch.nn.Linear(4, 5), torch.nn.Linear(5, 3)
        self.second = torch.nn.Sequential(torch.nn.Linear(5, 2), torch.nn.BatchNorm1d(2))

    def forward(self, x):
        x = torch.tanh(self.body(x))
        return (self.head(x), self.second(x)) if self.training else self.head(x)


@pytest.mark.parametrize("direction", ["paddle-to-torch", "torch-to-paddle"])
def test_what_one_side_alone_has_and_never_runs_is_left_aside_and_said(direction) -> None:
    pair, options = (PaddleHead(), TorchHeads(), "3,4"), {"dtypes": ("float64",), "direction": direction}
    found = align(*pair, modes=("eval",), **options)
    assert found.ok, found.sentence
    assert [note for note in found.notes if "never ran" in note] == [
        "never ran, and only one side has it, so nothing was compared: second.0 of torch, second.1 of torch"
    ]
    with pytest.raises(BadInput, match=r"second\.0, second\.1 in torch have no counterpart"):
        align(*pair, modes=("train",), **options)
