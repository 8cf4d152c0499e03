"""MNIST's idx files: good ones, and case 35 of the list of bad inputs."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
from dualport.common.data import load


def header(*lengths: int, kind: int = 0x08) -> bytes:
    return bytes([0, 0, kind, len(lengths)]) + struct.pack(f">{len(lengths)}I", *lengths)


@pytest.mark.parametrize("packed", [True, False])
def test_a_folder_plain_or_gzipped(idx, images, labels, packed):
    data = load(str(idx(packed=packed)))
    np.testing.assert_array_equal(data.images, images[:, None], strict=True)
    np.testing.assert_array_equal(data.labels, labels)
    assert data.images.flags.writeable


def test_names_with_a_dot_and_transposed_pixels(idx, images):
    folder = idx()
    (folder / "train-images-idx3-ubyte.gz").rename(folder / "train-images.idx3-ubyte.gz")
    data = load(str(folder), transposed=True)  # as EMNIST stores them
    np.testing.assert_array_equal(data.images, images.swapaxes(1, 2)[:, None])


def test_images_without_labels(idx):
    folder = idx()
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    assert load(str(folder)).labels is None


BOMB = gzip.compress(header(60_000, 28, 28) + bytes(60_000 * 784))


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("images", header(30, 784) + bytes(30 * 784), ("not 00000803",)),
        ("images", header(30, 28, 28, kind=13) + bytes(30 * 784), ("00000d03",)),
        ("images", b"", ("starts with nothing",)),
        ("images", header(30, 28, 28)[:10], ("header",)),
        ("images", header(30, 28, 28) + bytes(29 * 784), ("23,520", "22,736")),
        ("images", header(30, 28, 28) + bytes(31 * 784), ("more than",)),
        ("images", header(2**32 - 1, 2**32 - 1, 2**32 - 1), ("claims",)),
        ("images", header(0, 28, 28), ("empty",)),
        ("images", header(30, 32, 32) + bytes(30 * 1024), ("32×32",)),
        ("labels", header(29) + bytes(29), ("30 images",)),
        ("labels", header(30) + bytes([10] * 30), ("--labels ten-is-zero",)),
        ("labels", header(30) + bytes([11] * 30), ("outside 0..9",)),
    ],
    ids=[
        "magic",
        "type",
        "empty",
        "header",
        "short",
        "trailing",
        "giant",
        "none",
        "size",
        "count",
        "one-based",
        "label",
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_damaged_35(idx, refused, kind, content, words, packed):
    refused(idx(kind, content, packed), *words)


def test_gzip_bomb_and_damage_35(idx, refused):
    folder = idx()
    file = folder / "train-images-idx3-ubyte.gz"
    file.write_bytes(BOMB)
    refused(folder, "200 times")
    for damaged in (BOMB[:-4], BOMB[:200], BOMB[:12] + b"\xff" * 40):
        file.write_bytes(damaged)
        refused(folder, str(file))


def test_a_wrong_checksum_35(idx, refused, images):
    folder = idx()
    file = folder / "train-images-idx3-ubyte.gz"
    content = bytearray(file.read_bytes())
    content[-8] ^= 1
    file.write_bytes(content)
    refused(folder, "damaged")


def test_other_places_35(idx, refused, tmp_path):
    folder = idx()
    refused(folder, "no test.mat", "train-images", part="test")
    refused(folder / "train-images-idx3-ubyte.gz", "name the folder")
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    refused(nothing, "it is empty", "a folder of idx files")
