"""Writing data as the notebook's `.mat` files."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ..atomic import atomic_path
from ..errors import BadInput, by_size
from .dataset import Dataset

USERBLOCK = 512
# MATLAB writes the date here. A fixed one keeps the same data the same file, byte for byte.
HEADER = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Thu Jan  1 00:00:00 1970 HDF5 schema 1.00 ."
# Padded text, no subsystem data, and in bytes 124 to 127: version 2.0, little-endian.
HEADER_BLOCK = HEADER.ljust(116) + b"\0" * 8 + b"\x00\x02IM"
IMAGE_CHUNK, LABEL_CHUNK = 256, 2048
AT_ONCE = 4096  # a multiple of the chunk, so that no chunk is packed twice

# progress(images written, images in all)
Progress = Callable[[int, int], None]


def export_mat(dataset: Dataset, path: str | os.PathLike[str], progress: Progress | None = None) -> None:
    """Write `image` and, where there are labels, one-hot `label` as a MATLAB v7.3 file, whole or not at all.

    `image` is single `[N, 1, 28, 28]` in [0, 1] as h5py shows it, rows and columns exchanged as MATLAB stores them;
    `label` is single `[N, 10]`. The AI Studio notebook reads it as its own train.mat, and `load` reads it back.

    Raises:
        BadInput: the data is empty or not 1×28×28, a label is outside 0..9, or `path` is a folder.
        EnvironmentFailed: the file cannot be written, or the disk is full.
    """
    _require_digits(dataset)
    with atomic_path(path) as temporary:
        temporary.write_bytes(_packed(dataset, progress))


def export_parts(
    parts: Mapping[str, Dataset], folder: str | os.PathLike[str], progress: Progress | None = None
) -> list[Path]:
    """Write `folder`/`<part>.mat` for each part: all of them, or none.

    Raises:
        BadInput, EnvironmentFailed: as `export_mat`.
    """
    for dataset in parts.values():
        _require_digits(dataset)
    written = [Path(folder) / f"{part}.mat" for part in parts]
    with contextlib.ExitStack() as stack:
        for dataset, path in zip(parts.values(), written, strict=True):
            stack.enter_context(atomic_path(path)).write_bytes(_packed(dataset, progress))
    return written


def _require_digits(dataset: Dataset) -> None:
    if not len(dataset) or dataset.images.shape[1:] != (1, 28, 28):
        size = by_size(dataset.images.shape)
        raise BadInput(f"{dataset.source}: is {size}; the notebook's layout takes N×1×28×28 with N at least 1")


def _packed(dataset: Dataset, progress: Progress | None) -> memoryview:
    """The file in memory (32 MB for MNIST): where the disk fills up under HDF5, it crashes the process at its end."""
    import h5py

    packed = io.BytesIO()

    count = len(dataset)
    how = {"dtype": np.float32, "compression": "gzip", "compression_opts": 6, "shuffle": True}
    with h5py.File(packed, "w", userblock_size=USERBLOCK, libver="earliest") as file:
        shape = (count, 1, 28, 28)
        image = file.create_dataset("image", shape, chunks=(min(count, IMAGE_CHUNK), *shape[1:]), **how)
        image.attrs["MATLAB_class"] = np.bytes_("single")
        for start in range(0, count, AT_ONCE):
            some = dataset.subset(slice(start, start + AT_ONCE))
            image[start : start + AT_ONCE] = some.scaled(0, 1).swapaxes(2, 3)
            if progress:
                progress(start + len(some), count)
        if dataset.labels is not None:
            rows = dataset.one_hot(10)
            label = file.create_dataset("label", data=rows, chunks=(min(count, LABEL_CHUNK), 10), **how)
            label.attrs["MATLAB_class"] = np.bytes_("single")
    content = packed.getbuffer()
    content[: len(HEADER_BLOCK)] = HEADER_BLOCK
    return content
