"""Moving pictures: how samples change while a network learns, or a walk through the latent plane."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..atomic import atomic_path
from ..errors import BadInput
from .pixels import check_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

SHORTEST = 20  # ms: browsers slow anything shorter down to 100 ms
SMALLEST_FONT = 15  # px


def save_gif(
    path: str | os.PathLike[str],
    frames: Sequence[str | os.PathLike[str] | np.ndarray],
    milliseconds: int,
    captions: Sequence[str] | None = None,
    *,
    last_milliseconds: int | None = None,
) -> Path:
    """Write an endless GIF (write-up 1: samples while it trains; 3: interpolations, forwards then backwards).

    Args:
        frames: PNG files, or uint8 `[H, W]` or `[H, W, 3]` as `raster` gives them; all of one size. Neighbours that
            are equal are stored once, with their times added.
        milliseconds: time of a frame, rounded to the format's 10 ms; at least 20.
        captions: one for each frame ("epoch 3"), written in a strip above it.
        last_milliseconds: time of the last frame; four times the others' if None.

    Raises:
        BadInput: no frame, a file that is no picture, sizes that differ, captions that are not one for each frame.
        EnvironmentFailed: the file cannot be written.
    """
    if not len(frames):
        raise BadInput(f"{path}: an animation needs one frame at least")
    if captions is not None and len(captions) != len(frames):
        raise BadInput(f"{path}: {len(captions)} captions for {len(frames)} frames; give one for each")
    if milliseconds < SHORTEST:
        raise BadInput(f"{path}: {milliseconds} ms a frame is too short; browsers show {SHORTEST} ms at the fastest")
    pictures = [_opened(frame) for frame in frames]
    sizes = sorted({picture.size for picture in pictures})
    if len(sizes) > 1:
        raise BadInput(f"{path}: frames of different sizes ({sizes[0]} and {sizes[1]}); make them alike")
    if captions is not None:
        pictures = _captioned(pictures, [str(caption) for caption in captions])
    last = 4 * milliseconds if last_milliseconds is None else last_milliseconds
    first, *others = [_indexed(picture) for picture in pictures]
    times = [milliseconds] * len(others) + [last]
    with atomic_path(path) as temporary:
        first.save(temporary, format="GIF", save_all=True, append_images=others, duration=times, loop=0, optimize=False)
    return Path(path)


def _opened(frame: str | os.PathLike[str] | np.ndarray) -> Image:
    """A frame as an image in grey ("L") or colour ("RGB"); what is transparent becomes white."""
    from PIL import Image, UnidentifiedImageError

    if isinstance(frame, np.ndarray):
        return Image.fromarray(check_bytes(frame))
    try:
        with Image.open(frame) as file:
            picture = file.convert("L" if file.mode in ("1", "L") else "RGBA")
    except (OSError, UnidentifiedImageError):
        raise BadInput(f"{frame}: is no picture that can be read; give a PNG file") from None
    if picture.mode == "L":
        return picture
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def _indexed(picture: Image) -> Image:
    """At most 256 colours, without dithering: its noise would flicker from frame to frame."""
    from PIL import Image

    return picture if picture.mode == "L" else picture.quantize(256, dither=Image.Dither.NONE)


def _captioned(pictures: list[Image], captions: list[str]) -> list[Image]:
    """Put each picture under a white strip with its caption; a caption wider than the picture widens them all."""
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    width, height = pictures[0].size
    size = max(SMALLEST_FONT, width // 60)
    strip = size * 7 // 4
    # The font of the figures: it comes with Matplotlib, so it is the same on every machine.
    font = ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), size)
    sheet_width = max([width, *(int(font.getlength(caption)) + 12 for caption in captions)])
    white = {"L": 255, "RGB": (255, 255, 255)}
    framed = []
    for picture, caption in zip(pictures, captions, strict=True):
        page = Image.new(picture.mode, (sheet_width, height + strip), white[picture.mode])
        page.paste(picture, ((sheet_width - width) // 2, strip))
        # On the baseline, so that a caption with a "p" in it does not jump.
        ImageDraw.Draw(page).text((sheet_width // 2, strip - size // 2), caption, "black", font, anchor="ms")
        framed.append(page)
    return framed
