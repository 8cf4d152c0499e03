"""The notebook's zip: good ones, and case 37 of the list of bad inputs."""

from __future__ import annotations

import stat
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from dualport.common.data import load


@pytest.fixture
def packed(tmp_path, mat):
    """Write a zip with the notebook's two files, after `build(archive)`."""

    def write(build=None, names=("mnist_mat/train.mat", "mnist_mat/test.mat"), how=zipfile.ZIP_DEFLATED) -> Path:
        path = tmp_path / "mnist_mat.zip"
        with zipfile.ZipFile(path, "w", how) as archive:
            if build:
                build(archive)
            for name in names:
                archive.write(mat(), name)
        return path

    return write


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_the_notebooks_zip(packed, images, tmp_path, monkeypatch, how):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    path = packed(how=how)
    for part in ("train", "test"):
        data = load(str(path), part)
        np.testing.assert_array_equal(data.images, images[:, None])
        assert data.name == f"{part}.mat"
        assert data.source == f"{path}/mnist_mat/{part}.mat"
    assert not list(scratch.iterdir()), "what was unpacked must be removed"


def link(archive):
    entry = zipfile.ZipInfo("mnist_mat/link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(entry, "/etc/passwd")


def twice(archive):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive.writestr("a.txt", "one")
        archive.writestr("a.txt", "two")


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda archive: archive.writestr("../evil.txt", "x"), "leads out"),
        (lambda archive: archive.writestr("a/../../evil.txt", "x"), "leads out"),
        (lambda archive: archive.writestr("/tmp/evil.txt", "x"), "leads out"),
        (lambda archive: archive.writestr("..\\evil.txt", "x"), "leads out"),
        (lambda archive: archive.writestr("C:\\evil.txt", "x"), "leads out"),
        (link, "symbolic link"),
        (twice, "twice"),
        (lambda archive: archive.writestr("zeros", bytes(64 << 20)), "200 times"),
        (lambda archive: archive.writestr("odd", "x" * 99, zipfile.ZIP_LZMA), "unusual"),
    ],
    ids=["dots", "inner-dots", "absolute", "backslash", "drive", "symlink", "twice", "ratio", "lzma"],
)
def test_hostile_members_37(packed, refused, build, words):
    refused(packed(build), words)


def test_missing_or_double_part_37(packed, refused):
    refused(packed(names=["mnist_mat/test.mat"]), "no file called train.mat", "mnist_mat/test.mat")
    refused(packed(names=["a/train.mat", "b/train.mat"]), "2 files called train.mat")


def test_encrypted_37(packed, refused):
    path = packed(how=zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    path.write_bytes(content)
    refused(path, "unpack the archive yourself")


def test_damaged_37(packed, refused):
    path = packed(how=zipfile.ZIP_STORED)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    refused(path, "damaged zip")
    flipped = bytearray(content)
    flipped[len(content) // 4] ^= 1
    path.write_bytes(flipped)
    refused(path, "CRC")


def test_a_size_that_lies_37(packed, refused):
    """The central directory claims fewer bytes than the stream unpacks to."""
    path = packed(how=zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    for signature, at in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = content.index(signature) + at
        content[start : start + 4] = (700).to_bytes(4, "little")
    path.write_bytes(content)
    refused(path)


def test_a_bad_file_inside_is_named_37(packed, refused):
    path = packed(lambda archive: archive.writestr("mnist_mat/train.mat", "not data"), names=["mnist_mat/test.mat"])
    refused(path, f"{path}/mnist_mat/train.mat: is a text file")


def test_full_temporary_folder_37(packed, monkeypatch, tmp_path):
    from dualport.common.errors import EnvironmentFailed

    path = packed()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    real = Path.open

    def full(self, mode="r", *more, **options):
        if mode == "wb":
            raise OSError(28, "No space left on device")
        return real(self, mode, *more, **options)

    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(EnvironmentFailed, match=r"No space left on device.*set TMPDIR"):
        load(str(path))
    assert sorted(tmp_path.rglob("*")) == before
