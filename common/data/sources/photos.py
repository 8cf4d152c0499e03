"""Square windows of the two real colour photographs that scikit-learn ships: pictures without a download."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..dataset import Dataset
from ..formats.image_folder import FACE_SHAPE
from ..formats.picture import check_request, fitted

SIDES = (96, 136, 192, 272)  # pixels of a window, each √2 times the one before; the photographs are 640×427
OVERLAP = 4  # windows begin about a quarter of their side apart
SPREAD = 649  # prime to the number of windows, and near its golden section: neighbours in the data are far apart


def load_photos(part: str = "train", image_shape: Sequence[int] | None = None) -> Dataset:
    """1,050 overlapping windows, resized: uint8 `[1050, C, H, W]` without labels, the same pixels on every machine.

    From each photograph (china.jpg, a temple; flower.jpg, a dahlia) a grid of windows of four sizes, reaching from
    edge to edge, mixed in a fixed order. They are resized as a folder of images is. `part="test"` gives every fifth of
    the same ones, for looking at, not for judging generalisation.

    Args:
        image_shape: (C, H, W), by default (3, 64, 64); C is 1 or 3.

    Raises:
        BadInput: the shape cannot be made.
    """
    image_shape = check_request(FACE_SHAPE if image_shape is None else image_shape, None, "photos")
    from PIL import Image
    from sklearn.datasets import load_sample_images

    photographs = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    windows = [(photograph, box) for photograph in photographs for box in _boxes(*photograph.size)]
    images = np.empty((len(windows), *image_shape), np.uint8)
    for index, image in enumerate(images):
        photograph, box = windows[(index + 1) * SPREAD % len(windows)]  # the very first is plain sky
        image[:] = fitted(photograph.crop(box), image_shape, None)
    data = Dataset(images, None, "photos", "windows of the two photographs that scikit-learn ships")
    return data if part == "train" else data.subset(slice(0, None, 5))


def _boxes(width: int, height: int) -> list[tuple[int, int, int, int]]:
    return [
        (left, top, left + side, top + side)
        for side in SIDES
        for top in _places(height - side, side // OVERLAP)
        for left in _places(width - side, side // OVERLAP)
    ]


def _places(room: int, step: int) -> list[int]:
    """Whole numbers from 0 to `room`, about `step` apart."""
    last = room // step
    return [place * room // last for place in range(last + 1)]
