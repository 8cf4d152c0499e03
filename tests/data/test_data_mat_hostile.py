"""Hostile and mistaken .mat files: cases 26 to 29 of the list of bad inputs."""

from __future__ import annotations

import gzip
import io
import struct
import tracemalloc
import zipfile
import zlib

import h5py
import numpy as np
import pytest
from dualport.common.data import load
from dualport.common.errors import BadInput

SECRET = b"the secret that must not be read"


def replaced(variable, **how):
    """Build a file whose `variable` is made anew by `create_dataset(**how)`."""

    def build(file):
        del file[variable]
        file.create_dataset(variable, **how)

    return build


# 26: other files


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.bin"
    path.write_bytes((SECRET * 800)[: 30 * 784])
    return path


def test_external_storage_26(mat, refused, secret):
    external = [(str(secret), 0, 30 * 784)]
    path = mat(build=replaced("image", shape=(30, 28, 28), dtype="u1", external=external))
    with h5py.File(path) as file:
        assert SECRET in file["image"][:].tobytes(), "the trap must work"
    assert "secret that" not in refused(path, "external storage")


def test_external_link_26(mat, refused, tmp_path):
    other = mat(name="other.mat")

    def build(file):
        del file["image"]
        file["image"] = h5py.ExternalLink(str(other), "/image")

    refused(mat(build=build), "external link")


@pytest.mark.parametrize("target", ["/real", "/nowhere", "/image"])
def test_soft_link_26(mat, refused, target):
    def build(file):
        file["real"] = file["image"]
        del file["image"]
        file["image"] = h5py.SoftLink(target)

    refused(mat(build=build), "soft link")


def test_virtual_dataset_26(mat, refused):
    other = mat(name="other.mat")

    def build(file):
        del file["image"]
        layout = h5py.VirtualLayout((30, 1, 28, 28), "f4")
        layout[:] = h5py.VirtualSource(str(other), "image", (30, 1, 28, 28))
        file.create_virtual_dataset("image", layout)

    refused(mat(build=build), "virtual")


# 27: something else


def packed_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("readme.txt", "nothing here")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"MATLAB 5.0 MAT-file, Platform: test".ljust(124) + b"\x00\x01IM" + b"\0" * 600, "v5"),
        (struct.pack("<5i", 0, 2, 2, 0, 6) + b"image\0" + b"\0" * 32, "v4"),
        (struct.pack(">5i", 1000, 2, 2, 0, 6) + b"image\0" + b"\0" * 32, "v4"),
        (b"0.1, 0.2, 0.3\n" * 50, "text file"),
        (b"\n<!DOCTYPE html><html><body>404</body></html>", "web page"),
        (gzip.compress(b"MATLAB 7.3"), "gunzip"),
        (b"", "empty"),
        (bytes(range(128, 256)) * 8, "no HDF5 signature"),
        (packed_zip(), "train.mat"),
    ],
    ids=["v5", "v4 little", "v4 big", "text", "html", "gzip", "empty", "noise", "zip"],
)
def test_another_kind_of_file_27(tmp_path, refused, content, words):
    path = tmp_path / "train.mat"
    path.write_bytes(content)
    refused(path, words)


def test_what_scipy_writes_is_named_27(tmp_path, refused):
    from scipy.io import savemat

    for version in ("4", "5"):
        path = tmp_path / f"v{version}.mat"
        savemat(path, {"image": np.zeros((3, 784))}, format=version)
        refused(path, f"v{version}", "-v7.3", "scipy.io.loadmat")


# 28: cut off


@pytest.mark.parametrize("keep", [lambda n: n - 1, lambda n: n // 2, lambda n: 600, lambda n: 520, lambda n: 128])
def test_cut_off_28(mat, refused, keep):
    path = mat()
    content = path.read_bytes()
    path.write_bytes(content[: keep(len(content))])
    refused(path, "cut off")


def test_any_flipped_byte_is_read_or_refused_28(mat):
    """Damage in the structure must not surface as another error."""
    path = mat(image=np.zeros((30, 28, 28), "u1"), compression="gzip", chunks=(30, 28, 28))
    whole = path.read_bytes()
    messages = []
    for at in range(512, len(whole), 37):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            load(str(path))
        except BadInput as refusal:
            messages.append(str(refusal))
    assert messages
    assert not any("\n" in message for message in messages)


# 29: bombs


def test_eight_terabytes_29(mat, refused):
    refused(mat(build=replaced("image", shape=(10**10, 784), dtype="u1", chunks=(256, 784))), "7,840,000,000,000")


def test_gzip_bomb_29(mat, refused):
    path = mat(np.zeros((40_000, 784), np.uint8), compression="gzip", compression_opts=9, chunks=(4000, 784))
    assert path.stat().st_size < 1 << 20
    refused(path, "200 times")


def test_a_chunk_that_inflates_beyond_its_size_29(mat, refused):
    """HDF5 itself would inflate all of it before it compares the size."""

    def build(file):
        squeeze = zlib.compressobj(9)
        bomb = b"".join(squeeze.compress(bytes(1 << 20)) for _ in range(100)) + squeeze.flush()
        size = len(bomb)
        del file["image"]
        made = file.create_dataset(
            "image", (size // 784 + 1, 784), "u1", chunks=(size // 784 + 1, 784), compression="gzip"
        )
        made.id.write_direct_chunk((0, 0), bomb)
        del file["label"]

    path = mat(build=build)
    tracemalloc.start()
    refused(path, "chunk at [0, 0] is damaged")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20, "it was inflated beyond what the chunk can hold"


@pytest.mark.parametrize("size", [30 * 784 - 1, 30 * 784 + 1, 0])
def test_a_chunk_that_unpacks_to_another_size_29(mat, refused, size):
    def build(file):
        replaced("image", shape=(30, 784), dtype="u1", chunks=(30, 784), compression="gzip")(file)
        file["image"].id.write_direct_chunk((0, 0), zlib.compress(bytes(size)))

    refused(mat(build=build), "chunk at [0, 0] is damaged")


def test_two_gigabyte_chunk_29(mat, refused):
    how = {"shape": (30, 784), "maxshape": (None, 784), "chunks": (2_700_000, 784), "dtype": "u1"}
    refused(mat(build=replaced("image", **how)), "never written")

    def build(file):
        made = replaced("image", compression="gzip", **how)
        made(file)
        file["image"].id.write_direct_chunk((0, 0), zlib.compress(bytes(30 * 784)))

    refused(mat(build=build), "chunks of 2,116,800,000 bytes")


def test_never_written_29(mat, refused):
    refused(mat(build=replaced("image", shape=(30, 784), dtype="f4")), "never written")

    def build(file):
        replaced("image", shape=(30, 784), dtype="f4", chunks=(5, 784))(file)
        file["image"][:5] = 0.5

    refused(mat(build=build), "1 of its 6 chunks")


def test_tiny_chunks_29(mat, refused):
    def build(file):
        replaced("image", shape=(60_000, 784), dtype="u1", chunks=(1, 1))(file)
        file["image"][0, :9] = 1

    refused(mat(build=build), "tiny chunks")
