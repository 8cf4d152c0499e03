"""What passes between calls: structures of tensors, numbers of every type, changes in place, hooks of the model's."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, namedtuple

import numpy as np
import paddle
import pytest
import torch
from dualport.backends import load_backend
from dualport.backends.models.model import UserModel
from dualport.backends.models.nested_tensors import map_tensors, settled, tensors_in
from dualport.backends.value_recorder import ValueRecorder
from dualport.common.traces.inputs import as_inputs
from dualport.common.traces.memory import MemoryGroup
from dualport.common.traces.plan import Plan
from dualport.common.traces.reading import Run
from dualport.common.traces.writing import Stored

from dualport import align

QUICK = {"dtypes": ("float64",)}
Named = namedtuple("Named", "mean rest")


@dataclasses.dataclass(frozen=True)
class Frozen:
    value: object
    twice: object = dataclasses.field(init=False, default=None)


class Output(OrderedDict):
    """As the outputs of well-known models are: a dict that allows no `update`."""

    def update(self, *_):
        raise TypeError("is not to be updated")

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        super().__setattr__(key, value)

    @classmethod
    def of(cls, **content):
        made = cls()
        for key, value in content.items():
            made[key] = value
        return made


def test_tensors_are_found_and_changed_in_structures_of_every_kind():
    one, other = torch.ones(2), torch.zeros(3)
    packed = torch.nn.utils.rnn.pack_padded_sequence(torch.ones(2, 3, 1), torch.tensor([3, 2]), batch_first=True)
    plain = type("Plain", (), {})()
    plain.mean, plain._hidden, plain.itself = one, other, plain
    structures = [
        (Named(one, None), 1), (Frozen(one), 1), (Output.of(mean=one, rest=(other, 3)), 2), (packed, 2),
        ({"a": [one, {"b": other}]}, 2), (torch.topk(torch.ones(4), 2), 2), (plain, 1), ("text", 0), (None, 0),
        (torch.Size([2]), 0),
    ]  # fmt: skip
    for structure, count in structures:
        found = tensors_in(structure, torch.is_tensor)
        assert len(found) == count
        changed = map_tensors(structure, torch.is_tensor, lambda tensor: tensor + 1)
        assert type(changed) is type(structure)
        if structure is not plain:
            after = tensors_in(changed, torch.is_tensor)
            assert [name for name, _ in after] == [name for name, _ in found]
            assert all(torch.equal(y, x + 1) for (_, x), (_, y) in zip(found, after, strict=True))
    assert settled(each for each in (one, [iter((other,))])) == [one, [[other]]]


class PaddleBody(paddle.nn.Layer):
    def __init__(self, body) -> None:
        super().__init__()
        self.a, self.body = paddle.nn.Linear(6, 6), body

    def forward(self, x):
        return self.body(paddle, self.a, x)


class TorchBody(torch.nn.Module):
    def __init__(self, body) -> None:
        super().__init__()
        self.a, self.body = torch.nn.Linear(6, 6), body

    def forward(self, x):
        return self.body(torch, self.a, x)


def everything(lib, layer, x):
    """Whole numbers, truths, a number, nothing, an empty tensor, complex numbers; and a generator."""
    h = layer(x)
    largest, places = lib.topk(h, 3)
    yield h
    yield {"largest": largest, "places": places, "signs": h > 0, "sum": h.sum(), "none": None, "empty": h[:, :0]}
    yield lib.fft.fft(h)
    yield lib.distributions.Normal(h, h.exp()) if lib is torch else lib.distribution.Normal(h, h.exp())


def with_changes(lib, layer, x):
    z = lib.zeros_like(x)
    z[:, :3] = layer(x)[:, 3:]
    z[:, 3:] = 1.0
    first = z[0]
    first.add_(lib.ones_like(first))
    return z * 2


def with_other_changes(lib, layer, x):
    z = lib.zeros_like(x)
    z[:, :3] = layer(x)[:, 3:]
    z[:, 3:] = 1.0
    first = z[1]
    first.add_(lib.ones_like(first))
    return z * 2


def with_hook(lib, layer, x):
    h = layer(x)
    h.register_hook(lambda gradient: gradient * 2)
    return h.tanh()


def without_hook(lib, layer, x):
    return layer(x).tanh()


def test_numbers_of_every_type_are_outputs():
    verdict = align(PaddleBody(everything), TorchBody(everything), "4,6", **QUICK)
    assert verdict.ok, verdict.sentence


def test_a_hook_in_forward_counts():
    assert align(PaddleBody(with_hook), TorchBody(with_hook), "4,6", **QUICK).ok
    assert not align(PaddleBody(with_hook), TorchBody(without_hook), "4,6", **QUICK).ok


@pytest.mark.parametrize(("framework", "body"), [("torch", TorchBody), ("paddle", PaddleBody)])
def test_changes_in_place_are_calls_that_made_what_is_read_later(framework, body):
    model = UserModel(framework, body(with_changes), Plan(as_inputs("4,6")))
    model.prepare("float64", "eval")
    recording = model.recording()
    model.forward(recording, "float64")
    calls = {call["label"]: call for call in recording.calls}
    made = {number: call["label"] for call in recording.calls for _, number in call["outputs"]}
    product = calls.get("mul") or calls["__mul__"]
    assert made[product["inputs"][0][1]] == "add_"  # through the view
    assert sum(call["label"] == "__setitem__" for call in recording.calls) == 2
    before = next(n for name, n in calls["add_"]["inputs"] if "part" in name)
    assert made[before] == "__setitem__"
    assert not [source for source in recording.sources.values() if source == "constant"]


def test_a_wrong_change_in_place_is_found():
    assert align(PaddleBody(with_changes), TorchBody(with_changes), "4,6", **QUICK).ok
    assert not align(PaddleBody(with_changes), TorchBody(with_other_changes), "4,6", **QUICK).ok


def test_complex_values_are_written_as_their_parts():
    group = MemoryGroup()
    ValueRecorder(load_backend("torch").tensors, Stored(group)).keep(torch.tensor([1 + 2j]), 0)
    assert np.array_equal(Run(group, "", "float64", "eval").array("values", 0), [[1.0, 2.0]])
