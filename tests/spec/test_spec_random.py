"""Random streams, plans and initial distributions: repeatable, independent, and with the published moments."""

import numpy as np
import pytest
from dualport.common import recipes
from dualport.common.errors import BadInput
from dualport.common.random_streams import normal, stream
from dualport.common.runs.epoch_plan import dropout_mask, plan_epoch
from dualport.common.runs.initial_weights import initial_weights
from dualport.common.weights.optimizer.adam_steps import beta_power, steps_of


def test_streams_differ_by_seed_purpose_and_epoch_and_repeat():
    first = normal(1, "noise", 0, shape=(8,))
    assert np.array_equal(first, normal(1, "noise", 0, shape=(8,)))
    for other in (
        normal(2, "noise", 0, shape=(8,)),
        normal(1, "order", 0, shape=(8,)),
        normal(1, "noise", 1, shape=(8,)),
    ):
        assert not np.array_equal(first, other)
    with pytest.raises(BadInput, match="seed"):
        stream(-1, "noise")


def test_the_last_partial_batch_is_dropped_and_the_order_changes():
    recipe = recipes.recipe("aistudio-vae")
    plan = plan_epoch(recipe, 1, 0, 200)
    assert (plan.steps, len(plan.order), plan.noise.shape) == (3, 192, (192, 2))
    assert len(set(plan.order.tolist())) == 192
    assert not np.array_equal(plan.order, plan_epoch(recipe, 1, 1, 200).order)
    kept = plan_epoch(recipes.recipe("aistudio-vae", {"drop_last": False}), 1, 0, 200)
    assert kept.steps == 4
    assert kept.bounds(3) == (192, 200)


def test_dropout_masks_keep_the_mean():
    mask = dropout_mask(1, "drop", 0, 0, (400, 100), 0.2)
    assert set(np.unique(mask).tolist()) == {0.0, np.float32(1 / 0.8)}
    assert abs((mask == 0).mean() - 0.2) < 4 * np.sqrt(0.2 * 0.8 / mask.size)  # four standard errors


def test_paddle_defaults_have_their_published_moments():
    weights = initial_weights(recipes.recipe("aistudio-cvae", {"width": 64}), 3)
    for name, std in {
        "encoder.conv2.weight": np.sqrt(2 / (64 * 16)),  # normal, fan in = in · k²
        "encoder.conv_label.weight": np.sqrt(2 / 10),
        "decoder.conv2.weight": np.sqrt(6 / ((64 + 128) * 16)) / np.sqrt(3),  # uniform
    }.items():
        sample = weights[name]
        assert abs(sample.std() / std - 1) < 4 / np.sqrt(2 * sample.size)  # four standard errors of a deviation
    assert np.abs(weights["decoder.conv2.weight"]).max() <= np.float32(np.sqrt(6 / ((64 + 128) * 16)))
    assert not any(array.any() for name, array in weights.items() if name.endswith("bias"))


@pytest.mark.parametrize("beta", [0.5, 0.9, 0.999])
def test_the_step_is_read_back_from_the_power_exactly(beta):
    for step in (1, 2, 28, 97):
        assert steps_of(beta_power(beta, step), beta) == step


def test_a_long_run_is_read_back_and_a_vanished_power_is_not():
    assert steps_of(beta_power(0.999, 50_000), 0.999) == 50_000
    assert steps_of(beta_power(0.5, 400), 0.5) is None
    assert steps_of(np.array([0.123], np.float32), 0.999) is None
