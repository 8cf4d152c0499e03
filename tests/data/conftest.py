"""Builders of small data files, good and bad, and one way to ask that a bad one is refused."""

from __future__ import annotations

import gzip
import resource
import struct
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from dualport.common.data import load
from dualport.common.errors import BadInput


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch) -> Path:
    """A cache of this test's own, outside the folder that `refused` watches; never the user's."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("DUALPORT_CACHE", str(folder))
    return folder


@pytest.fixture
def images() -> np.ndarray:
    """uint8 [30, 28, 28], upright: row 3 of image i is bright, and one pixel tells which image it is."""
    grey = np.random.default_rng(5).integers(0, 256, (30, 28, 28)).astype(np.uint8)
    grey[:, 3] = 250
    return grey


@pytest.fixture
def labels() -> np.ndarray:
    return np.arange(30) % 10


def one_hot(labels: np.ndarray) -> np.ndarray:
    return np.eye(10, dtype=np.float32)[labels]


def stored(images: np.ndarray) -> np.ndarray:
    """As h5py must see them: float32 [N, 1, 28, 28], rows and columns exchanged."""
    return (images.swapaxes(1, 2)[:, None] / 255).astype(np.float32)


@pytest.fixture
def mat(tmp_path, images, labels):
    """Write a v7.3 file; `image` and `label` replace the good values, `build(file)` changes anything else."""

    def write(image=None, label=None, build=None, name="some.mat", **how) -> Path:
        path = tmp_path / name
        with h5py.File(path, "w", userblock_size=512, libver="earliest") as file:
            file.create_dataset("image", data=stored(images) if image is None else image, **how)
            file.create_dataset("label", data=one_hot(labels) if label is None else label)
            for variable in ("image", "label"):
                file[variable].attrs["MATLAB_class"] = np.bytes_("single")
            if build:
                build(file)
        stamp_header(path)
        return path

    return write


def stamp_header(path: Path) -> None:
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: test".ljust(116) + b"\0" * 8 + b"\x00\x02IM")


@pytest.fixture
def idx(tmp_path, images, labels):
    """Write a folder of idx files; `kind` "images" or "labels" is then replaced by `content` (gzipped or not)."""

    def write(kind: str | None = None, content: bytes = b"", packed: bool = True) -> Path:
        folder = tmp_path / "idx"
        folder.mkdir(exist_ok=True)
        good = {
            "images-idx3": struct.pack(">4i", 0x803, *images.shape) + images.tobytes(),
            "labels-idx1": struct.pack(">2i", 0x801, len(labels)) + labels.astype(np.uint8).tobytes(),
        }
        for stem, intact in good.items():
            body = content if kind and stem.startswith(kind) else intact
            file = folder / f"train-{stem}-ubyte{'.gz' if packed else ''}"
            file.write_bytes(gzip.compress(body) if packed else body)
        return folder

    return write


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """Ask that `load` refuses a source: one sentence with the words, fast, in little memory, nothing left behind."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))

    def ask(source: Path, *words: str, **options) -> str:
        before = sorted(tmp_path.rglob("*"))
        start, memory = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(BadInput) as caught:
            load(str(source), **options)
        message = str(caught.value)
        assert str(source) in message
        assert "\n" not in message
        assert ";" in message or "," in message, "the next step is missing"
        told = message.replace(str(tmp_path), "")  # pytest names that folder after the test: no word may come from it
        for word in words:
            assert word.replace(str(tmp_path), "") in told
        assert time.process_time() - start < 2  # of this process: a busy machine does not count
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 1 << 20  # in KiB: 1 GiB
        assert sorted(tmp_path.rglob("*")) == before
        return message

    return ask
