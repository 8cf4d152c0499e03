"""What the tests of runs share: small data, a full disk, and what a finished run says."""

from __future__ import annotations

import contextlib
import json
import resource
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dualport.common.runs.checkpoint import Checkpoint, load_newest
from dualport.common.runs.folder import RunFolder

IMAGES = 40


def write_idx(folder: Path, seed: int, count: int = IMAGES) -> Path:
    """A folder of idx files: images of random strokes, and labels 0..9."""
    random = np.random.default_rng(seed)
    pixels = (random.random((count, 28, 28)) < 0.2) * random.integers(1, 256, (count, 28, 28))
    images = struct.pack(">IIII", 2051, count, 28, 28) + pixels.astype(np.uint8).tobytes()
    labels = struct.pack(">II", 2049, count) + (np.arange(count) % 10).astype(np.uint8).tobytes()
    (folder / "train-images-idx3-ubyte").write_bytes(images)
    (folder / "train-labels-idx1-ubyte").write_bytes(labels)
    return folder


@dataclass
class Outcome:
    """What a command gave back."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one sentence on stderr, after the lines of progress."""
        lines = [line for line in self.err.splitlines() if "images/s" not in line]
        assert len(lines) == 1, self.err
        assert lines[0].startswith("dualport: ")
        return lines[0]


@contextlib.contextmanager
def full_disk(limit: int) -> Iterator[None]:
    """No file can grow beyond `limit` bytes: writes fail as they do on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def newest(out: Path) -> Checkpoint:
    """The newest checkpoint, which must be whole."""
    checkpoint, complaints = load_newest(RunFolder(out).checkpoints)
    assert checkpoint is not None
    assert complaints == []
    return checkpoint


def metrics(out: Path) -> list[dict]:
    """The rows of `metrics.jsonl` without the time they took."""
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [{key: row[key] for key in row if key not in ("seconds", "images_per_second")} for row in rows]


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`, by relative path."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def litter(folder: Path) -> list[Path]:
    """Temporary files that a writer left."""
    return list(folder.rglob(".dualport-tmp-*"))
