"""kill -9 while a checkpoint is written: before every operation on the file system, and in the middle of a write."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dualport.common.errors import BadInput
from dualport.common.runs.checkpoint import Checkpoint, Position, load_newest, newest, save
from dualport.common.runs.folder import RunFolder

OPERATIONS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.scandir", "shutil.rmtree", "os.chmod")


def state(step: int) -> Checkpoint:
    """A checkpoint that tells its step by every value."""
    arrays = {f"conv{i}.weight": np.full((20, 50), step, np.float32) for i in range(2)}
    settings = {"encoder": {"step": step, "learning_rate": 1e-3, "beta1": 0.5, "beta2": 0.9}}
    moments = {f"encoder/first/{name}": array for name, array in arrays.items()}
    return Checkpoint(Position(epoch=step, total=step, terms=[[1.0, 2.0, 3.0]]), arrays, settings, moments)


def in_child(prepare: Callable[[], None], folder: Path) -> int:
    """Save step 3 in a forked child and return how it ended: 0, or the signal that killed it."""
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            prepare()
            save(folder, state(3))
            os._exit(0)
        except BaseException:
            os._exit(99)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code <= 0, "the child failed, but was not killed"
    return -code


def kill_at(point: int, folder: Path) -> Callable[[], None]:
    """Before the operation with this number on something in `folder`."""

    def prepare() -> None:
        done = 0

        def watch(event: str, arguments: tuple) -> None:
            nonlocal done
            if event in OPERATIONS and str(folder) in str(arguments[0]):
                done += 1
                if done > point:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)

    return prepare


def kill_at_byte(size: int) -> Callable[[], None]:
    """When a file grows beyond `size` bytes: the kernel kills in the middle of the write."""

    def prepare() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return prepare


@pytest.fixture
def run(tmp_path) -> RunFolder:
    """A run with the checkpoints of steps 1 and 2."""
    folder = RunFolder(tmp_path / "run")
    folder.make()
    for step in (1, 2):
        save(folder.checkpoints, state(step))
    return folder


def check(folder: RunFolder, steps: tuple[int, ...]) -> int:
    """The newest checkpoint is whole and one of `steps`, without a complaint; beginning again clears the litter."""
    found, complaints = load_newest(folder.checkpoints)
    assert complaints == []
    step = found.position.total
    assert step in steps
    assert all((array == step).all() for arrays in (found.weights, found.moments) for array in arrays.values())
    folder.make()
    assert not list(folder.path.rglob(".dualport-tmp-*"))
    assert load_newest(folder.checkpoints)[0].position.total == step
    return step


def test_a_kill_at_any_operation_leaves_a_whole_checkpoint(run, tmp_path):
    loaded, littered = [], 0
    for point in range(200):
        ended = in_child(kill_at(point, tmp_path), run.checkpoints)
        littered += any(run.checkpoints.glob(".dualport-tmp-*"))
        loaded.append(check(run, (2, 3)))
        if ended == 0:
            break
        save(run.checkpoints, state(2))
        for late in run.checkpoints.glob("step-*3"):
            for file in late.iterdir():
                file.unlink()
            late.rmdir()
        save(run.checkpoints, state(1))
    assert ended == 0
    assert loaded[-1] == 3
    assert loaded.count(2) >= 8, "killed before the rename"
    assert loaded.count(3) >= 4, "killed after it, while the oldest is removed"
    assert littered >= 8


@pytest.mark.parametrize("size", [0, 1, 100, 500, 1000, 2000, 4000, 8000])
def test_a_kill_in_the_middle_of_a_write_leaves_the_checkpoint_before(run, size):
    assert in_child(kill_at_byte(size), run.checkpoints) == signal.SIGXFSZ
    assert any(run.checkpoints.glob(".dualport-tmp-*")), "a part was written"
    assert check(run, (2,)) == 2


def test_weights_without_a_manifest_are_no_checkpoint(run):
    newer = run.checkpoints / "step-00000009"
    newer.mkdir()
    (newer / "weights.safetensors").write_bytes(
        (run.checkpoints / "step-00000002" / "weights.safetensors").read_bytes()
    )
    found, complaints = load_newest(run.checkpoints)
    assert found.position.total == 2
    assert len(complaints) == 1
    assert str(newer) in complaints[0]


def test_the_newest_is_told_by_its_step_and_not_by_its_time(run):
    os.utime(run.checkpoints / "step-00000002", (0, 0))
    assert load_newest(run.checkpoints)[0].position.total == 2


def test_a_bigger_step_wins_whatever_its_number_of_digits(run):
    for step in (99_999_999, 100_000_000):
        save(run.checkpoints, state(step))
        assert load_newest(run.checkpoints)[0].position.total == step


def test_two_checkpoints_are_kept(run):
    for step in (3, 4):
        save(run.checkpoints, state(step))
    assert sorted(path.name for path in run.checkpoints.iterdir()) == ["step-00000003", "step-00000004"]


def test_a_folder_that_must_hold_a_checkpoint_says_when_it_has_none(tmp_path):
    with pytest.raises(BadInput, match="holds no checkpoint; train there first"):
        newest(tmp_path)
