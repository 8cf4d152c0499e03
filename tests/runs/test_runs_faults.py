"""What a run does when the loss is no number, or the folder belongs to another process or to another run."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
from dualport.backends import load_backend
from dualport.backends.recipes import run
from dualport.common.runs.folder import RunFolder
from small_run import contents, metrics, newest, write_idx


@pytest.mark.parametrize("resume", [True, False])
def test_a_second_process_on_one_folder_is_refused(train, tmp_path, resume):
    out, more = tmp_path / "run", ()
    if resume:
        train(out)
        more = ("--resume",)
    else:
        out.mkdir()  # the first process has made the folder, not yet its config
    with RunFolder(out).locked():
        before = contents(out)
        refused = train(out, *more, epochs=3)
        assert refused.code == 2
        assert "another process is training here" in refused.complaint
        assert contents(out) == before
    assert train(out, *more, epochs=3).code == 0


def test_a_run_that_another_process_began_meanwhile_is_not_overwritten(train, tmp_path, monkeypatch):
    out = tmp_path / "run"
    load_data = run.load_data

    def slow(*arguments):
        monkeypatch.setattr(run, "load_data", load_data)
        assert train(out, epochs=1).code == 0
        return load_data(*arguments)

    monkeypatch.setattr(run, "load_data", slow)
    refused = train(out)
    assert refused.code == 2
    assert "already holds a run" in refused.complaint
    assert len(metrics(out)) == 1


def test_the_lock_of_a_killed_process_does_not_block(train, tmp_path):
    train(tmp_path, epochs=1)
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with RunFolder(tmp_path).locked():
                os.write(told, b"x")
                signal.pause()
        finally:
            os._exit(1)  # whatever happens, no second test process goes on from here
    os.close(told)
    try:
        assert os.read(ready, 1) == b"x"
        assert train(tmp_path, "--resume").code == 2
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert train(tmp_path, "--resume").code == 0


@pytest.mark.parametrize("backend", ["torch", "paddle"])
def test_a_loss_that_is_no_number_keeps_the_last_good_checkpoint(
    train, tmp_path, monkeypatch, checkpoint_each_epoch, backend
):
    session, taken = load_backend(backend).Session, []
    stacked = session._stacked

    def poisoned(self, rows):
        taken.append(len(rows))
        return stacked(self, rows) * (np.nan if len(taken) == 6 else 1)

    monkeypatch.setattr(session, "_stacked", poisoned)
    failed = train(tmp_path, backend=backend)
    assert failed.code == 4
    assert "the loss is not a finite number in epoch 1, step 1; its last good checkpoint is kept" in failed.complaint
    assert newest(tmp_path).position.total == 4
    assert len(metrics(tmp_path)) == 1


@pytest.mark.parametrize("backend", ["torch", "paddle"])
@pytest.mark.parametrize(
    ("batch", "what"),
    [("10", "the loss is not a finite number in epoch 0, step 1;"), ("40", "after epoch 0, 200 of 200 images hold")],
)
def test_divergence_before_the_first_checkpoint(train, tmp_path, backend, batch, what):
    """With one step an epoch the loss is still good when the weights are lost already."""
    failed = train(tmp_path, "--batch-size", batch, "--set", "learning_rate=1e30", backend=backend)
    assert failed.code == 4
    assert what in failed.complaint
    assert "kept" not in failed.complaint
    assert not list((tmp_path / "checkpoints").iterdir())
    assert not list((tmp_path / "weights").iterdir())


@pytest.mark.parametrize("backend", ["torch", "paddle"])
@pytest.mark.parametrize(
    ("recipe", "what"), [("mlp-vae", "finite"), ("aistudio-vae-two", "loss"), ("latent2d-ae", "saturated")]
)
def test_a_rate_far_too_high_diverges(train, tmp_path, backend, recipe, what):
    """Whole numbers are numbers; an output that is NaN goes through the cross-entropy; a single step is judged too, and
    so is a loss that is bounded."""
    settings = ("--batch-size", "2", "--set", "learning_rate=50")
    failed = train(tmp_path, *settings, backend=backend, recipe=recipe, epochs=1)
    assert failed.code == 4
    assert what in failed.complaint
    assert not list((tmp_path / "weights").iterdir())


@pytest.mark.parametrize("backend", ["torch", "paddle"])
def test_a_loss_that_stays_out_of_its_range_is_divergence(train, tmp_path, monkeypatch, backend):
    """A single high loss is none, as training may come back from it."""
    session, taken = load_backend(backend).Session, []
    stacked = session._stacked

    def thrown_up(self, rows):
        taken.append(len(rows))
        return stacked(self, rows) * (1e6 if high(len(taken)) else 1)

    monkeypatch.setattr(session, "_stacked", thrown_up)
    high = {3}.__contains__
    assert train(tmp_path / "one", "--batch-size", "2", backend=backend, epochs=1).code == 0
    taken.clear()
    high = range(3, 9).__contains__
    failed = train(tmp_path / "half", "--batch-size", "4", backend=backend, epochs=1)
    assert failed.code == 4
    assert "in the last steps of epoch 0, 1" in failed.complaint


@pytest.mark.parametrize("backend", ["torch", "paddle"])
def test_lost_weights_are_never_saved(train, tmp_path, monkeypatch, checkpoint_each_epoch, backend):
    """Run C shows no pictures of its progress, and its epoch is one step: only a look at the weights can tell."""
    session, taken = load_backend(backend).Session, []
    step = session.train_step

    def losing(self, *arguments):
        terms = step(self, *arguments)
        taken.append(1)
        if len(taken) == 2:
            self.load_weights({name: array * np.float32("nan") for name, array in self.weights().items()})
        return terms

    monkeypatch.setattr(session, "train_step", losing)
    failed = train(tmp_path, "--batch-size", "2", "--epochs", "3", backend=backend, recipe="aistudio-vae-two")
    assert failed.code == 4
    assert "the weights hold a value that is not finite after step 2; its last good checkpoint" in failed.complaint
    assert newest(tmp_path).position.total == 1


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--seed", "2"), ["seed was 1, is 2"]),
        (("--set", "width=3"), ["spec.model.encoder.layers[0].out_channels was 2, is 3"]),
        (("--set", "learning_rate=1e-3"), ["learning_rate was 0.0001, is 0.001"]),
        (("--batch-size", "20"), ["spec.training.batch_size was 10, is 20"]),
        (("--transposed",), ["data.transposed was False, is True", "data.sha256 was"]),
    ],
)
def test_resume_with_other_settings_lists_what_differs(train, tmp_path, more, told):
    train(tmp_path, epochs=1)
    before = contents(tmp_path)
    refused = train(tmp_path, "--resume", *more)
    assert refused.code == 2
    for difference in told:
        assert difference in refused.complaint
    assert contents(tmp_path) == before


def test_resume_with_other_data_or_another_recipe(train, tmp_path):
    out = tmp_path / "run"
    train(out, epochs=1)
    (tmp_path / "other").mkdir()
    refused = train(out, "--resume", data=write_idx(tmp_path / "other", seed=4, count=50))
    assert refused.code == 2
    assert "data.images was 40, is 50" in refused.complaint
    assert "data.sha256 was" in refused.complaint
    refused = train(out, "--resume", recipe="aistudio-cvae")
    assert "recipe was 'aistudio-vae', is 'aistudio-cvae'" in refused.complaint


def test_the_same_data_at_another_place_is_the_same(train, tmp_path):
    out = tmp_path / "run"
    train(out, epochs=1)
    (tmp_path / "moved").mkdir()
    assert train(out, "--resume", data=write_idx(tmp_path / "moved", seed=3)).code == 0


@pytest.mark.parametrize("name", ["config.json", "metrics.jsonl", "steps.npy"])
def test_a_damaged_file_of_the_run_is_named(train, tmp_path, name):
    train(tmp_path, epochs=1)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-20])
    refused = train(tmp_path, "--resume")
    assert refused.code == 2
    assert f"{tmp_path / name}: is damaged" in refused.complaint
