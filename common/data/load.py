"""One door to every source of training data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import BadInput, choose
from .dataset import Dataset
from .formats.idx import find_idx, read_idx_folder
from .formats.image_folder import Progress, holds_images, is_image_name, read_image_folder
from .formats.labels import MEANINGS
from .formats.mat import read_mat
from .formats.notebook_zip import read_zip
from .formats.signature import signature
from .sources.digits import load_digits
from .sources.mnist import load_mnist
from .sources.photos import load_photos

PARTS = ("train", "test")
NAMED = ("digits", "mnist", "photos")  # sources that are no paths
TAKEN = (
    "the data is one of: digits (embedded), mnist, a .mat v7.3 file, the notebook's zip, a folder of idx files, a "
    "folder with train.mat and test.mat, a folder of images, or photos (embedded)"
)


def load(
    source: str,
    part: str = "train",
    transposed: bool = False,
    label_meaning: str | None = None,
    *,
    image_shape: Sequence[int] | None = None,
    crop: int | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Read training data: 28×28 and upright, or pictures brought to `image_shape`.

    Args:
        source: `digits` (all 1,797 in "train"; every fifth of the same ones in "test"), `mnist` (from the local cache,
            else the folder that the environment variable DUALPORT_DATA names, else downloaded), or a path: a `.mat`
            v7.3 file, a zip with train.mat and test.mat, a folder of idx files, a folder of such `.mat` files, a folder
            of images (see `folder.read_image_folder`); or `photos`, 1,050 windows of two embedded photographs.
        part: "train" or "test"; a path to a single `.mat` file is that file, whatever the part. "test" of `digits`,
            `photos` and a folder of images is every fifth of the same ones, for looking at.
        transposed: the file holds its images with rows and columns exchanged.
        label_meaning: what labels 1..10 stand for: "ten-is-zero" or "shifted".
        image_shape: (C, H, W) that a folder of images or `photos` is brought to, by default (3, 64, 64). Other sources
            have their size, and ignore this.
        crop: side in pixels of the centre crop that the images of a folder are cut to first; None: as large as can be.
            Other sources, `photos` too, ignore it.
        progress: called with (images decoded, images in all) while a folder of images is read for the first time.

    Raises:
        BadInput: the source is none of these, or is damaged, hostile, or not images and labels.
        EnvironmentFailed: a download failed, or the disk is full.
    """
    choose(part, PARTS, "part of the data")
    if label_meaning is not None:
        choose(label_meaning, MEANINGS, "meaning of labels")
    corrected = transposed or label_meaning is not None
    if source in NAMED:
        return _read_named(source, part, corrected, image_shape)
    try:
        path = as_path(source)
        if not is_image_folder(path, part):
            return _read_path(path, part, transposed, label_meaning)
        if corrected:
            raise BadInput(f"{source}: holds images, which are upright and have no labels; leave out such options")
        return read_image_folder(path, part, image_shape, crop, progress)
    except OSError as error:
        raise BadInput(f"{source}: cannot be read ({error.strerror or error}); check it and its permissions") from error


def as_path(source: str) -> Path:
    """The path that `source` names; the shell leaves the home folder in `--data=~/mnist` to its program."""
    return Path(source).expanduser() if str(source).startswith("~/") else Path(source)


def find_mat(folder: Path, part: str) -> Path | None:
    """The `.mat` file of one part, in `folder` or in its `mnist_mat`."""
    places = (folder / f"{part}.mat", folder / "mnist_mat" / f"{part}.mat")
    return next((place for place in places if place.is_file()), None)


def is_image_folder(path: Path, part: str = "train") -> bool:
    """Whether `load` would read `path` as a folder of images: `.mat` and idx files of the part come first."""
    if not path.is_dir() or find_mat(path, part) or find_idx(path, part, "images", 3):
        return False
    return holds_images(path)


def _read_named(source: str, part: str, corrected: bool, image_shape: Sequence[int] | None) -> Dataset:
    if corrected:
        known = "has no labels" if source == "photos" else "labelled 0..9"
        raise BadInput(f"{source}: is known to be upright and {known}; give such options with a file only")
    if source == "photos":
        return load_photos(part, image_shape)
    return load_digits(part) if source == "digits" else load_mnist(part)


def _read_path(path: Path, part: str, transposed: bool, label_meaning: str | None) -> Dataset:
    if not path.exists():
        raise BadInput(f"{path}: no such file or folder; {TAKEN}")
    if path.is_dir():
        return _read_folder(path, part, transposed, label_meaning)
    kind = signature(path)
    if kind == "zip":
        return read_zip(path, part, transposed, label_meaning)
    if kind == "idx" or (kind == "gzip" and "ubyte" in path.name):
        raise BadInput(f"{path}: is a single idx file; name the folder that holds the images and the labels")
    if is_image_name(path.name) and kind == "unknown":
        raise BadInput(f"{path}: is a single image; name the folder that holds it")
    return read_mat(path, None, transposed, label_meaning)


def _read_folder(folder: Path, part: str, transposed: bool, label_meaning: str | None) -> Dataset:
    if mat := find_mat(folder, part):
        return read_mat(mat, None, transposed, label_meaning)
    if find_idx(folder, part, "images", 3):
        return read_idx_folder(folder, part, transposed, label_meaning)
    there = sorted(folder.iterdir())
    readable = (entry for entry in there if entry.is_dir() and os.access(entry, os.R_OK | os.X_OK))
    if below := next(filter(holds_images, readable), None):
        raise BadInput(f"{folder}: holds no images itself, but its folder {below.name!r} does; name {below}")
    content = f"it holds {', '.join(entry.name for entry in there[:5])}" if there else "it is empty"
    raise BadInput(f"{folder}: holds no {part}.mat, no idx files of that part and no images ({content}); {TAKEN}")
