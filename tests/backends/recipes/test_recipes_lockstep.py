"""Taking steps from the same states finds a difference of formula and does not alarm on rounding."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from dualport.backends import load_backend
from dualport.common import recipes
from dualport.common.compare import agreement
from dualport.common.compare.lockstep import record, replay
from dualport.common.distance import relative_error
from dualport.common.random_streams import stream
from dualport.common.runs.initial_weights import initial_weights
from dualport.common.tolerances import TOLERANCES

RECIPE = recipes.recipe("aistudio-cvae", {"width": 4, "image": 8, "batch_size": 8, "learning_rate": 1e-3})


def session(backend: str, recipe=RECIPE):
    made = load_backend(backend).Session(recipe, initial_weights(recipe, 1), "cpu")
    draw = stream(0, "toy")
    images = draw.uniform(-1, 1, (48, 1, 8, 8)).astype(np.float32)
    made.load_data(images, np.eye(10, dtype=np.float32)[draw.integers(0, 10, 48)])
    return made


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lockstep") / "states"
    record(session("torch"), 1, 48, folder, 8)
    return folder


def agreements(states, recipe=RECIPE) -> list[bool]:
    differences = replay(session("paddle", recipe), 1, 48, states)
    assert len(differences) == 8  # six of the first epoch, two of the second
    return [row.ok for row in agreement.lockstep_rows(differences)]


def test_the_same_system_agrees(states):
    assert agreements(states) == [True, True]


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ({"beta": 0.5}, [False, False]),
        ({"over_batch": "sum"}, [False, False]),
        ({"beta1": 0.9}, [True, False]),
        ({"learning_rate": 1.1e-3}, [True, False]),
        ({"clip_norm": 1e-12}, [True, False]),
    ],
)
def test_a_fault_in_one_framework_is_found(states, fault, found):
    settings = {"width": 4, "image": 8, "batch_size": 8, "learning_rate": 1e-3} | fault
    assert agreements(states, recipes.recipe("aistudio-cvae", settings)) == found


def test_a_flipped_output_is_found(states, monkeypatch):
    from dualport.backends.paddle import layers

    monkeypatch.setattr(layers.paddle.nn.functional, "tanh", lambda x: -x.tanh())
    assert agreements(states)[0] is False


def test_initial_weights_must_be_the_same_bits():
    weights = initial_weights(RECIPE, 1)
    assert agreement.initial_row(weights, dict(weights)).ok
    nudged = weights | {"encoder.conv1.bias": np.nextafter(weights["encoder.conv1.bias"], np.float32(1))}
    assert agreement.initial_row(weights, nudged).ok is False
    renamed = {("x" if name == "encoder.conv1.bias" else name): array for name, array in weights.items()}
    assert agreement.initial_row(weights, renamed).ok is False


def test_epochs_and_exchanged_outputs_are_judged():
    good, bad = [{"loss": 100.0}], [{"loss": 101.0}]
    assert agreement.epoch_row(good, good, short=False).ok
    assert agreement.epoch_row(good, bad, short=False).ok is False
    outputs = [np.ones((3, 4)), np.ones((2, 2))]
    assert agreement.exchange_row("torch", "paddle", outputs, outputs).ok
    assert agreement.exchange_row("torch", "paddle", outputs, [outputs[0], outputs[1] * 1.001]).ok is False
    shown = agreement.free_running_row(np.ones((5, 3)), np.full((5, 3), 1.5), 20)
    assert (shown.judged, shown.error64) == (False, 0.5)


def test_relative_error_of_edge_cases():
    assert relative_error(np.zeros(3), np.zeros(3)) == 0
    assert relative_error(np.ones(3), np.zeros(3)) == np.inf
    assert np.isnan(relative_error(np.array([np.nan]), np.ones(1)))


def test_every_tolerance_has_its_reason():
    for quantity, tolerance in TOLERANCES.items():
        assert tolerance.bound >= 0, quantity
        assert len(tolerance.why.split()) >= 5, quantity
        with pytest.raises(FrozenInstanceError):  # no test can loosen the table for those after it
            tolerance.bound = 1.0
