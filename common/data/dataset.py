"""Images and labels in memory, the same for every source."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..errors import BadInput

# float32(u / 255) for every grey level u: the value that the notebook's files hold.
GREY = (np.arange(256) / 255).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with their labels.

    Attributes:
        images: uint8 `[N, C, H, W]`, grey levels (value / 255), where the source lies exactly on that grid; else
            float32 `[N, C, H, W]` in [0, 1].
        labels: int64 `[N]`, or None where the source has none.
        name: short, for titles ("digits", "mnist", "train.mat").
        source: where it was read from.
    """

    images: np.ndarray
    labels: np.ndarray | None
    name: str
    source: str

    def __len__(self) -> int:
        return len(self.images)

    @cached_property
    def sha256(self) -> str:
        """Hash of the content: shapes, types, images, labels. The name and the source do not count."""
        digest = hashlib.sha256()
        for array in (self.images, self.labels):
            if array is None:
                digest.update(b"none")
                continue
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def scaled(self, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """Images as float32 `[N, C, H, W]` in [low, high], computed in float32.

        With (-1, 1) a grey level u becomes float32(u/255) * 2 - 1, bit for bit as the AI Studio notebook computes it.
        """
        span, start = np.float32(high - low), np.float32(low)
        if self.images.dtype == np.uint8:
            return (GREY * span + start)[self.images]  # 256 products instead of one for each pixel
        return self.images * span + start

    def one_hot(self, classes: int = 10) -> np.ndarray:
        """Labels as float32 rows `[N, classes]` with a single 1 in each.

        Raises:
            BadInput: the data has no labels, or one is outside 0..classes-1.
        """
        if self.labels is None:
            raise BadInput(f"{self.source}: holds no labels, which a conditional model needs; choose labelled data")
        wrong = np.flatnonzero((self.labels < 0) | (self.labels >= classes))
        if wrong.size:
            first = wrong[0]
            raise BadInput(
                f"{self.source}: label {self.labels[first]} at index {first} is outside 0..{classes - 1}; "
                f"ask for more classes or mend the labels"
            )
        rows = np.zeros((len(self), classes), np.float32)
        rows[np.arange(len(self)), self.labels] = 1
        return rows

    def subset(self, indices) -> Dataset:
        """The images (and labels) at `indices`, in that order: a sequence of whole numbers, a mask or a slice.

        Raises:
            BadInput: an index is outside the data.
        """
        if not isinstance(indices, slice):
            indices = np.asarray(indices)
            if indices.size == 0:
                indices = indices.astype(np.intp)
        try:
            images = self.images[indices].copy()
            labels = None if self.labels is None else self.labels[indices].copy()
        except IndexError as error:
            raise BadInput(f"{self.source}: holds {len(self)} images ({error}); choose indices within it") from None
        return replace(self, images=images, labels=labels)
