"""What a run does when the disk is full or read-only, and when a checkpoint is damaged."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from dualport.backends import load_backend
from dualport.scripts.command_line import main
from small_run import contents, full_disk, litter, newest, write_idx

LARGE = ("--set", "width=16")  # its checkpoint is far bigger than every other file of the run


def test_disk_full_while_a_checkpoint_is_written(train, tmp_path, checkpoint_each_epoch):
    how = {"recipe": "aistudio-vae-two", "data": write_idx(tmp_path, seed=3)}
    out = tmp_path / "run"
    batch = (*LARGE, "--batch-size", "2")
    train(out, *batch, epochs=2, **how)
    before = contents(out / "checkpoints")
    with full_disk(20_000):
        failed = train(out, *batch, "--resume", epochs=3, **how)
    assert failed.code == 3
    assert f"{out}/checkpoints/step-00000003: cannot be written" in failed.complaint
    assert contents(out / "checkpoints") == before
    assert not litter(out)
    assert train(out, *batch, "--resume", epochs=3, **how).code == 0
    train(tmp_path / "straight", *batch, epochs=3, **how)
    assert contents(out / "weights") == contents(tmp_path / "straight" / "weights")


@pytest.mark.parametrize("backend", ["torch", "paddle"])
@pytest.mark.parametrize("limit", [10, 50_000])
def test_disk_full_at_the_config_or_a_picture(train, tmp_path, backend, limit):
    train(tmp_path / "warm", backend=backend, epochs=1)  # a framework writes while it is imported: not what fails here
    out = tmp_path / "new" / "run"
    with full_disk(limit):
        failed = train(out, backend=backend, epochs=1)
    assert failed.code == 3
    assert "cannot be written (File too large); free space or choose another place" in failed.complaint
    assert not litter(tmp_path)
    if limit < 1000:
        assert not out.parent.exists(), "nothing was begun"
    else:
        assert train(out, "--resume", backend=backend, epochs=1).code == 0


def test_disk_full_at_the_weights(train, tmp_path):
    train(tmp_path, *LARGE)
    before = contents(tmp_path / "weights")
    with full_disk(20_000):
        failed = train(tmp_path, *LARGE, "--resume")
    assert failed.code == 3
    assert contents(tmp_path / "weights") == before
    assert not litter(tmp_path)


def damage(kind: str, checkpoint: Path) -> None:
    file = checkpoint / ("weights.safetensors" if kind in ("flipped", "cut") else "manifest.json")
    content = bytearray(file.read_bytes())
    match kind:
        case "flipped":
            content[-1] ^= 1
        case "cut":
            del content[-1:]
        case "position":
            content = content.replace(b'"total": 12', b'"total": 16')
        case "no json":
            del content[len(content) // 2 :]
        case "a list":
            content = b"[1, 2]"
    if kind == "no manifest":
        file.unlink()
    else:
        assert bytes(content) != file.read_bytes()
        file.write_bytes(content)


@pytest.mark.parametrize("kind", ["flipped", "cut", "position", "no json", "a list", "no manifest"])
def test_a_damaged_checkpoint_is_told_and_the_one_before_is_taken(train, tmp_path, checkpoint_each_epoch, kind):
    out = tmp_path / "run"
    train(out, epochs=3)
    last = out / "checkpoints" / "step-00000012"
    weights = contents(out / "weights")
    damage(kind, last)
    resumed = train(out, "--resume", epochs=3)
    assert resumed.code == 0
    assert f"{last}: is damaged" in resumed.complaint
    assert "taking the one before it" in resumed.complaint
    assert resumed.err.count("epoch 3/3") == 1, "epoch 2 was trained again"
    assert newest(out).position.total == 12
    assert contents(out / "weights") == weights


def test_figures_tell_a_damaged_checkpoint_too(train, tmp_path, checkpoint_each_epoch, capsys):
    train(tmp_path)
    damage("flipped", tmp_path / "checkpoints" / "step-00000008")
    assert main(["figures", str(tmp_path)]) == 0
    assert "step-00000008: is damaged" in capsys.readouterr().err


def test_a_run_without_a_whole_checkpoint_is_not_begun_again(train, tmp_path, checkpoint_each_epoch):
    train(tmp_path)
    for checkpoint in (tmp_path / "checkpoints").iterdir():
        damage("flipped", checkpoint)
    before = contents(tmp_path)
    refused = train(tmp_path, "--resume", epochs=5)
    assert refused.code == 2
    assert "none of its 2 checkpoints is whole" in refused.complaint
    assert contents(tmp_path) == before


def test_a_folder_that_cannot_be_made(train):
    if not Path("/proc/self").exists():
        pytest.skip("needs a folder in which nobody can write: /proc of Linux")
    refused = train(Path("/proc/dualport/run"))
    assert refused.code == 3
    assert "cannot make the folder" in refused.complaint


def test_a_read_only_folder_fails_before_the_first_step(train, tmp_path, monkeypatch):
    # Tests often run as root, whom no permission stops: what a read-only disk answers is put in the system's mouth.
    opened, steps = os.open, []

    def refuse(path, flags, *more, **how):
        if str(path).startswith(str(tmp_path)) and flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return opened(path, flags, *more, **how)

    session = load_backend("torch").Session
    monkeypatch.setattr(session, "train_step", lambda *_: steps.append(1))
    monkeypatch.setattr(os, "open", refuse)
    failed = train(tmp_path)
    assert failed.code == 3
    assert f"{tmp_path}: cannot be written (Read-only file system)" in failed.complaint
    assert steps == []
    assert not list(tmp_path.iterdir())
