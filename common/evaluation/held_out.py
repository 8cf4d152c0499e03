"""Which images a run is judged on, and whether it was trained on them: counted pixel for pixel, not assumed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from .. import data
from ..data import Dataset
from ..data.load import as_path, is_image_folder
from ..errors import BadInput
from ..spec import Recipe

PIECE = 2000  # images hashed at a time


@dataclass(frozen=True)
class HeldOut:
    """The images that a run is judged on.

    Attributes:
        images: what is measured.
        what: which part of which source that is, in words.
        trained_on: how many of them the run was trained on, pixel for pixel.
        learn: real images for a judge to learn from, none of which is in `test`; None for an unconditional model.
        test: real images to test the judge on.
    """

    images: Dataset
    what: str
    trained_on: int
    learn: Dataset | None = None
    test: Dataset | None = None

    @property
    def verdict(self) -> str:
        """Whether they are held out, in words."""
        if not self.trained_on:
            return "held out"
        if self.trained_on == len(self.images):
            return "not held out: the run was trained on all of them"
        return f"not all held out: the run was trained on {self.trained_on:,} of them"


def held_out_set(
    recipe: Recipe,
    trained: Dataset,
    run_source: str,
    source: str | None = None,
    transposed: bool = False,
    images: int | None = None,
) -> HeldOut:
    """Choose the images to judge a run on: the test part of its source, where it has one.

    A recipe that picks single images is judged on those, unless `source` names others. A source without a test part
    is taken whole, and `HeldOut.verdict` tells what that means.

    Args:
        trained: what the run was trained on, its picked images only. own: the source that they came from.
        source: another source to judge on. transposed: its files hold their images with rows and columns exchanged.
        images: take this many, evenly spread over the part; by default all.

    Raises:
        BadInput: the data does not fit the model, or `images` is below 1. EnvironmentFailed: a download failed.
    """
    if images is not None and images < 1:
        raise BadInput(f"images must be at least 1, but is {images}")
    chosen = run_source if source is None else source
    picked = recipe.data.indices is not None and source is None
    if picked:
        test, what = trained, f"what the recipe picks from {run_source}, as picked images have no test part"
    else:
        test, what = _test_part(recipe, chosen, transposed)
    _check(recipe, test, chosen)
    judged = test if images is None or images >= len(test) else test.subset(np.arange(images) * len(test) // images)
    if len(judged) < len(test):
        what += f", {len(judged):,} of {len(test):,} images"
    known = int(occurs_in(judged, trained).sum())
    if not recipe.model.conditional:
        return HeldOut(judged, what, known)
    learn = trained if source is None and not picked else _load(recipe, chosen, "train", transposed)
    return HeldOut(judged, what, known, *_for_the_judge(learn, test))


def _load(recipe: Recipe, source: str, part: str, transposed: bool) -> Dataset:
    return data.load(source, part, transposed, image_shape=recipe.model.image_shape, crop=recipe.data.crop)


def _test_part(recipe: Recipe, source: str, transposed: bool) -> tuple[Dataset, str]:
    """The test part of a source, or what must do instead, and which it is."""
    path = as_path(source)
    named = source in data.NAMED
    if not named and path.name == "train.mat" and path.with_name("test.mat").is_file():
        return _load(recipe, str(path.with_name("test.mat")), "test", transposed), f"test.mat beside {source}"
    try:
        test = _load(recipe, source, "test", transposed)
    except BadInput as error:
        if named:
            raise
        # Without a test part the whole source must do; if that cannot be read either, its own complaint is told.
        return _load(recipe, source, "train", transposed), f"all of {source}, as it gives no test part ({error})"
    if source in ("digits", "photos") or (not named and path.is_dir() and is_image_folder(path, "test")):
        return test, f"every fifth image of {source}, which has no held-out part"
    if not named and path.suffix == ".mat":
        return test, f"all of {source}, a single file"
    return test, f"the test part of {source}"


def _check(recipe: Recipe, test: Dataset, source: str) -> None:
    wanted, given = recipe.model.image_shape, tuple(test.images.shape[1:])
    if wanted != given:
        raise BadInput(f"{source}: images are {given}, the run's model takes {wanted}; choose other --data")
    if recipe.model.conditional:
        test.one_hot(recipe.model.classes)  # refuses absent labels and labels beyond the classes


def _for_the_judge(learn: Dataset, test: Dataset) -> tuple[Dataset, Dataset]:
    """Real images to train a judge on and other ones to test it on. Where both parts are the same images, every fifth
    is kept for the test."""
    apart = np.flatnonzero(~occurs_in(learn, test))
    if len(apart) > len(learn) // 2:
        return learn.subset(apart), test
    fifth = np.arange(len(learn)) % 5 == 4
    return learn.subset(np.flatnonzero(~fifth)), learn.subset(np.flatnonzero(fifth))


def occurs_in(some: Dataset, others: Dataset) -> np.ndarray:
    """For each image of `some`, whether the same pixels are in `others`: booleans `[N]`."""
    grey = some.images.dtype == others.images.dtype == np.uint8
    known = set(_digests(others, grey))
    return np.array([digest in known for digest in _digests(some, grey)], bool)


def _digests(images: Dataset, grey: bool) -> Iterator[bytes]:
    for start in range(0, len(images), PIECE):
        rows = slice(start, start + PIECE)
        for image in images.images[rows] if grey else images.scaled_rows(rows):
            yield blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
