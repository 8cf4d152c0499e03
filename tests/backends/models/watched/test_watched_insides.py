"""What a layer of the library does inside is recorded beside it: nothing between is of unknown origin."""

from __future__ import annotations

import paddle
import pytest
import torch
from dualport.backends.models.model import UserModel
from dualport.backends.torch import calls as torch_calls
from dualport.common.compare.matching.graph import nodes_of
from dualport.common.traces.inputs import as_inputs
from dualport.common.traces.plan import Plan
from dualport.common.traces.reading import call_of

from dualport import align


class Attending(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.part = torch.nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        return self.part(x, x, x)[0]


class PaddleAttending(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.part = paddle.nn.MultiHeadAttention(8, 2)

    def forward(self, x):
        return self.part(x)


def encoder(nn):
    more = {"batch_first": True} if nn is torch.nn else {}
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, **more), 1)


MODELS = {
    "attention": ("2,3,8", {"torch": Attending, "paddle": PaddleAttending}, "part"),
    "encoder": (
        "2,3,8",
        {"torch": lambda: encoder(torch.nn), "paddle": lambda: encoder(paddle.nn)},
        "layers.0.self_attn",
    ),
    "cell": ("2,8", {"torch": lambda: torch.nn.LSTMCell(8, 4), "paddle": lambda: paddle.nn.LSTMCell(8, 4)}, ""),
}


def recorded(framework: str, name: str):
    given, made, whole = MODELS[name]
    model = UserModel(framework, made[framework](), Plan(as_inputs(given)))
    model.prepare("float64", "eval")
    recording = model.recording()
    _, outputs = model.forward(recording, "float64")
    return model, recording, outputs, next(call for call in recording.calls if call["module"] and call["path"] == whole)


@pytest.mark.parametrize("framework", ["torch", "paddle"])
@pytest.mark.parametrize("name", MODELS)
def test_each_value_inside_has_a_maker(framework, name):
    _, recording, _, whole = recorded(framework, name)
    inside = [call for call in recording.calls if call["inside"] == whole["index"]]
    assert inside
    assert all(call["leaf"] or call["module"] for call in inside)
    assert whole["leaf"]
    assert "constant" not in recording.sources.values()
    made = {number for call in inside for _, number in call["outputs"]}
    assert {number for _, number in whole["outputs"]} <= made


@pytest.mark.parametrize("framework", ["torch", "paddle"])
def test_to_most_readers_it_is_one_call_with_all_its_weights(framework):
    model, recording, outputs, whole = recorded(framework, "attention")
    calls = [call_of(call) for call in recording.calls]
    nodes = nodes_of(model.views, calls, recording.sources, outputs)
    assert list(nodes) == ["part"]
    assert {recording.sources[number] for _, number in whole["outputs"]} == {f"call {whole['index']}"}
    assert not [edge for edge in nodes["part"].before if edge[0].startswith("call")]


def test_one_that_makes_what_nothing_inside_was_seen_to_make_is_a_step_by_itself(monkeypatch):
    seen = torch_calls._Seen.__torch_function__

    def overlooking(self, func, types, args=(), kwargs=None):
        if func.__name__ == "lstm_cell":
            return func(*args, **(kwargs or {}))
        return seen(self, func, types, args, kwargs)

    monkeypatch.setattr(torch_calls._Seen, "__torch_function__", overlooking)
    _, recording, outputs, _whole = recorded("torch", "cell")
    assert [call["label"] for call in recording.calls] == ["LSTMCell"]
    assert all(recording.sources[number] == "call 0" for _, number in outputs)
    assert not [source for source in recording.sources.values() if source.startswith("call") and source != "call 0"]


def test_attention_is_aligned_with_attention_as_one_call():
    verdict = align(PaddleAttending(), Attending(), "2,3,8", dtypes=("float64",))
    assert verdict.ok, verdict.sentence
    other = Attending()
    other.part.num_heads, other.part.head_dim = 4, 2
    assert not align(PaddleAttending(), other, "2,3,8", dtypes=("float64",)).ok
