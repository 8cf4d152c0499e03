"""Writing the notebook's .mat files: the layout of the real one, the round trip, and failures."""

from __future__ import annotations

import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from dualport.common.data import Dataset, export_mat, export_parts, load
from dualport.common.errors import BadInput, EnvironmentFailed


@pytest.fixture(scope="module")
def some() -> Dataset:
    return load("digits").subset(slice(0, 600))


def layout(path) -> dict:
    """All that a reader of the file can tell but the values and the date."""
    with h5py.File(path) as file:
        head = path.read_bytes()[:520]
        found = {"userblock": file.userblock_size, "version": head[116:128], "signature": head[512:], "text": head[:10]}
        for name, variable in file.items():
            kind = variable.attrs.get_id("MATLAB_class").get_type()
            filters = variable.id.get_create_plist()
            found[name] = (
                variable.shape[1:],
                variable.dtype,
                variable.chunks,
                [filters.get_filter(index)[:3] for index in range(filters.get_nfilters())],
                dict(variable.attrs),
                (kind.get_strpad(), kind.get_size(), kind.get_class()),
                variable.maxshape[1:],
            )
    return found


def test_the_round_trip_keeps_everything(some, tmp_path):
    export_mat(some, tmp_path / "train.mat")
    back = load(str(tmp_path / "train.mat"))
    assert back.sha256 == some.sha256


def test_fractions_and_missing_labels_survive(tmp_path):
    fractions = np.random.default_rng(0).random((5, 1, 28, 28), np.float32)
    export_mat(Dataset(fractions, None, "noise", "a test"), tmp_path / "noise.mat")
    back = load(str(tmp_path / "noise.mat"))
    np.testing.assert_array_equal(back.images, fractions, strict=True)
    assert back.labels is None


def test_the_notebooks_own_reading_gives_upright_images(some, tmp_path):
    """As the notebook does: h5py, exchange the last two axes, 2x - 1; labels reshaped to [N, 10, 1, 1]."""
    export_mat(some, tmp_path / "train.mat")
    with h5py.File(tmp_path / "train.mat") as file:
        image = np.swapaxes(np.array(file["image"]), 2, 3) * 2 - 1
        label = np.array(file["label"]).reshape(-1, 10, 1, 1)
    np.testing.assert_array_equal(image, some.scaled(-1, 1), strict=True)
    np.testing.assert_array_equal(label[:, :, 0, 0], some.one_hot(), strict=True)


def test_the_same_data_is_the_same_file(some, tmp_path):
    export_mat(some, tmp_path / "a.mat")
    export_mat(some, tmp_path / "b.mat")
    assert (tmp_path / "a.mat").read_bytes() == (tmp_path / "b.mat").read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.mat", "b.mat"]


@pytest.mark.mnist
def test_the_layout_is_the_real_files(shared_data, tmp_path):
    digits = load("digits")
    export_mat(digits.subset(np.arange(2048) % len(digits)), tmp_path / "train.mat")
    assert layout(tmp_path / "train.mat") == layout(shared_data / "mnist_mat" / "train.mat")


def test_the_layout_is_matlabs(some, tmp_path):
    """The same without the real file: header, user block, filters and class, as MATLAB needs them."""
    export_mat(some, tmp_path / "train.mat")
    found = layout(tmp_path / "train.mat")
    assert (found["userblock"], found["text"], found["signature"]) == (512, b"MATLAB 7.3", b"\x89HDF\r\n\x1a\n")
    assert found["version"] == bytes(8) + b"\x00\x02IM"
    for name, shape, chunks in (("image", (1, 28, 28), (256, 1, 28, 28)), ("label", (10,), (600, 10))):
        assert found[name][:3] == (shape, np.float32, chunks)
        assert [number for number, *_ in found[name][3]] == [2, 1]  # shuffle, then deflate
        assert found[name][4] == {"MATLAB_class": b"single"}


def test_other_shapes_and_no_images_are_refused_39(some, tmp_path):
    faces = Dataset(np.zeros((2, 3, 64, 64), np.uint8), None, "faces", "faces")
    with pytest.raises(BadInput, match="2×3×64×64"):
        export_mat(faces, tmp_path / "faces.mat")
    with pytest.raises(BadInput, match="N at least 1"):
        export_mat(some.subset([]), tmp_path / "none.mat")
    assert not list(tmp_path.iterdir())


def test_all_parts_or_none(some, tmp_path):
    (tmp_path / "train.mat").write_text("before")
    (tmp_path / "test.mat").mkdir()
    with pytest.raises(BadInput, match="is a folder"):
        export_parts({"train": some, "test": some}, tmp_path)
    assert (tmp_path / "train.mat").read_text() == "before"
    bad = Dataset(some.images, some.labels + 5, "bad", "bad")
    with pytest.raises(BadInput, match=r"outside 0\.\.9"):
        export_parts({"train": some, "other": bad}, tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["test.mat", "train.mat"]
    assert (tmp_path / "train.mat").read_text() == "before"


def test_a_full_disk_leaves_nothing(tmp_path):
    """A limit on the size of files stands in for the full disk."""
    code = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
import sys
from dualport.scripts.command_line import main
sys.exit(main(["data", "export", {str(tmp_path / "new" / "out")!r}, "--from", "digits"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == EnvironmentFailed.exit_code, done.stderr
    assert done.stderr.count("\n") == 1
    assert "cannot be written" in done.stderr
    assert not list(tmp_path.iterdir())
