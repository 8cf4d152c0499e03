"""A run that stops and goes on gives the same numbers as one that does not, bit for bit, in each framework."""

from __future__ import annotations

import os
import shutil
import signal

import numpy as np
import pytest
from dualport.common.distance import relative_error
from dualport.common.runs.folder import RunFolder
from dualport.common.tolerances import bound
from dualport.scripts.terminal.training_progress import TrainingProgress
from small_run import contents, litter, metrics, newest

BACKENDS = ("torch", "paddle")
EPOCHS = 3


def assert_same_run(one, other) -> None:
    """Weights, moments, losses and pictures are equal; only times may differ."""
    a, b = newest(one), newest(other)
    assert a.position == b.position
    assert a.optimizers == b.optimizers
    for left, right in ((a.weights, b.weights), (a.moments, b.moments)):
        assert set(left) == set(right)
        for name in left:
            assert left[name].tobytes() == right[name].tobytes(), name
    assert metrics(one) == metrics(other)
    assert (one / "steps.npy").read_bytes() == (other / "steps.npy").read_bytes()
    for folder in ("weights", "figures"):
        assert contents(one / folder) == contents(other / folder)


def interrupting(monkeypatch, epoch: int, step: int, signals: tuple[int, ...] = (signal.SIGINT,)) -> None:
    """Send signals to this process as soon as the run has taken that step of that epoch."""
    show = TrainingProgress.show

    def watch(self, key: str, event: dict) -> None:
        show(self, key, event)
        if (event.get("epoch"), event.get("step")) == (epoch, step):
            for number in signals:
                os.kill(os.getpid(), number)

    monkeypatch.setattr(TrainingProgress, "show", watch)


@pytest.mark.parametrize("backend", BACKENDS)
def test_resumed_after_an_epoch_and_within_one(train, tmp_path, monkeypatch, checkpoint_each_epoch, backend):
    straight, between, within = (tmp_path / name for name in ("straight", "between", "within"))
    how = {"backend": backend, "recipe": "aistudio-cvae"}
    assert train(straight, epochs=EPOCHS, **how).code == 0
    assert len(metrics(straight)) == EPOCHS
    assert newest(straight).position.total == 4 * EPOCHS

    assert train(between, epochs=1, **how).code == 0
    assert train(between, "--resume", epochs=EPOCHS, **how).code == 0
    assert_same_run(straight, between)

    with monkeypatch.context() as patch:
        interrupting(patch, epoch=1, step=3)
        stopped = train(within, epochs=EPOCHS, **how)
    assert stopped.code == 130
    assert "after epoch 1, step 3; go on with --resume" in stopped.complaint
    position = newest(within).position
    assert (position.epoch, position.step, position.total, len(position.terms)) == (1, 3, 7, 3)
    assert [row["epoch"] for row in metrics(within)] == [0]
    assert not list((within / "weights").iterdir())
    assert train(within, "--resume", epochs=EPOCHS, **how).code == 0
    assert_same_run(straight, within)
    assert not litter(tmp_path)


def test_interrupted_at_the_end_of_an_epoch(train, tmp_path, monkeypatch, checkpoint_each_epoch):
    with monkeypatch.context() as patch:
        interrupting(patch, epoch=0, step=4, signals=(signal.SIGTERM,))
        stopped = train(tmp_path / "run")
    assert stopped.code == 143
    assert newest(tmp_path / "run").position.epoch == 1
    train(tmp_path / "straight")
    train(tmp_path / "run", "--resume")
    assert_same_run(tmp_path / "straight", tmp_path / "run")


@pytest.mark.parametrize(("second", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_stops_at_once(train, tmp_path, monkeypatch, checkpoint_each_epoch, second, code):
    interrupting(monkeypatch, epoch=1, step=2, signals=(signal.SIGINT, second))
    stopped = train(tmp_path)
    assert stopped.code == code
    assert stopped.complaint == "dualport: interrupted"
    assert newest(tmp_path).position.total == 4, "nothing was saved after the end of epoch 0"
    assert not litter(tmp_path)


def test_handlers_are_given_back(train, tmp_path):
    before = signal.getsignal(signal.SIGINT)
    train(tmp_path)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_finished_run_resumed_writes_its_weights_again(train, tmp_path):
    train(tmp_path)
    before = contents(tmp_path / "weights")
    shutil.rmtree(tmp_path / "weights")
    assert train(tmp_path, "--resume").code == 0
    assert contents(tmp_path / "weights") == before


def test_the_config_of_a_resumed_run_tells_its_stages(train, tmp_path):
    train(tmp_path, epochs=1)
    train(tmp_path, "--resume", epochs=2, backend="paddle")
    config = RunFolder(tmp_path).read_config()
    assert config["backend"] == "paddle"
    assert [stage["backend"] for stage in config["history"]] == ["torch"]
    assert config["spec"]["training"]["epochs"] == 2


@pytest.mark.parametrize("first", BACKENDS)
def test_the_other_framework_goes_on(train, tmp_path, first):
    """Three steps in one framework, then one more in either: as far apart as a step from the same state may be."""
    rate, one_step = 1e-4, ("--batch-size", "40")
    train(tmp_path / "begun", *one_step, epochs=3, backend=first)
    ended = {}
    for backend in BACKENDS:
        out = shutil.copytree(tmp_path / "begun", tmp_path / backend)
        assert train(out, *one_step, "--resume", epochs=4, backend=backend).code == 0
        ended[backend] = newest(out)
        assert {one["step"] for one in ended[backend].optimizers.values()} == {4}
    torch, paddle = ended["torch"], ended["paddle"]
    losses = [RunFolder(tmp_path / backend).read_steps()[-1, 0] for backend in BACKENDS]
    assert relative_error(losses[1], losses[0]) <= bound("float32 step loss")
    for name, array in torch.weights.items():
        difference = np.sqrt(np.mean((array.astype(np.float64) - paddle.weights[name]) ** 2))
        assert difference / rate <= bound("float32 step weights"), name
    assert set(torch.moments) == set(paddle.moments)
