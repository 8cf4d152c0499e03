"""One door to every source of training data."""

from __future__ import annotations

from pathlib import Path

from ..errors import BadInput, choose
from .archive import read_zip
from .dataset import Dataset
from .digits import load_digits
from .idx import find_idx, read_idx_folder
from .labels import MEANINGS
from .mat import read_mat
from .mnist import load_mnist
from .signature import signature

PARTS = ("train", "test")
TAKEN = (
    "the data is one of: digits (embedded), mnist, a .mat v7.3 file, the notebook's zip, a folder of idx files, or a "
    "folder with train.mat and test.mat"
)


def load(source: str, part: str = "train", transposed: bool = False, label_meaning: str | None = None) -> Dataset:
    """Read training data, 28×28 and upright.

    Args:
        source: `digits` (all 1,797 in "train"; every fifth of the same ones in "test"), `mnist` (from the local cache,
            else the folder that the environment variable DUALPORT_DATA names, else downloaded), or a path: a `.mat`
            v7.3 file, a zip with train.mat and test.mat, a folder of idx files, a folder of such `.mat` files.
        part: "train" or "test"; a path to a single `.mat` file is that file, whatever the part.
        transposed: the file holds its images with rows and columns exchanged.
        label_meaning: what labels 1..10 stand for: "ten-is-zero" or "shifted".

    Raises:
        BadInput: the source is none of these, or is damaged, hostile, or not images and labels.
        EnvironmentFailed: a download failed, or the disk is full.
    """
    choose(part, PARTS, "part of the data")
    if label_meaning is not None:
        choose(label_meaning, MEANINGS, "meaning of labels")
    if source in ("digits", "mnist"):
        if transposed or label_meaning:
            raise BadInput(f"{source}: is known to be upright and labelled 0..9; give such options with a file only")
        return load_digits(part) if source == "digits" else load_mnist(part)
    try:
        return _read_path(as_path(source), part, transposed, label_meaning)
    except OSError as error:
        raise BadInput(f"{source}: cannot be read ({error.strerror or error}); check it and its permissions") from error


def as_path(source: str) -> Path:
    """The path that `source` names; the shell leaves the home folder in `--data=~/mnist` to its program."""
    return Path(source).expanduser() if str(source).startswith("~/") else Path(source)


def find_mat(folder: Path, part: str) -> Path | None:
    """The `.mat` file of one part, in `folder` or in its `mnist_mat`."""
    places = (folder / f"{part}.mat", folder / "mnist_mat" / f"{part}.mat")
    return next((place for place in places if place.is_file()), None)


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
    return read_mat(path, None, transposed, label_meaning)


def _read_folder(folder: Path, part: str, transposed: bool, label_meaning: str | None) -> Dataset:
    if mat := find_mat(folder, part):
        return read_mat(mat, None, transposed, label_meaning)
    if find_idx(folder, part, "images", 3):
        return read_idx_folder(folder, part, transposed, label_meaning)
    there = sorted(entry.name for entry in folder.iterdir())[:5]
    found = f"it holds {', '.join(there)}" if there else "it is empty"
    raise BadInput(f"{folder}: holds no {part}.mat and no idx files of that part ({found}); {TAKEN}")
