"""The 1,797 real handwritten digits that scikit-learn ships, brought to MNIST's 28×28 frame. No download."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from ..dataset import Dataset

if TYPE_CHECKING:
    from sklearn.utils import Bunch

SIDE = 20  # MNIST fits each digit into 20×20 and centres it by mass in 28×28
FRAME = 28


def load_digits(part: str = "train") -> Dataset:
    """The embedded digits as uint8 `[N, 1, 28, 28]` with labels 0..9.

    `part="train"` gives all 1,797 images; `part="test"` every fifth of them (359), for looking at, not for judging
    generalisation: these are in "train" too. Source: scikit-learn's `load_digits`, 8×8 images with values 0..16.
    """
    from sklearn.datasets import load_digits as embedded

    raw = cast("Bunch", embedded())  # a tuple only with return_X_y
    images = _centred(_enlarged(raw.images.astype(np.int64)))[:, None]
    data = Dataset(images, raw.target.astype(np.int64), "digits", "scikit-learn's embedded digits, brought to 28×28")
    return data if part == "train" else data.subset(slice(4, None, 5))


def _enlarged(small: np.ndarray) -> np.ndarray:
    """Cubic interpolation of int64 `[N, 8, 8]` (0..16) to uint8 `[N, 20, 20]`.

    The step 8/20 makes every weight a whole number of 2000ths, so all of it is whole-number arithmetic: the same
    pixels, hence the same data hash, on every machine.
    """
    weights = _cubic_weights(small.shape[1])  # (20, 8), rows sum to 2000
    wide = np.einsum("or,nrc->noc", weights, small)
    large = np.einsum("pc,noc->nop", weights, wide)
    top = 16 * 2000 * 2000
    return ((large.clip(0, top) * 255 + top // 2) // top).astype(np.uint8)


def _cubic_weights(size: int) -> np.ndarray:
    """Catmull-Rom weights from `size` to 20 samples, in 2000ths; the border pixel is repeated outwards."""
    weights = np.zeros((SIDE, size), np.int64)
    for out in range(SIDE):
        tenths = (2 * out + 1) * 10 * size // (2 * SIDE) - 5  # ten times the position among the small pixels
        left, t = divmod(tenths, 10)
        taps = (
            -(t**3) + 20 * t**2 - 100 * t,
            3 * t**3 - 50 * t**2 + 2000,
            -3 * t**3 + 40 * t**2 + 100 * t,
            t**3 - 10 * t**2,
        )
        for offset, tap in enumerate(taps, start=-1):
            weights[out, min(max(left + offset, 0), size - 1)] += tap
    return weights


def _centred(images: np.ndarray) -> np.ndarray:
    """Place uint8 `[N, 20, 20]` in `[N, 28, 28]` so that the centre of mass is the centre of the frame."""
    framed = np.zeros((len(images), FRAME, FRAME), np.uint8)
    places = np.arange(SIDE)
    for frame, image in zip(framed, images.astype(np.int64), strict=True):
        mass = image.sum()
        top, left = (
            int(np.clip((FRAME * mass - 2 * (image.sum(axis) * places).sum()) // (2 * mass), 0, FRAME - SIDE))
            for axis in (1, 0)
        )
        frame[top : top + SIDE, left : left + SIDE] = image
    return framed
