"""Active units, nearest neighbours and class fidelity where the answers are known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from dualport.common import data, recipes
from dualport.common.data import Dataset
from dualport.common.errors import BadInput
from dualport.common.evaluation import (  # fmt: skip
    HeldOut,
    active_units,
    class_fidelity,
    evaluate,
    held_out_set,
    knn_accuracy,
    train_judge,
)
from dualport.common.evaluation.fidelity import grey_levels
from dualport.common.evaluation.measures import mean_of, share_of
from dualport.common.random_streams import stream
from dualport.common.tolerances import bound
from evaluation_toys import Gallery, NumpySession, every_pattern, toy_recipe


@pytest.fixture(scope="module")
def digits() -> HeldOut:
    """The embedded digits, a fifth of them kept from the judge."""
    return held_out_set(recipes.recipe("aistudio-cvae"), data.load("digits"), "digits")


@pytest.fixture(scope="module")
def judge(digits):
    return train_judge(digits.learn, digits.test, trees=60)


def test_standard_errors_are_the_spread_of_repeated_means():
    draw, repeats = stream(0, "repeats"), 2000
    for sample, measure in ((draw.normal(3, 2, (repeats, 25)), mean_of), (draw.random((repeats, 25)) < 0.3, share_of)):
        found = [measure(one, "nothing") for one in sample]
        spread = np.std([one.value for one in found], ddof=1)
        told = np.sqrt(np.mean([one.standard_error**2 for one in found]))
        # a variance of few numbers is itself unsure; the binomial one is short by 1 part in 25
        allowed = bound("sampled means, in standard errors") / np.sqrt(2 * repeats) + 1 / 25
        assert abs(told / spread - 1) <= allowed
    assert mean_of(np.ones(1), "nothing").standard_error is None


def test_active_units_are_those_whose_mean_varies():
    spread = np.array([1.0, 0.11, 0.09, 0.0])  # standard deviations: variances 1, 0.0121, 0.0081 and 0
    means = 7 + np.tile([[1.0], [-1.0]], (50, 4)) * spread
    measure = active_units(means)
    assert (measure.value, measure.details["of"]) == (2, 4)
    assert "of 4 latents" in measure.unit
    assert active_units(means[:1]).value is None


def test_neighbours_of_separate_clusters_and_of_shuffled_labels():
    draw = stream(0, "clusters")
    labels = np.repeat(np.arange(10), 100)
    means = draw.normal(size=(1000, 2)) + 100 * np.stack([labels, labels % 3], 1)
    assert knn_accuracy(means, labels).value == 1
    shuffled = knn_accuracy(means, draw.permutation(labels))
    assert abs(shuffled.value - 1 / 10) <= bound("sampled means, in standard errors") * shuffled.standard_error
    assert "told the label" in knn_accuracy(means, labels, conditional=True).note


def test_no_image_is_its_own_neighbour():
    """Each label occurs once, so that only the image itself could vote for it."""
    assert knn_accuracy(np.arange(20.0)[:, None], np.arange(20)).value == 0


def test_neighbours_need_labels_and_images():
    assert knn_accuracy(np.zeros((100, 2)), None).note == "the data holds no labels"
    assert knn_accuracy(np.zeros((5, 2)), np.arange(5)).value is None


def test_a_perfect_generator_is_as_right_as_the_judge(judge, digits):
    recipe = recipes.recipe("aistudio-cvae")
    measure = class_fidelity(recipe, Gallery(digits.test), judge, seed=1, per_label=200)
    error = np.hypot(measure.standard_error, np.sqrt(judge.accuracy * (1 - judge.accuracy) / judge.tested))
    assert abs(measure.value - judge.accuracy) <= bound("sampled means, in standard errors") * error
    assert measure.details["judge_accuracy"] == judge.accuracy
    assert len(measure.details["by_label"]) == 10


def test_a_generator_that_ignores_the_label_is_right_by_chance(judge, digits):
    measure = class_fidelity(recipes.recipe("aistudio-cvae"), Gallery(digits.test, blind=True), judge, seed=1)
    assert abs(measure.value - 1 / 10) <= bound("sampled means, in standard errors") * measure.standard_error
    assert f"{judge.accuracy:.3f} of 359 other real ones" in measure.note


def test_the_wrong_pixel_scale_would_show(judge, digits):
    """Generated images go back to 0..255 by the recipe's range, exactly."""
    images = digits.test
    flat = images.images.reshape(len(images), -1)
    for low, high in ((-1, 1), (0, 1)):
        assert np.array_equal(grey_levels(images.scaled(low, high), low, high), flat)
    assert np.array_equal(grey_levels(np.array([[-9.0, 9.0]]), -1, 1), [[0, 255]])


def test_the_judge_learns_from_other_images_than_it_is_tested_on(judge, digits):
    assert (judge.learned, judge.tested) == (1797 - 359, 359)
    known = {image.tobytes() for image in digits.learn.images}
    assert not known & {image.tobytes() for image in digits.test.images}


def test_the_judge_takes_no_more_images_than_it_is_allowed(digits):
    first, second = (train_judge(digits.learn, digits.test, trees=5, most=300) for _ in range(2))
    assert (first.learned, first.accuracy) == (300, second.accuracy)
    bare = Dataset(digits.test.images, None, "bare", "bare")
    with pytest.raises(BadInput, match="bare: holds no labelled images for a judge"):
        train_judge(bare, digits.test)


def test_an_autoencoder_gets_only_what_makes_sense():
    recipe = toy_recipe("none", reconstruction="squared_error")
    outcome = evaluate(recipe, NumpySession(recipe), HeldOut(every_pattern(), "patterns", 0), seed=1)
    computed = {name for name, measure in outcome.measures.items() if measure.value is not None}
    assert computed == {"reconstruction", "loss", "knn_accuracy"}
    assert "an autoencoder has codes, no posterior" in "\n".join(outcome.lines())


def test_an_outcome_names_every_unit_and_survives_json():
    recipe = toy_recipe()
    outcome = evaluate(recipe, NumpySession(recipe), HeldOut(every_pattern(), "patterns", 0), seed=1, samples=10)
    told = json.loads(json.dumps(outcome.to_json(), allow_nan=False))
    for name, measure in told["measures"].items():
        assert "skipped" in measure if measure["value"] is None else measure["unit"], name
    assert told["measures"]["log_likelihood"]["samples"] == 10
    assert told["measures"]["class_fidelity"] == {"value": None, "skipped": "the model takes no label"}
    assert told["data"]["held_out"] is True
    assert outcome.lines()[0] == "on patterns: 64 images, held out"
    assert "grey levels" not in told["measures"]["log_likelihood"]["note"]


def test_grey_targets_are_told():
    recipe, patterns = toy_recipe(), every_pattern()
    grey = Dataset(patterns.images // 2, patterns.labels, "grey", "grey")
    outcome = evaluate(recipe, NumpySession(recipe), HeldOut(grey, "grey", 0), seed=1, samples=2)
    assert "grey levels as Bernoulli targets" in outcome.measures["log_likelihood"].note


@pytest.mark.mnist
def test_class_fidelity_of_the_notebooks_own_weights(shared_data):
    from dualport.backends import load_backend
    from dualport.common.data.formats.idx import read_idx_folder
    from dualport.common.weights.loading import canonical

    recipe, weights = recipes.recipe("aistudio-cvae"), {}
    for part in ("encoder", "decoder"):
        weights |= canonical(shared_data / "aistudio" / f"D_{part}_True.pdparams")[1]
    learn, test = (read_idx_folder(shared_data / "mnist", part) for part in ("train", "test"))
    judge = train_judge(learn, test, trees=40)
    measure = class_fidelity(
        recipe, load_backend("torch").Session(recipe, weights, "cpu"), judge, seed=1, per_label=100
    )
    assert judge.accuracy > measure.value
    assert abs(measure.value - 0.67) <= bound("class fidelity of the published weights")
