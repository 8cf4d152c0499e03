"""Reading the notebook's `.mat` files: MATLAB v7.3, variables `image` and `label`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import BadInput, by_size
from ..dataset import Dataset
from .grey_levels import to_pixels
from .hdf5 import checked_variable, open_mat, variables
from .hdf5_blocks import blocks
from .labels import check_labels, label_layout

if TYPE_CHECKING:
    import h5py

IMAGE, LABEL = "image", "label"
SIDE = 28


def read_mat(
    path: Path, name: str | None = None, transposed: bool = False, label_meaning: str | None = None
) -> Dataset:
    """Images `[N, 1, 28, 28]` and labels of a MATLAB v7.3 file, upright.

    MATLAB stores columns first, so h5py shows every image with rows and columns exchanged; they are exchanged back,
    as the AI Studio notebook does. The shape cannot tell whether the writer did that already.

    Args:
        path: the file.
        name: what messages call it, if not by its path (for a file that was unpacked from an archive).
        transposed: the file holds the images the other way round: leave them as h5py shows them.
        label_meaning: what labels 1..10 stand for, see `labels.MEANINGS`.

    Raises:
        BadInput: it is not such a file, is damaged or hostile, or its values are not images and labels.
    """
    name = name or str(path)
    with open_mat(path, name) as file:
        image = checked_variable(file, IMAGE, name)
        check_image_shape(image.shape, name)
        labels, where = None, f"{name}: {LABEL}"
        if set(variables(file)) != {IMAGE}:  # then a misspelt label is refused, not ignored
            label = checked_variable(file, LABEL, name)
            label_layout(label.shape, image.shape[0], where)
            labels = check_labels(read_whole(label, where), image.shape[0], where, label_meaning)
        pixels = to_pixels(lambda: blocks(image, f"{name}: {IMAGE}"), image.shape, f"{name}: {IMAGE}")
    images = pixels.reshape(-1, 1, SIDE, SIDE)
    if not transposed:
        images = np.ascontiguousarray(images.swapaxes(2, 3))
    return Dataset(images, labels, path.name if name == str(path) else name.rpartition("/")[2], name)


def check_image_shape(shape: tuple[int, ...], name: str) -> None:
    """Refuse a shape that is not N images of 28×28.

    Raises:
        BadInput: it is not.
    """
    if shape[1:] in {(SIDE, SIDE), (1, SIDE, SIDE), (SIDE * SIDE,)}:
        return
    reversed_ = math.prod(shape[:-1]) == SIDE * SIDE and len(shape) > 1
    hint = "exchange its axes in MATLAB with permute" if reversed_ else "bring the images to 28×28"
    raise BadInput(f"{name}: {IMAGE} is {by_size(shape)} as h5py shows it, not N×28×28, N×1×28×28 or N×784; {hint}")


def read_whole(dataset: h5py.Dataset, where: str) -> np.ndarray:
    """All values of a small checked variable."""
    values = np.empty(dataset.shape, dataset.dtype)
    for place, part in blocks(dataset, where):
        values[place] = part
    return values
