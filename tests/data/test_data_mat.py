"""Reading good .mat files, in every layout that is taken, and the cost of reading the notebook's own."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from dualport.common.data import load

MOST_MEMORY_MB = 600
MOST_CPU_SECONDS = 6
one_hot = np.eye(10, dtype=np.float32)


def test_images_come_upright_as_grey_levels(mat, images, labels):
    path = mat()
    data = load(str(path))
    np.testing.assert_array_equal(data.images, images[:, None], strict=True)
    np.testing.assert_array_equal(data.labels, labels)
    assert (data.name, data.source) == ("some.mat", str(path))


def test_transposed_34_takes_the_file_as_h5py_shows_it(mat, images):
    straight = (images[:, None] / 255).astype(np.float32)
    np.testing.assert_array_equal(load(str(mat(straight)), transposed=True).images, images[:, None])
    np.testing.assert_array_equal(load(str(mat(straight))).images, images.swapaxes(1, 2)[:, None])


@pytest.mark.parametrize("kind", ["float64", "float32", "uint8", "uint16", "int64", ">f4", "float32 to 255", ">i2"])
def test_every_number_type_gives_the_same_grey_levels(mat, images, kind):
    turned = images.swapaxes(1, 2)[:, None]
    values = turned.astype(kind.split()[0]) if kind[0] in "ui" or "255" in kind or "i2" in kind else None
    values = (turned / 255).astype(kind) if values is None else values
    data = load(str(mat(values)))
    np.testing.assert_array_equal(data.images, images[:, None], strict=True)


@pytest.mark.parametrize("shape", [(30, 28, 28), (30, 1, 28, 28), (30, 784)])
def test_every_shape_is_taken(mat, images, shape):
    values = (images.swapaxes(1, 2) / 255).astype(np.float32).reshape(shape)
    np.testing.assert_array_equal(load(str(mat(values))).images, images[:, None])


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"chunks": (7, 1, 28, 28)},
        {"chunks": (30, 1, 5, 11), "compression": "gzip"},
        {"chunks": (1, 1, 28, 28), "shuffle": True},
        {"chunks": (8, 1, 28, 28), "shuffle": True, "compression": "gzip", "fletcher32": True},
        {"chunks": (64, 1, 28, 28), "maxshape": (None, 1, 28, 28), "fletcher32": True},
    ],
    ids=["contiguous", "chunked", "split", "shuffled", "all filters", "chunk beyond the data"],
)
def test_every_storage_is_read_as_hdf5_reads_it(mat, images, how):
    np.testing.assert_array_equal(load(str(mat(**how))).images, images[:, None])


@pytest.mark.parametrize("level", [0, 1, 255])
@pytest.mark.parametrize("count", [1, 30, 300])
def test_checksums_of_even_images(mat, level, count):
    """All sums a multiple of 65535, or all 0: where HDF5's way of summing shows."""
    values = np.full((count, 784), level, np.uint8)
    path = mat(values, np.zeros(count), chunks=(count, 784), fletcher32=True)
    assert load(str(path)).images.max() == (255 if level else 0)


def test_values_off_the_grid_stay_fractions(mat, images):
    fractions = (images.swapaxes(1, 2)[:, None] / 255).astype(np.float32)
    fractions[29, 0, 5, 6] = 0.3  # in the last image: found after the first look
    data = load(str(mat(fractions, chunks=(8, 1, 28, 28))))
    np.testing.assert_array_equal(data.images, fractions.swapaxes(2, 3), strict=True)


def test_a_dark_beginning_does_not_hide_the_range(mat):
    values = np.zeros((30, 28, 28), np.float32)
    values[0, 0, 0] = 1
    values[20:] = 255
    data = load(str(mat(values, chunks=(4, 28, 28))))
    assert data.images.dtype == np.uint8
    assert data.images[0].max() == 1
    assert data.images[25].min() == 255


def test_binary_images_are_black_and_white(mat):
    values = np.zeros((30, 28, 28), np.uint8)
    values[:, 3:9] = 1
    assert set(np.unique(load(str(mat(values))).images)) == {0, 255}


@pytest.mark.parametrize("shape", [(30,), (30, 1), (1, 30)])
@pytest.mark.parametrize("kind", ["float64", "uint8"])
def test_whole_number_labels(mat, labels, shape, kind):
    np.testing.assert_array_equal(load(str(mat(label=labels.astype(kind).reshape(shape)))).labels, labels)


def test_one_hot_labels_either_way_round(mat, labels):
    for rows in (one_hot[labels], one_hot[labels].T, one_hot[labels][:, :, None, None]):
        data = load(str(mat(label=np.ascontiguousarray(rows))))
        np.testing.assert_array_equal(data.labels, labels)
        assert data.labels.dtype == np.int64


@pytest.mark.parametrize(("meaning", "back"), [("ten-is-zero", lambda n: n % 10), ("shifted", lambda n: n - 1)])
def test_labels_1_to_10_are_taken_when_their_meaning_is_said(mat, meaning, back):
    counted = np.arange(30) % 10 + 1
    data = load(str(mat(label=counted.astype(np.float64))), label_meaning=meaning)
    np.testing.assert_array_equal(data.labels, back(counted))


def test_one_class_and_one_sample_39(mat, images):
    same = mat(label=np.full(30, 7.0))
    assert set(load(str(same)).labels) == {7}
    for label in (one_hot[[4]], np.array([[4.0]]), np.array(4.0).reshape(1)):
        single = load(str(mat(images[:1].swapaxes(1, 2), label)))
        assert single.images.shape == (1, 1, 28, 28)
        assert single.labels.tolist() == [4]


def test_ten_samples_keep_one_hot_rows_as_rows(mat, images):
    digits = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3])
    data = load(str(mat(images[:10].swapaxes(1, 2), one_hot[digits])))
    np.testing.assert_array_equal(data.labels, digits)


def test_images_alone_have_no_labels(mat):
    def drop(file):
        del file["label"]

    assert load(str(mat(build=drop))).labels is None


def test_a_folder_and_a_home_path_are_taken(mat, images, tmp_path, monkeypatch):
    mat(name="train.mat")
    assert len(load(str(tmp_path))) == 30
    monkeypatch.setenv("HOME", str(tmp_path))
    assert len(load("~/train.mat")) == 30


@pytest.mark.mnist
def test_real_mnist_is_upright_and_the_same_from_both_sources(shared_data):
    for part, first in (("train", [5, 0, 4, 1, 9, 2]), ("test", [7, 2, 1, 0, 4, 1])):
        stored, published = load(str(shared_data / "mnist_mat"), part), load("mnist", part)
        assert stored.labels[:6].tolist() == first
        np.testing.assert_array_equal(stored.images, published.images, strict=True)
        np.testing.assert_array_equal(stored.labels, published.labels, strict=True)
    assert published.name == "mnist"


@pytest.mark.mnist
def test_real_train_mat_costs_little(shared_data):
    code = """
import sys, time
from pathlib import Path
from dualport.common.data import load
start = time.process_time()  # user and system: what others do on the machine does not count
data = load(sys.argv[1])
seconds = time.process_time() - start
assert data.images.shape == (60000, 1, 28, 28) and data.images.dtype == "uint8"
# Not getrusage's maximum: a child inherits its parent's.
peak = next(line for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))
print(seconds, int(peak.split()[1]) / 1024)
"""
    command = [sys.executable, "-c", code, str(shared_data / "mnist_mat" / "train.mat")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    seconds, megabytes = map(float, done.stdout.split())
    assert seconds < MOST_CPU_SECONDS
    assert megabytes < MOST_MEMORY_MB
