"""A folder of images, such as CelebA's img_align_celeba: decoded once, kept in the cache, mapped from there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import BadInput, listed
from ..cache import cache_root, drop_older, keep_array, open_array
from ..dataset import Dataset
from .picture import PictureError, check_request, read_picture, strict_pillow

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".webp")
FACE_SHAPE = (3, 64, 64)  # channels, height, width, as published
FACE_CROP = 168
HELD_BYTES = 8 << 20  # decoded images in memory at a time
MOST_AT_ONCE = 256
MOST_THREADS = 4  # each may hold a large picture
MOST_NAMED = 3
VERSION = 1  # raise it when the same files give other pixels than before

# progress(images decoded, images in all)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Listing:
    """What a folder holds.

    Attributes:
        folder: the folder.
        files: the images' names, sorted as Python sorts text: 10.png stands before 9.png.
        ignored: the names of everything else, sorted: other endings, hidden files, folders.
        state: a hash of the folder's place and of the names, sizes and times of change of the images.
    """

    folder: Path
    files: list[str]
    ignored: list[str]
    state: str


def is_image_name(name: str) -> bool:
    """Whether a file of this name is read: by its ending; hidden ones (such as macOS's ._000001.jpg) are not."""
    return name.lower().endswith(ENDINGS) and not name.startswith(".")


def list_folder(folder: Path) -> Listing:
    """List the images in `folder` itself, not in folders below. Links are followed, wherever they lead: a folder of
    links is how a subset is made without copying, and what is no picture is refused without a word of its content.

    Raises:
        BadInput: a link leads to nothing. OSError: the folder cannot be read.
    """
    files, ignored = {}, []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_image_name(entry.name) and entry.is_file():
                about = entry.stat()
                files[entry.name] = f"{about.st_size} {about.st_mtime_ns}"
            elif is_image_name(entry.name) and not Path(entry.path).exists():
                raise BadInput(f"{folder}: {entry.name!r} is a link to nothing; restore its target, or remove it")
            else:  # a pipe or a device called .png would hang the reader
                ignored.append(entry.name)
    state = hashlib.sha256(os.fsencode(folder.resolve()))
    for name in sorted(files):
        state.update(b"\0" + os.fsencode(name) + b"\0" + files[name].encode())
    return Listing(folder, sorted(files), sorted(ignored), state.hexdigest()[:32])


def holds_images(folder: Path) -> bool:
    """Whether at least one file directly in `folder` is named as an image."""
    with os.scandir(folder) as entries:
        return any(is_image_name(entry.name) for entry in entries)


def read_image_folder(
    folder: Path,
    part: str = "train",
    image_shape: Sequence[int] | None = None,
    crop: int | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """The images of `folder` in sorted order as uint8 `[N, C, H, W]` without labels, a read-only map of a cached file.

    Args:
        part: "train" gives all; "test" every fifth of the same ones, for looking at.
        image_shape: (C, H, W), by default the published (3, 64, 64); C is 1 or 3.
        crop: side in pixels of the centre crop before resizing (published: 168); None: as large as it can be.
        progress: called with (images decoded, images in all) while the cache is made.

    Raises:
        BadInput: there are no images, some are damaged (named), or the shape cannot be made.
        EnvironmentFailed: the cache cannot be written, or has no room.
    """
    image_shape = check_request(FACE_SHAPE if image_shape is None else image_shape, crop, str(folder))
    listing = list_folder(folder)
    if not listing.files:
        raise BadInput(f"{folder}: holds no image file (png, jpg, jpeg, bmp or webp); name a folder that does")
    shape = (len(listing.files), *image_shape)
    asked = os.fsencode(folder.resolve()) + f"\0{image_shape} {crop and int(crop)} {VERSION}".encode()
    group = hashlib.sha256(asked).hexdigest()[:16]
    kept = cache_root() / "images" / f"{group}-{listing.state}.npy"
    images = open_array(kept, shape)
    if images is None:
        with strict_pillow():
            images = keep_array(kept, shape, _decoded(listing, image_shape, crop, progress))
        drop_older(kept, f"{group}-*.npy")
    name = folder.name or folder.resolve().name or "images"
    return Dataset(images if part == "train" else images[::5], None, name, str(folder))


def _decoded(
    listing: Listing, image_shape: tuple[int, int, int], crop: int | None, progress: Progress | None
) -> Iterator[np.ndarray]:
    """Yield uint8 `[n, C, H, W]`, in order, a few at a time. Pillow works outside Python's lock, so threads help."""
    total = len(listing.files)
    step = max(1, min(MOST_AT_ONCE, HELD_BYTES // int(np.prod(image_shape))))

    def decode(name: str) -> np.ndarray | str:
        try:
            return read_picture(listing.folder / name, image_shape, crop)
        except PictureError as reason:
            return f"{name!r} {reason}"

    pool = ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1))
    try:
        for start in range(0, total, step):
            decoded = list(pool.map(decode, listing.files[start : start + step]))
            if refused := [result for result in decoded if isinstance(result, str)]:
                shown = listed(refused, MOST_NAMED)
                raise BadInput(f"{listing.folder}: {shown}; get the file again, or remove it from the folder")
            yield np.stack(decoded)
            if progress:
                progress(start + len(decoded), total)
    finally:
        pool.shutdown(cancel_futures=True)
