"""What runs is what is judged: a layer's own `forward`, a user's class of the library's name; and all is put back."""

from __future__ import annotations

import copy
import functools
import random

import numpy as np
import paddle
import pytest
import torch
from dualport.backends import load_backend
from dualport.backends.model_state import structure
from dualport.backends.models.model import UserModel
from dualport.common.traces.inputs import as_inputs
from dualport.common.traces.plan import Plan

from dualport import align

QUICK = {"dtypes": ("float64",)}


class PaddlePair(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = paddle.nn.Linear(5, 5), paddle.nn.Linear(5, 3)

    def forward(self, x):
        return self.b(self.a(x))


class TorchPair(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = torch.nn.Linear(5, 5), torch.nn.Linear(5, 3)

    def forward(self, x):
        return self.b(self.a(x))


class Elsewhere:
    """An object whose method stands in for the `forward` of a layer."""

    def __init__(self, layer, factor: float) -> None:
        self.plain, self.factor = layer.forward, factor

    def run(self, x):
        return self.plain(x) * self.factor


def by_function(layer, factor):
    plain = layer.forward
    return lambda x: plain(x) * factor


def by_partial(layer, factor):
    return functools.partial(lambda plain, x: plain(x) * factor, layer.forward)


def by_method(layer, factor):
    return Elsewhere(layer, factor).run


@pytest.mark.parametrize("patched", [by_function, by_partial, by_method])
def test_a_forward_of_the_instances_own_runs_and_stays(patched):
    one, other = PaddlePair(), TorchPair()
    ours, theirs = patched(one.a, 3.0), patched(other.a, 3.0)
    one.a.forward, other.a.forward = ours, theirs
    assert align(one, other, "4,5", **QUICK).ok
    assert one.a.forward is ours
    assert other.a.forward is theirs
    assert not align(PaddlePair(), other, "4,5", **QUICK).ok
    del one.a.forward
    assert not align(one, other, "4,5", **QUICK).ok


class Tripled(torch.nn.Linear):
    def forward(self, x):
        return super().forward(x) * 3


class Turned(torch.nn.Conv1d):
    def _conv_forward(self, x, weight, bias):
        return super()._conv_forward(x, -weight, bias)


def test_a_class_below_the_librarys_is_what_it_overrides():
    one, other = PaddlePair(), TorchPair()
    other.a = Tripled(5, 5)
    assert not align(one, other, "4,5", **QUICK).ok
    one, other = paddle.nn.Conv1D(2, 3, 3), Turned(2, 3, 3)
    assert not align(one, other, "4,2,5", **QUICK).ok


class Hardsigmoid(torch.nn.Module):
    """Of the library's name, and another function."""

    def forward(self, x):
        return torch.sigmoid(x)


class OwnHardsigmoid(torch.nn.Module):
    def forward(self, x):
        return torch.nn.functional.relu6(x + 3) / 6


class PaddleHardsigmoid(paddle.nn.Layer):
    def forward(self, x):
        return paddle.nn.functional.relu6(x + 3) / 6


OwnHardsigmoid.__name__ = PaddleHardsigmoid.__name__ = "Hardsigmoid"


def test_a_class_is_the_librarys_if_it_is_and_not_by_its_name():
    pair = paddle.nn.Sequential(paddle.nn.Linear(5, 5), paddle.nn.Hardsigmoid())
    assert not align(pair, torch.nn.Sequential(torch.nn.Linear(5, 5), Hardsigmoid()), "4,5", **QUICK).ok
    own = paddle.nn.Sequential(paddle.nn.Linear(5, 5), PaddleHardsigmoid())
    assert align(own, torch.nn.Sequential(torch.nn.Linear(5, 5), OwnHardsigmoid()), "4,5", **QUICK).ok
    backend = load_backend("torch")
    kinds = [torch.nn.Hardsigmoid(), Hardsigmoid(), OwnHardsigmoid(), Tripled(2, 2), torch.nn.Linear(2, 2)]
    assert [structure(backend, module)[0]["library"] for module in kinds] == [True, False, False, False, True]
    assert structure(backend, Tripled(2, 2))[0]["classes"][0] == "Linear"


@pytest.mark.parametrize("name", ["torch", "paddle"])
def test_the_librarys_own_layers_are_told_as_its_own(name):
    backend = load_backend(name)
    nn = torch.nn if name == "torch" else paddle.nn
    made = [nn.Linear(2, 2), nn.LSTM(2, 2), nn.Dropout(0.1), nn.ReLU(), nn.CrossEntropyLoss(), nn.LayerNorm(3)]
    assert all(structure(backend, module)[0]["library"] for module in made)


class Restless(torch.nn.Module):
    """A model that changes all it can reach, and copies a part of itself, whose copy has weights of its own."""

    passes = 0

    def __init__(self) -> None:
        super().__init__()
        self.a, self.cache, self.held = torch.nn.Linear(5, 5), {"seen": []}, torch.ones(5)

    def forward(self, x):
        Restless.passes += 1
        self.cache["seen"].append(x.detach())
        self.late = torch.rand(1) + random.random() + np.random.rand()
        self.a.register_forward_hook(lambda module, given, out: None)
        self.held.requires_grad_()
        part = copy.deepcopy(self.a)
        with torch.no_grad():
            part.weight.mul_(2)
        return self.a(x) + part(x) * self.held


class PaddleRestful(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.a = paddle.nn.Linear(5, 5)

    def forward(self, x):
        return self.a(x) + paddle.nn.functional.linear(x, self.a.weight * 2, self.a.bias).detach()


def test_what_a_pass_changes_is_put_back():
    model, forward = Restless(), Restless.forward
    held, keys = dict(vars(model)), list(model.state_dict())
    drawn = random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state().numpy().tobytes()
    align(PaddleRestful(), model, "4,5", **QUICK)
    assert vars(model) == held
    assert list(model.state_dict()) == keys
    assert model.cache == {"seen": []}
    assert not model.held.requires_grad
    assert not model.held._backward_hooks
    assert not model.a._forward_hooks
    assert (Restless.passes, Restless.forward) == (0, forward)
    assert drawn == (random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state().numpy().tobytes())
    assert "forward" not in vars(torch.nn.Linear(1, 1))
    assert not any(vars(weight) for weight in model.parameters())  # what lies there would be saved with the model


def test_a_copy_made_meanwhile_has_its_own_weights():
    model = UserModel("torch", Restless(), Plan(as_inputs("4,5")))
    model.prepare("float64", "eval")
    recording = model.recording()
    made, _ = model.forward(recording, "float64")
    model.prepare("float64", "eval")
    assert np.allclose(model.model.a.weight.detach().numpy(), model.stored["a.weight"])
    assert [call["path"] for call in recording.calls if call["module"]] == ["", "a"]
    assert made.shape == (4, 5)
