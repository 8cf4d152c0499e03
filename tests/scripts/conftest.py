"""A small data set, and the command line in this process."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dualport.scripts.command_line import main


@pytest.fixture(scope="session")
def write_idx() -> Callable[..., Path]:
    """Make a folder of idx files with random strokes and labels 0..9."""
    return _write_idx


def _write_idx(folder: Path, count: int = 20, side: int = 28, labelled: bool = True) -> Path:
    random = np.random.default_rng(3)
    pixels = (random.random((count, side, side)) < 0.2) * random.integers(1, 256, (count, side, side))
    folder.mkdir(exist_ok=True)
    images = struct.pack(">IIII", 2051, count, side, side) + pixels.astype(np.uint8).tobytes()
    (folder / "train-images-idx3-ubyte").write_bytes(images)
    if labelled:
        labels = struct.pack(">II", 2049, count) + (np.arange(count) % 10).astype(np.uint8).tobytes()
        (folder / "train-labels-idx1-ubyte").write_bytes(labels)
    return folder


@pytest.fixture
def refused(capsys) -> Callable[..., str]:
    """Run a command that must fail: the exit code, one sentence on stderr, nothing on stdout. Gives the sentence."""

    def call(*words: object, code: int = 2) -> str:
        assert main([str(word) for word in words]) == code
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("dualport: ")
        assert err.endswith("\n")
        assert len(err.splitlines()) == 1, err
        return err.strip()

    return call
