"""Class fidelity: does a conditional model draw the digit that it was asked for? A classifier of real digits judges."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..data import Dataset
from ..errors import BadInput
from ..random_streams import normal, stream
from ..spec import Recipe
from .measures import Measure, share_of
from .terms import finite

TREES = 200
MOST = 20_000  # real images that the judge learns from
PER_LABEL = 500  # a share of 0.7 of ten labels is then known to 0.006
SEED = 0  # the judge is the same one for every run on the same data, or runs could not be compared


@dataclass(frozen=True)
class Judge:
    """A classifier of real images.

    Attributes:
        classifier: takes grey levels uint8 `[N, values]`.
        learned: number of real images that it was trained on. tested: number of other real ones it was tested on.
        accuracy: share of those that it gets right.
    """

    classifier: Any
    learned: int
    tested: int
    accuracy: float


def train_judge(learn: Dataset, test: Dataset, trees: int = TREES, most: int = MOST) -> Judge:
    """Extremely randomised trees on at most `most` real images of `learn`, tested on all of `test`.

    Raises:
        BadInput: one of them has no labels or no images.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    for data in (learn, test):
        if data.labels is None or not len(data):
            raise BadInput(f"{data.source}: holds no labelled images for a judge; choose labelled data")
    if len(learn) > most:
        learn = learn.subset(np.sort(stream(SEED, "evaluate/judge").choice(len(learn), most, replace=False)))
    classifier = ExtraTreesClassifier(trees, random_state=SEED, n_jobs=_cores())
    classifier.fit(grey_levels(learn.scaled(), 0, 1), learn.labels)
    right = classifier.predict(grey_levels(test.scaled(), 0, 1)) == test.labels
    return Judge(classifier, len(learn), len(test), float(right.mean()))


def class_fidelity(recipe: Recipe, session: Any, judge: Judge, seed: int, per_label: int = PER_LABEL) -> Measure:
    """Share of generated images that the judge takes for the label that was asked for.

    Args:
        session: `decode(z [N, latent], one-hot [N, classes])` gives images in the recipe's range.
        seed: of the latents, which come from N(0, I): `per_label` for each label.
    """
    model = recipe.model
    asked = np.repeat(np.arange(model.classes), per_label)
    z = normal(seed, "evaluate/fidelity", shape=(len(asked), model.latent.size))
    drawn = finite(session.decode(z, np.eye(model.classes, dtype=np.float32)[asked]), "decoder")
    seen = judge.classifier.predict(grey_levels(drawn, *recipe.data.value_range))
    right = seen == asked
    by_label = {str(label): float(right[asked == label].mean()) for label in range(model.classes)}
    return share_of(
        right,
        f"share of {len(asked):,} generated images",
        f"{per_label} a label from the prior; judge: {judge.classifier.n_estimators} extra-trees trained on "
        f"{judge.learned:,} real images, right on {judge.accuracy:.3f} of {judge.tested:,} other real ones",
        by_label=by_label,
        judge_accuracy=judge.accuracy,
        judge_trained_on=judge.learned,
        judge_tested_on=judge.tested,
    )


def grey_levels(images: np.ndarray, low: float, high: float) -> np.ndarray:
    """Images `[N, …]` in [low, high] as uint8 `[N, values]` in 0..255: what a picture file would hold."""
    levels = (np.asarray(images, np.float64).reshape(len(images), -1) - low) * (255 / (high - low))
    return np.rint(levels).clip(0, 255).astype(np.uint8)


def _cores() -> int:
    """Cores that this process may use; the trees are the same for any number."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
