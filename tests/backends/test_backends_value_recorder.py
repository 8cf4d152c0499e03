"""Values and their gradients, in a trace as they come, in both frameworks."""

from __future__ import annotations

import numpy as np
import pytest
from dualport.backends import NAMES, load_backend
from dualport.backends.value_recorder import ValueRecorder
from dualport.common.traces.memory import MemoryGroup
from dualport.common.traces.reading import Run
from dualport.common.traces.writing import Stored

GIVEN = np.array([1.0, -2.0, 3.0])


@pytest.mark.parametrize("backend", NAMES)
def test_every_value_has_the_gradient_that_arrives_zeros_or_none(backend):
    """Of what nothing depends on, zeros; of what no gradient can reach, nothing."""
    tensors, group = load_backend(backend).tensors, MemoryGroup()
    observe = ValueRecorder(tensors, Stored(group))
    x = tensors.tensor(GIVEN, "float64", "cpu", gradient=True)
    square, aside, cut = x * x, x * 3, x.detach() * 2
    for name, tensor in {"square": square, "aside": aside, "cut": cut}.items():
        observe(name, tensor)
    (square * cut).sum().backward()
    observe.note_calls()
    observe.note_zeros()
    run = Run(group, "", "float64", "train")
    values = {name: run.array("values", number).tolist() for name, number in run.observed.items()}
    flow = {name: run.array("flow", number) for name, number in run.observed.items()}
    assert values == {"square": (GIVEN**2).tolist(), "aside": (3 * GIVEN).tolist(), "cut": (2 * GIVEN).tolist()}
    assert flow["square"].tolist() == (2 * GIVEN).tolist()
    assert flow["aside"].tolist() == [0.0, 0.0, 0.0]
    assert flow["cut"] is None


@pytest.mark.parametrize("backend", NAMES)
def test_a_gradient_may_be_changed_on_its_way(backend):
    tensors, group = load_backend(backend).tensors, MemoryGroup()
    recorder = ValueRecorder(tensors, Stored(group), lambda gradient: gradient * 2)
    x = tensors.tensor(GIVEN, "float64", "cpu", gradient=True)
    first = x * 1
    recorder.keep(first, recorder.number("first"))
    second = first * 5
    recorder.keep(second, recorder.number("second"))
    second.sum().backward()
    flow = Run(group, "", "float64", "train").arrays("flow")
    assert flow["1"].tolist() == [2.0] * 3
    assert flow["0"].tolist() == [20.0] * 3
