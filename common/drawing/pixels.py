"""From images in a network's own value range to one picture of bytes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from ..atomic import atomic_path
from ..errors import BadInput

GAP = 255  # what lies between the tiles, and where there is no tile: white, as the paper


def raster(
    images: np.ndarray,
    rows: int,
    columns: int,
    value_range: tuple[float, float],
    padding: int = 1,
    scale: int = 2,
) -> np.ndarray:
    """Tile images row by row, `images[0]` at the top left, into one array of bytes.

    Args:
        images: `[N, C, H, W]`, C = 1 or 3, N at most rows·columns. Places without an image stay white.
        value_range: the values drawn as black and as full brightness; what lies outside is clipped.
        padding: white pixels between neighbours (none around the whole), before scaling.
        scale: side, in pixels, of the square that one pixel becomes.

    Returns:
        uint8 `[h, w]` if C = 1, `[h, w, 3]` if C = 3, with h = scale·(rows·(H + padding) − padding), w alike.

    Raises:
        BadInput: another shape, more images than places, a value that is not finite, or an empty range.
    """
    tiles = to_bytes(images, value_range)  # (N, C, H, W)
    if rows < 1 or columns < 1 or padding < 0 or scale < 1:
        raise BadInput(f"cannot tile {rows} rows × {columns} columns with padding {padding} and scale {scale}")
    count, channels, height, width = tiles.shape
    if count > rows * columns:
        raise BadInput(f"{count} images do not fit into {rows} rows × {columns} columns; ask for more rows")
    sheet = np.full((rows * columns, channels, height + padding, width + padding), GAP, np.uint8)
    sheet[:count, :, :height, :width] = tiles
    sheet = sheet.reshape(rows, columns, channels, height + padding, width + padding)
    picture = sheet.transpose(0, 3, 1, 4, 2).reshape(rows * (height + padding), columns * (width + padding), channels)
    picture = picture[: picture.shape[0] - padding, : picture.shape[1] - padding]
    picture = picture.repeat(scale, axis=0).repeat(scale, axis=1)
    return picture[..., 0] if channels == 1 else picture


def to_bytes(images: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Check images `[N, C, H, W]` and map `value_range` to 0…255, clipping what lies outside.

    Raises:
        BadInput: another shape, no image, a value that is not finite, or an empty range.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[1] not in (1, 3) or 0 in images.shape:
        raise BadInput(f"images must be [N, 1 or 3, height, width], at least one; these are {list(images.shape)}")
    low, high = value_range
    if not low < high:
        raise BadInput(f"value_range must run from low to high, as (-1, 1) does; it is ({low}, {high})")
    unit = (images.astype(np.float64) - low) / (high - low)
    broken = ~np.isfinite(unit).all(axis=(1, 2, 3))
    if broken.any():
        raise BadInput(
            f"{broken.sum()} of {len(images)} images hold values that are not finite numbers; check the weights"
        )
    return np.rint(unit.clip(0, 1) * 255).astype(np.uint8)


def save_png(path: str | os.PathLike[str], array: np.ndarray) -> Path:
    """Write uint8 `[H, W]` or `[H, W, 3]`, as `raster` gives it, to a PNG file.

    Raises:
        BadInput: another shape or dtype.
        EnvironmentFailed: the file cannot be written.
    """
    from PIL import Image

    array = check_bytes(array)
    with atomic_path(path) as temporary:
        Image.fromarray(array).save(temporary, format="PNG", optimize=True)
    return Path(path)


def check_bytes(array: np.ndarray) -> np.ndarray:
    """Return `array` if it is a picture of bytes, `[H, W]` or `[H, W, 3]`.

    Raises:
        BadInput: another shape or dtype.
    """
    array = np.asarray(array)
    shaped = array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)
    if array.dtype != np.uint8 or not shaped or 0 in array.shape:
        raise BadInput(f"a picture must be uint8 [H, W] or [H, W, 3]; this is {array.dtype} {list(array.shape)}")
    return np.ascontiguousarray(array)
