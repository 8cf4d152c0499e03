"""Variables that are no plain numbers, or packed unusually: cases 30, 31 and 39 of the list of bad inputs."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

# 30: not numbers


def group(file, attribute=None):
    made = file.create_group("image")
    if attribute:
        made.attrs[attribute] = 784


def empty(file):
    made = file.create_dataset("image", data=np.array([0, 0], "u8"))
    made.attrs["MATLAB_empty"] = np.uint8(1)


def char(file):
    made = file.create_dataset("image", data=np.zeros((30, 784), "u2"))
    made.attrs["MATLAB_class"] = np.bytes_("char")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (group, "struct or a group"),
        (lambda file: group(file, "MATLAB_sparse"), "sparse"),
        (lambda file: file.create_dataset("image", (30, 784), h5py.ref_dtype), "cell array"),
        (lambda file: file.create_dataset("image", data=np.zeros((30, 784), "c8")), "complex"),
        (lambda file: file.create_dataset("image", data=np.full((30, 784), b"a")), "text"),
        (lambda file: file.create_dataset("image", data=["a"], dtype=h5py.string_dtype()), "text"),
        (lambda file: file.create_dataset("image", data=np.zeros((30, 784), "g")), "not an array of numbers"),
        (lambda file: file.create_dataset("image", data=np.zeros((30, 784), bool)), "boolean"),
        (char, "char"),
        (empty, "empty"),
        (lambda file: file.create_dataset("image", data=h5py.Empty("f4")), "empty"),
        (lambda file: file.create_dataset("image", (0, 784), "f4"), "empty"),
    ],
    ids=[
        "struct",
        "sparse",
        "cell",
        "complex",
        "fixed-text",
        "text",
        "long-double",
        "bool",
        "char",
        "matlab-empty",
        "null",
        "no-rows",
    ],
)
def test_not_an_array_of_numbers_30_39(mat, refused, make, words):
    def build(file):
        del file["image"]
        make(file)

    refused(mat(build=build), "image", words)


def test_unusual_number_format_30(mat, refused):
    def build(file):
        del file["image"]
        kind = h5py.h5t.STD_U16LE.copy()
        kind.set_precision(12)
        space = h5py.h5s.create_simple((30, 784))
        h5py.h5d.create(file.id, b"image", kind, space).write(h5py.h5s.ALL, h5py.h5s.ALL, np.zeros((30, 784), "u2"))

    refused(mat(build=build), "unusual number format")


def test_absent_variable_lists_what_is_there_30(mat, refused):
    def build(file):
        file.move("image", "pictures")

    refused(mat(build=build), "label, pictures")

    def misspelt(file):
        file.move("label", "lable")

    refused(mat(build=misspelt), "'label'", "image, lable")


# 31: filters


@pytest.mark.parametrize("how", [{"compression": "lzf"}, {"scaleoffset": 8}])
def test_unknown_filter_31(mat, refused, how):
    refused(mat(np.zeros((30, 784), np.uint8), **how), "filter", "deflate, shuffle, fletcher32")


def test_fletcher32_finds_a_flipped_byte_31(mat, refused):
    path = mat(np.full((30, 784), 77, np.uint8), chunks=(30, 784), fletcher32=True)
    content = path.read_bytes()
    at = content.index(b"\x4d" * 784) + 100
    path.write_bytes(content[:at] + b"\x4e" + content[at + 1 :])
    refused(path, "damaged")
