"""A small data set, and one way to train on it in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from dualport.common.runs import loop
from dualport.scripts.command_line import main
from small_run import Outcome, write_idx

BATCH = 10


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A folder with 40 images."""
    return write_idx(tmp_path_factory.mktemp("tiny"), seed=3)


@pytest.fixture
def train(tiny, capsys) -> Callable[..., Outcome]:
    """Run `dualport train` in this process, by default four steps an epoch of the narrowest VAE."""

    def call(
        out: Path, *more: str, backend: str = "torch", recipe: str = "aistudio-vae", epochs: int = 2, data: Path = tiny
    ) -> Outcome:
        words = ["train", recipe, "--backend", backend, "--data", str(data), "--device", "cpu", "--out", str(out)]
        words += ["--epochs", str(epochs), "--batch-size", str(BATCH)]
        words += [*(("--set", "width=2") if recipe.startswith("aistudio") else ()), *more]
        code = main(words)
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture
def checkpoint_each_epoch(monkeypatch) -> None:
    """Epochs this short would otherwise share one checkpoint, and the losses of a step are told at most ten times a
    second."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(loop, "EVENT_SECONDS", -1.0)
