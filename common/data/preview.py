"""A sheet of the first images under their labels, to see at a glance whether a data file was read rightly."""

from __future__ import annotations

import os

import numpy as np

from ..atomic import atomic_path
from .dataset import Dataset

ROWS, COLUMNS = 5, 10
ZOOM = 2  # 28 pixels are small on a screen
ZOOMED_SIDE = 64  # larger ones are shown as they are
GAP, TITLE = 6, 16


def write_preview(dataset: Dataset, path: str | os.PathLike[str]) -> None:
    """Write the first 50 images of `[N, C, H, W]` as a PNG of 5×10, each titled with its label (else its index).

    In colour if there are three channels, else in grey.

    Raises:
        BadInput: `path` is a folder, or its folder does not exist.
        EnvironmentFailed: it cannot be written.
    """
    from PIL import Image, ImageDraw

    some = dataset.subset(slice(0, ROWS * COLUMNS))
    levels = np.rint(some.scaled(0, 255)).astype(np.uint8)
    colour = levels.shape[1] == 3
    tiles = levels.transpose(0, 2, 3, 1) if colour else levels.mean(1).astype(np.uint8)
    zoom = ZOOM if max(levels.shape[2:]) <= ZOOMED_SIDE else 1
    tiles = tiles.repeat(zoom, 1).repeat(zoom, 2)
    height, width = tiles.shape[1] + TITLE + GAP, tiles.shape[2] + GAP
    size = (COLUMNS * width + GAP, ROWS * height + GAP)
    sheet = Image.new("RGB" if colour else "L", size, "white")
    pen = ImageDraw.Draw(sheet)
    for index, tile in enumerate(tiles):
        left, top = GAP + index % COLUMNS * width, GAP + index // COLUMNS * height
        title = f"#{index}" if some.labels is None else str(some.labels[index])
        pen.text((left + tile.shape[1] // 2, top), title, fill="black", anchor="ma")
        sheet.paste(Image.fromarray(tile), (left, top + TITLE))
    with atomic_path(path) as temporary:
        sheet.save(temporary, format="PNG")
