"""One picture file as pixels: centre crop, then resize, as torchvision does it to Pillow images.

A picture is taken as torchvision's own loader takes it: the first frame, transparency dropped, the camera's rotation
mark not followed. Grey pictures get three equal channels, and colour becomes grey by Pillow's weights, as asked.
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...errors import BadInput, by_size

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

FORMATS = ("PNG", "JPEG", "BMP", "WEBP")  # Pillow knows dozens, some of which start other programs
MODES = {1: "L", 3: "RGB"}
LARGEST_SIDE = 4096
MOST_PIXELS = 89_478_485  # Pillow's own MAX_IMAGE_PIXELS, also where somebody has switched that off
LARGE_PIXELS = 12_000_000
_large_ones = threading.Lock()


class PictureError(Exception):
    """Why one file is no usable picture: a part of a sentence, without its name."""


def check_request(image_shape: Sequence[int], crop: int | None, source: str) -> tuple[int, int, int]:
    """The shape as plain numbers; refuse a shape or a crop that no picture can be brought to.

    Raises:
        BadInput: not (1 or 3 channels, height, width), or sizes that are not whole numbers from 1 to 4096.
    """
    shown = by_size(image_shape)
    if len(image_shape) != 3 or image_shape[0] not in MODES:
        raise BadInput(
            f"{source}: pictures are brought to channels×height×width with 1 or 3 channels, not to {shown}; choose such"
        )
    if not all(_whole(side) and side <= LARGEST_SIDE for side in image_shape[1:]):
        raise BadInput(f"{source}: pictures cannot be brought to {shown}; choose sides from 1 to {LARGEST_SIDE}")
    if crop is not None and not _whole(crop):
        raise BadInput(f"{source}: crop is {crop!r}; choose a whole number of pixels from 1 up")
    channels, height, width = map(int, image_shape)
    return channels, height, width


def _whole(number: object) -> bool:
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool) and bool(number >= 1)


def centre_box(size: tuple[int, int], target: tuple[int, int], crop: int | None) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the largest centred window of the target's proportions, so nothing is distorted.

    Args:
        size: width and height of the picture.
        target: width and height that it will be resized to.
        crop: the window's longest side at most; None for no limit. For a picture that is at least as large and a
            square target this is torchvision's CenterCrop(crop), with its rounding. Where torchvision would put
            black around a smaller picture, the window is smaller instead.
    """
    width, height = (side if crop is None else min(side, crop) for side in size)
    wide = max(1, min(width, height * target[0] // target[1]))
    high = max(1, min(height, width * target[1] // target[0]))
    left, top = round((size[0] - wide) / 2), round((size[1] - high) / 2)
    return left, top, left + wide, top + high


def fitted(picture: Picture, image_shape: tuple[int, int, int], crop: int | None) -> np.ndarray:
    """A Pillow image as uint8 `[C, H, W]`: cut by `centre_box`, then resized as torchvision's Resize does.

    That is Pillow's bilinear filter, which widens when it shrinks (antialias). It works in whole numbers: the same
    pixels on every machine.
    """
    from PIL import Image

    channels, height, width = image_shape
    cut = picture.crop(centre_box(picture.size, (width, height), crop))  # first, so that less is converted
    small = _in_mode(cut, MODES[channels]).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(small).reshape(height, width, channels).transpose(2, 0, 1)


def _in_mode(picture: Picture, mode: str) -> Picture:
    """In "L" or "RGB"."""
    from PIL import Image

    if picture.mode.startswith("I"):  # 16-bit grey, which Pillow would cut off at 255 rather than scale
        levels = np.asarray(picture).astype(np.float64).clip(0, 65535) / 257
        picture = Image.fromarray(np.rint(levels).astype(np.uint8))
    if picture.mode in ("P", "PA"):
        picture = picture.convert("RGBA")  # straight to RGB, Pillow complains about a transparent palette
    return picture if picture.mode == mode else picture.convert(mode)


def read_picture(path: Path, image_shape: tuple[int, int, int], crop: int | None) -> np.ndarray:
    """The picture file at `path` as uint8 `[C, H, W]`. Call it inside `strict_pillow`.

    Raises:
        PictureError: it is empty, damaged, too large, or of another format; the name's ending does not matter.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=FORMATS) as picture:
            pixels = picture.width * picture.height
            if pixels > MOST_PIXELS:
                raise Image.DecompressionBombError
            # Large ones are unpacked one at a time: several at once would need gigabytes.
            with _large_ones if pixels > LARGE_PIXELS else contextlib.nullcontext():
                return fitted(picture, image_shape, crop)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(f"claims more than {MOST_PIXELS:,} pixels") from None
    except UnidentifiedImageError:
        empty = path.stat().st_size == 0
        raise PictureError("is empty" if empty else "is no PNG, JPEG, BMP or WebP picture") from None
    except Exception as error:  # on damaged files Pillow's readers raise nearly anything
        raise PictureError(f"cannot be decoded: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(reason.split())


@contextlib.contextmanager
def strict_pillow() -> Iterator[None]:
    """While pictures are read: what may be a decompression bomb is an error, other complaints of Pillow are silent."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield
