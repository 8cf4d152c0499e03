"""Images and labels in memory, the same for every source."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np

from ..errors import BadInput

# float32(u / 255) for every grey level u: the value that the notebook's files hold.
GREY = (np.arange(256) / 255).astype(np.float32)
BLOCK_BYTES = 4 << 20  # of images handled at a time, where they may lie in a mapped file larger than memory


Indices: TypeAlias = Sequence[int] | np.ndarray | slice


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with their labels.

    Attributes:
        images: uint8 `[N, C, H, W]`, grey levels (value / 255), where the source lies exactly on that grid; else
            float32 `[N, C, H, W]` in [0, 1]. From a folder of images it is a read-only memory map of a cached file.
        labels: int64 `[N]`, or None where the source has none.
        name: short, for titles ("digits", "photos", "train.mat", "img_align_celeba").
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
            for rows in _blocks(array):
                digest.update(np.ascontiguousarray(array[rows]).data)
        return digest.hexdigest()

    def scaled(self, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """Images as float32 `[N, C, H, W]` in [low, high], computed in float32.

        With (-1, 1) a grey level u becomes float32(u/255) * 2 - 1, bit for bit as the AI Studio notebook computes it.
        The result takes `nbytes_scaled` bytes of memory; for data larger than that allows there is `scaled_rows`.
        """
        return _scaled(self.images, low, high)

    def scaled_rows(self, indices: Indices, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """As `scaled`, of the images at `indices` alone, in that order: float32 `[n, C, H, W]`. Reads no others.

        Raises:
            BadInput: an index is outside the data.
        """
        return _scaled(self._at(self.images, indices), low, high)

    @property
    def nbytes_scaled(self) -> int:
        """Bytes that `scaled` takes: N·C·H·W·4."""
        return self.images.size * 4

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

    def subset(self, indices: Indices) -> Dataset:
        """The images (and labels) at `indices`, in that order: a sequence of whole numbers, a mask or a slice.

        Raises:
            BadInput: an index is outside the data.
        """
        images = self._at(self.images, indices)
        labels = None if self.labels is None else self._at(self.labels, indices)
        if isinstance(indices, slice):  # so far a view
            images, labels = images.copy(), None if labels is None else labels.copy()
        return replace(self, images=images, labels=labels)

    def _at(self, array: np.ndarray, indices: Indices) -> np.ndarray:
        """`array[indices]`: a view for a slice, else a copy in memory."""
        if not isinstance(indices, slice):
            indices = np.asarray(indices)
            if indices.size == 0:
                indices = indices.astype(np.intp)
        try:
            return np.asarray(array)[indices]  # a plain array, also of a memory map
        except IndexError as error:
            raise BadInput(f"{self.source}: holds {len(self)} images ({error}); choose indices within it") from None


def _scaled(images: np.ndarray, low: float, high: float) -> np.ndarray:
    span, start = np.float32(high - low), np.float32(low)
    table = GREY * span + start  # 256 products instead of one for each pixel
    scaled = np.empty(images.shape, np.float32)
    for rows in _blocks(images):  # indexing with grey levels takes eight bytes a pixel on the way
        scaled[rows] = table[images[rows]] if images.dtype == np.uint8 else images[rows] * span + start
    return scaled


def _blocks(array: np.ndarray) -> Iterator[slice]:
    """Slices of rows, in order, of about BLOCK_BYTES each."""
    step = max(1, BLOCK_BYTES * len(array) // max(1, array.nbytes))
    for first in range(0, len(array), step):
        yield slice(first, first + step)
