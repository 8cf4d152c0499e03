"""Dataset: scaling bit for bit, one-hot rows, subsets, the hash; and the embedded digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dualport.common.data import Dataset, load
from dualport.common.errors import BadInput


def every_grey() -> Dataset:
    return Dataset(np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16), np.array([3]), "grey", "a test")


def test_scaled_is_the_notebooks_arithmetic_bit_for_bit():
    stored = (np.arange(256) / 255).astype(np.float32).reshape(1, 1, 16, 16)  # what the notebook's file holds
    np.testing.assert_array_equal(every_grey().scaled(-1, 1), stored * np.float32(2) - np.float32(1), strict=True)
    np.testing.assert_array_equal(every_grey().scaled(0, 1), stored, strict=True)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 255)])
def test_grey_levels_and_fractions_scale_alike(low, high):
    grey = every_grey()
    fractions = Dataset(grey.scaled(0, 1), grey.labels, "fractions", "a test")
    np.testing.assert_array_equal(grey.scaled(low, high), fractions.scaled(low, high), strict=True)


def test_one_hot_has_a_single_one_in_each_row():
    data = Dataset(np.zeros((3, 1, 28, 28), np.uint8), np.array([0, 9, 4]), "three", "a test")
    np.testing.assert_array_equal(data.one_hot(), np.eye(10, dtype=np.float32)[[0, 9, 4]], strict=True)
    with pytest.raises(BadInput, match=r"label 9 at index 1 is outside 0\.\.4"):
        data.one_hot(5)


def test_one_hot_without_labels_says_what_is_missing():
    with pytest.raises(BadInput, match="holds no labels"):
        Dataset(np.zeros((3, 1, 28, 28), np.uint8), None, "three", "a test").one_hot()


def test_subset_keeps_order_and_pairs_images_with_labels():
    digits = load("digits")
    some = digits.subset([5, 25, 0])
    np.testing.assert_array_equal(some.images, digits.images[[5, 25, 0]])
    np.testing.assert_array_equal(some.labels, digits.labels[[5, 25, 0]])
    assert len(digits.subset([])) == 0
    assert len(digits.subset(digits.labels == 7)) == 179
    some.images[:] = 0
    assert digits.images[5].any(), "a subset must not share memory with the whole"
    with pytest.raises(BadInput, match="holds 1797 images"):
        digits.subset([1797])


def test_hash_follows_the_content_alone():
    grey = every_grey()
    assert grey.sha256 == Dataset(grey.images.copy(), grey.labels.copy(), "other", "elsewhere").sha256
    assert grey.sha256 != Dataset(grey.images, np.array([4]), "grey", "a test").sha256
    assert grey.sha256 != Dataset(grey.images, None, "grey", "a test").sha256
    assert grey.sha256 != Dataset(grey.images.reshape(1, 1, 8, 32), grey.labels, "grey", "a test").sha256
    brighter = grey.images.copy()
    brighter[0, 0, 0, 0] = 1
    assert grey.sha256 != Dataset(brighter, grey.labels, "grey", "a test").sha256


def test_digits_are_1797_centred_in_mnists_frame():
    digits = load("digits")
    assert digits.images.shape == (1797, 1, 28, 28)
    assert digits.images.dtype == np.uint8
    assert digits.labels.dtype == np.int64
    assert np.bincount(digits.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    weight = digits.images[:, 0].astype(float)
    place = np.arange(28) - 13.5
    for axis in (1, 2):  # the centre of mass of each digit is within half a pixel of the frame's
        centre = (weight.sum(3 - axis) * place).sum(1) / weight.sum((1, 2))
        assert np.abs(centre).max() <= 0.5


def test_digits_shrink_back_to_what_scikit_learn_ships():
    from sklearn.datasets import load_digits

    raw = load_digits().images / 16
    frame = load("digits").images[:, 0] / 255
    for index in (0, 1, 500, 1796):
        rows, columns = (np.flatnonzero(frame[index].any(axis)) for axis in (1, 0))
        middles = np.rint(np.arange(8) * 2.5 + 0.75).astype(int)
        shifts = [
            frame[index][top : top + 20, left : left + 20][np.ix_(middles, middles)]
            for top in range(max(0, rows.max() - 19), min(8, rows.min()) + 1)
            for left in range(max(0, columns.max() - 19), min(8, columns.min()) + 1)
        ]
        likeness = max(np.corrcoef(shift.ravel(), raw[index].ravel())[0, 1] for shift in shifts)
        assert likeness > 0.95


def test_digits_are_the_same_pixels_on_every_machine():
    assert load("digits").sha256 == "b352af1f95aadb63a482ad71364a542e5377081a24577f1d9bb16363e88395f3"


def test_the_test_part_of_digits_is_every_fifth():
    np.testing.assert_array_equal(load("digits", "test").images, load("digits").images[4::5])


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("mnsit", "digits (embedded), mnist, a .mat v7.3 file"),
        ("digits/none.mat", "no such file"),
        ("/dev/zero", "not a"),
        ("~nobody/x", "no such"),
    ],
)
def test_anything_else_is_refused_with_what_is_taken(source, words):
    with pytest.raises(BadInput) as caught:
        load(source)
    assert words in str(caught.value)


def test_an_unreadable_file_is_a_sentence(tmp_path, monkeypatch):
    """Said of a folder too, and where the tests run as root, whom no permission stops."""
    file = tmp_path / "train.mat"
    file.write_text("data")

    def locked(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    for attribute in ("open", "exists", "is_dir"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, attribute, locked)
            with pytest.raises(BadInput, match=r"train.mat: cannot be read \(Permission"):
                load(str(file))


def test_a_wrong_part_or_meaning_is_refused():
    with pytest.raises(BadInput, match="choose one of train, test"):
        load("digits", "validation")
    with pytest.raises(BadInput, match="choose one of ten-is-zero, shifted"):
        load("digits", label_meaning="one-based")
    with pytest.raises(BadInput, match="give such options with a file only"):
        load("digits", transposed=True)
