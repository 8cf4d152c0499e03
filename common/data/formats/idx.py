"""Reading MNIST's own idx files, plain or gzipped, one or a folder of them.

Source of the format: Yann LeCun's MNIST page; a big-endian header (type, number of axes, lengths), then the bytes.
"""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from ...errors import BadInput, by_size
from ..dataset import Dataset
from .labels import check_labels
from .limits import LARGEST_BYTES, refuse_bomb

PREFIXES = {"train": "train", "test": "t10k"}
ANOTHER_COPY = "fetch another copy, for example with `dualport data fetch mnist`"


def read_idx_folder(
    folder: Path, part: str = "train", transposed: bool = False, label_meaning: str | None = None
) -> Dataset:
    """Images and labels of a folder of MNIST idx files; without a labels file the labels are None.

    Raises:
        BadInput: a file is absent or damaged, or images and labels do not match.
    """
    images_path = find_idx(folder, part, "images", 3)
    if images_path is None:
        wanted = f"{PREFIXES[part]}-images-idx3-ubyte"
        raise BadInput(f"{folder}: holds no {wanted} (plain or .gz); name a folder of idx files or of .mat files")
    images = read_idx(images_path, axes=3)
    if images.shape[1:] != (28, 28):
        raise BadInput(
            f"{images_path}: its images are {by_size(images.shape[1:])}, and the models take 28×28; resize them first"
        )
    if transposed:
        images = np.ascontiguousarray(images.swapaxes(1, 2))
    labels_path = find_idx(folder, part, "labels", 1)
    labels = None
    if labels_path is not None:
        labels = check_labels(read_idx(labels_path, axes=1), len(images), str(labels_path), label_meaning)
    return Dataset(images[:, None], labels, folder.name, str(folder))


def find_idx(folder: Path, part: str, kind: str, axes: int) -> Path | None:
    """The file of one part, under any of the names in which mirrors offer it."""
    stem = f"{PREFIXES[part]}-{kind}"
    for name in (f"{stem}-idx{axes}-ubyte", f"{stem}.idx{axes}-ubyte"):
        for ending in (".gz", ""):
            if (folder / f"{name}{ending}").is_file():
                return folder / f"{name}{ending}"
    return None


def read_idx(path: Path, axes: int) -> np.ndarray:
    """One idx file of unsigned bytes as uint8 with `axes` axes.

    Raises:
        BadInput: wrong magic number, fewer or more bytes than its header says, or a decompression bomb.
    """
    with path.open("rb") as plain:
        packed = plain.read(2) == b"\x1f\x8b"
    stored = path.stat().st_size
    try:
        with gzip.open(path) if packed else path.open("rb") as stream:
            return _parse(stream, path, axes, stored)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"{path}: its gzip stream is damaged ({error}); {ANOTHER_COPY}") from None


def _parse(stream, path: Path, axes: int, stored: int) -> np.ndarray:
    header = stream.read(4 + 4 * axes)
    if header[:4] != bytes([0, 0, 8, axes]):
        start = header[:4].hex() or "nothing"
        raise BadInput(
            f"{path}: is not an idx file of unsigned bytes with {axes} axes (it starts with {start}, "
            f"not 000008{axes:02x}); {ANOTHER_COPY}"
        )
    if len(header) < 4 + 4 * axes:
        raise BadInput(f"{path}: is cut off inside its header; {ANOTHER_COPY}")
    shape = tuple(int(n) for n in np.frombuffer(header, ">u4", axes, 4))
    declared = math.prod(shape)
    if not declared:
        raise BadInput(f"{path}: is empty (its header says {by_size(shape)}); name a file with data in it")
    if declared > LARGEST_BYTES:
        raise BadInput(f"{path}: its header claims {declared:,} bytes, beyond what is read here; {ANOTHER_COPY}")
    refuse_bomb(path, declared, stored)
    content = stream.read(declared)
    if len(content) < declared:
        raise BadInput(f"{path}: its header says {declared:,} bytes but {len(content):,} follow; {ANOTHER_COPY}")
    if stream.read(1):
        raise BadInput(f"{path}: holds more than the {declared:,} bytes that its header says; {ANOTHER_COPY}")
    return np.frombuffer(bytearray(content), np.uint8).reshape(shape)  # a bytearray, so that it can be written to
