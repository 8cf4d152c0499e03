"""Fresh layers of both frameworks: the distributions that entries name for their weights, and running statistics."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from both_frameworks import Side, array_of, float64, tensor
from dualport.common.compare.explanation.initial_weights import distance, explain_initial
from dualport.common.dictionary import index
from dualport.common.dictionary.entry import Entry, as_in_float32
from dualport.common.dictionary.operations.normalization import STATISTICS, StatisticsRule
from dualport.common.dictionary.proof import Proof
from dualport.common.dictionary.training.distributions import DISTRIBUTIONS, Distribution, fans
from dualport.common.distance import relative_error
from dualport.common.tolerances import bound
from scipy.special import ndtr

pytestmark = pytest.mark.dictionary
# Large enough to tell a distribution.
SIZES = {"in_channels": 48, "out_channels": 64, "in_features": 100, "out_features": 90, "num_embeddings": 80,
         "embedding_dim": 60, "kernel_size": 3, "groups": 1, "in1_features": 9, "in2_features": 8}  # fmt: skip
DRAWN = [
    pytest.param(entry, framework, id=f"{entry.kind}-{framework}")
    for entry in index.OPERATIONS
    for framework in ("torch", "paddle")
    if entry.initial and entry.names(framework).classes
]


@pytest.mark.parametrize(("entry", "framework"), DRAWN)
def test_fresh_weights_follow_the_distribution_of_their_entry(entry: Entry, framework: str) -> None:
    proof = next(one for one in entry.proof if one.layer)
    larger = {name: SIZES[name] for name in proof.arguments if name in SIZES}
    with float64():
        side = Side(framework, entry, Proof(arguments=dict(proof.arguments) | larger, torch=proof.torch,
                                            paddle=proof.paddle, layer=True, names=proof.names))  # fmt: skip
        weights = {name: array_of(one).T if turned else array_of(one)
                   for name, (one, turned, _) in side.weights().items() if name in entry.initial}  # fmt: skip
    assert weights
    for name, array in weights.items():
        rule = DISTRIBUTIONS[entry.initial[name][framework == "paddle"]]
        if rule.shape == "constant":
            assert np.all(array == rule.width(0, 0))
        else:
            deviation = rule.deviation(*fans(weights["weight"].shape))
            assert distance(array, partial(_below, rule, deviation)) <= bound("initial distribution")


def _below(rule: Distribution, deviation: float, values: np.ndarray) -> np.ndarray:
    """The distribution function."""
    if rule.shape == "normal":
        return ndtr(values / deviation)
    return np.clip(values / (2 * np.sqrt(3) * deviation) + 0.5, 0, 1)


@pytest.mark.parametrize("out_channels", [480, 96])  # for 96, Xavier's rule gives the same deviation
@pytest.mark.parametrize("kind", [entry.kind for entry in index.OPERATIONS if entry.fan_of_all_groups])
def test_the_rule_of_grouped_layers_is_told(kind: str, out_channels: int) -> None:
    """By the fan of all channels in Paddle, of those of a group in PyTorch."""
    arguments = {"in_channels": 128, "out_channels": out_channels, "kernel_size": 3, "groups": 4}
    fresh = []
    for framework in ("torch", "paddle"):
        side = Side(framework, index.BY_KIND[kind], Proof(arguments=arguments, layer=True))
        fresh.append(array_of(side.weights()["weight"][0]))
    (told,) = explain_initial(("torch", "paddle"), kind, fresh[0].shape, tuple(fresh), groups=4)
    assert told.removed
    assert "±1/√fan_in" in told.text
    assert "√(2/fan_in) with the fan of all 4 groups (Paddle's default)" in told.text
    assert "Paddle's" not in str(explain_initial(("torch", "paddle"), kind, fresh[0].shape, tuple(fresh)))


@pytest.mark.parametrize("momentum", [0.1, 0.3])
@pytest.mark.parametrize("framework", ["torch", "paddle"])
def test_running_statistics_follow_the_rule_of_the_framework(framework: str, momentum: float) -> None:
    entry, batch = index.BY_KIND["batch_norm"], np.random.default_rng(1).standard_normal((5, 4, 3, 2))
    names = ("nn.BatchNorm2d", "nn.BatchNorm2D")
    with float64():
        side = Side(framework, entry, Proof(arguments={"num_features": 4, "momentum": momentum}, layer=True,
                                            names=names))  # fmt: skip
        side.layer.train()
        side.layer(tensor(framework, batch, False))
        after = {name: array_of(side.weights()[name][0]) for name in STATISTICS}
    known = next(one for one in entry.arguments if one.name == "momentum")
    rule = StatisticsRule(as_in_float32(known, momentum), unbiased=framework == "torch", words="")
    before = {"running_mean": np.zeros(4), "running_var": np.ones(4)}
    expected = dict(zip(STATISTICS, rule.updated(before, batch), strict=True))
    for name, array in after.items():
        assert relative_error(array, expected[name]) <= bound("closed form")
