"""Faults planted in statistics, gradients, initial and exchanged weights, and controls without one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dualport.common.compare.explanation.training import (
    explain_exchanged,
    explain_gradient,
    explain_initial,
    explain_statistics,
)
from explanation_checks import NAMES, drawn, explained
from torch import nn

SHAPE = (64, 96, 5, 5)

# Running statistics

BATCH = drawn(4, 3, 2, 5, seed=1) * 2 + 1
START = {"running_mean": drawn(3, seed=2), "running_var": np.abs(drawn(3, seed=3)) + 1}


def statistics(momentum: float = 0.1, unbiased: bool = True, batch: np.ndarray = BATCH) -> dict[str, np.ndarray]:
    """After one forward pass, with PyTorch's meaning of momentum."""
    axes = (0, *range(2, batch.ndim))
    fresh = {"running_mean": batch.mean(axes), "running_var": batch.var(axes, ddof=int(unbiased))}
    return {name: (1 - momentum) * START[name] + momentum * fresh[name] for name in START}


def torch_statistics() -> dict[str, np.ndarray]:
    layer = nn.BatchNorm2d(3).double()
    layer.load_state_dict({name: torch.from_numpy(one) for name, one in START.items()}, strict=False)
    layer(torch.from_numpy(BATCH))
    return {name: getattr(layer, name).numpy() for name in START}


@pytest.mark.parametrize(
    ("paddle", "momentum", "says"),
    [
        (statistics(unbiased=False), (0.1, 0.1), "the biased variance and 0.1 of the batch, torch takes the unbiased"),
        (statistics(float(1 - np.float32(0.9))), (0.1, 0.1), "(its momentum is kept in float32), torch"),
        (statistics(0.9), (0.1, 0.1), "0.9 of the batch (1 − its momentum)"),
        (statistics(0.9, False), (0.1, 0.1), "the biased variance and 0.9 of the batch (1 − its momentum)"),
        (statistics(0.03), (0.03, 0.1), "paddle takes the unbiased variance and 0.03 of the batch, torch"),
        (statistics(0.1), (0.01, 0.1), None),
        (statistics(0.37), (0.1, 0.1), "0.37 of the batch (read off the means)"),
        (START, (0.1, 0.1), "paddle does not update them, torch takes the unbiased variance"),
    ],
    ids=["biased", "float32", "1 − momentum", "both", "momentum", "agree", "read off", "frozen"],
)
def test_the_rule_of_running_statistics(paddle: dict, momentum: tuple, says: str | None) -> None:
    found = explain_statistics(NAMES, (START, START), (paddle, torch_statistics()), (BATCH, BATCH), momentum)
    assert found == [] if says is None else explained(found, says)


def test_statistics_of_no_rule_are_not_explained() -> None:
    noise = {name: np.abs(drawn(3, seed=5)) for name in START}
    for after in ((noise, torch_statistics()), (torch_statistics(), noise)):
        assert explain_statistics(NAMES, (START, START), after, (BATCH, BATCH), (0.1, 0.1)) == []


# Gradients

G = drawn(6, 6, seed=6)


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (G / 2, "paddle's gradient is 0.5 times torch's gradient"), (-G, "the negative of"), (G.T, "order (1, 0)"),
        (np.flip(G, 1), "reversed along axis 1"), (0 * G, "paddle's gradient is zero everywhere"), (G + 1, "plus 1"),
    ],
    ids=["halved", "sign", "transposed", "reversed", "detached", "offset"],
)  # fmt: skip
def test_a_gradient(other: np.ndarray, says: str) -> None:
    assert explained(explain_gradient(NAMES, (other, G)), says)
    assert explain_gradient(NAMES, (G, other))[0].removed


def test_gradients_that_agree_or_have_nothing_in_common() -> None:
    assert explain_gradient(NAMES, (G.copy(), G)) == []
    assert explain_gradient(NAMES, (drawn(6, 6, seed=7), G)) == []


# Exchanged and transposed weights


def test_exchanged_weights() -> None:
    a = {name: drawn(4, 4, seed=30 + place) for place, name in enumerate("pqrst")}
    assert explain_exchanged(NAMES, (a, {name: one.copy() for name, one in a.items()})) == []
    b = a | {"p": a["q"], "q": a["p"]}
    assert explained(explain_exchanged(NAMES, (a, b)), "p of paddle is q of torch, q of paddle is p of torch")
    ring = a | {"r": a["t"], "s": a["r"], "t": a["s"]}
    assert explained(explain_exchanged(NAMES, (a, ring)), "r of paddle is s of torch, s of paddle is t of torch, t")
    turned = a | {"s": a["s"].T}
    found = explain_exchanged(NAMES, (a, turned))
    assert len(found) == 1
    assert explained(found, "s is transposed in paddle against torch")


def test_an_exchange_beside_a_copy() -> None:
    """p is a copy of r: whoever follows it finds the two that are exchanged, but is not one of them."""
    one, two = drawn(4, 4, seed=1), drawn(4, 4, seed=2)
    a, b = {"p": one, "q": two, "r": one}, {"p": drawn(4, 4, seed=3), "q": one, "r": two}
    assert len(explain_exchanged(NAMES, (a, b))) == 1
    assert explained(
        explain_exchanged(NAMES, (a, b)), "are exchanged: q of paddle is r of torch, r of paddle is q of torch:"
    )


def test_weights_that_are_nearly_transposed_are_not_explained() -> None:
    a = {"p": drawn(4, 4, seed=1)}
    assert explain_exchanged(NAMES, (a, {"p": a["p"].T + drawn(4, 4, seed=2) / 1000})) == []


def test_weights_that_are_neither_are_not_explained() -> None:
    a = {"p": drawn(4, 4, seed=1), "q": drawn(4, 4, seed=2), "r": drawn(3, seed=3)}
    assert explain_exchanged(NAMES, (a, a | {"p": drawn(4, 4, seed=4), "r": drawn(3, seed=5)})) == []
    assert explain_exchanged(NAMES, (a, a | {"p": a["q"]})) == []


# Initial weights


def uniform(limit: float, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-limit, limit, shape)


def normal(deviation: float, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return deviation * drawn(*shape, seed=seed)


LINEAR, TABLE = (500, 300), (100, 64)
LAYERS = {"conv2d": (nn.Conv2d, 96, 64, 5), "conv_transpose2d": (nn.ConvTranspose2d, 64, 96, 5),
          "linear": (nn.Linear, 300, 500), "embedding": (nn.Embedding, 100, 64)}  # fmt: skip
BEGUN = [
    ("conv2d", SHAPE, normal((2 / 2400) ** 0.5, SHAPE), "weight", "(2/fan_in) (Paddle", "1/√fan_in"),
    ("conv_transpose2d", SHAPE, uniform((6 / 4000) ** 0.5, SHAPE), "weight", "Xavier uniform", "1/√fan_in"),
    ("linear", LINEAR, uniform((6 / 800) ** 0.5, LINEAR), "weight", "Xavier uniform", "1/√fan_in"),
    ("embedding", TABLE, uniform((6 / 164) ** 0.5, TABLE), "weight", "Xavier uniform", "deviation 1 (PyTorch"),
    ("linear", LINEAR, np.zeros(500), "bias", "constant 0", "uniform within ±1/√fan_in"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "shape", "paddle", "leaf", "first", "second"), BEGUN)
def test_the_rule_of_initial_weights(kind: str, shape: tuple, paddle, leaf: str, first: str, second: str) -> None:
    torch.manual_seed(1)
    made, *arguments = LAYERS[kind]
    mine = getattr(made(*arguments), leaf).detach().numpy()
    found = explain_initial(NAMES, kind, shape, (paddle, mine))
    assert len(found) == 1
    assert explained(found, f"paddle starts {kind} from ")
    left, right = found[0].text.split(", torch from ")
    assert first in left
    assert second in right
    assert explain_initial(NAMES, kind, shape, (paddle, paddle)) == []


def test_constants() -> None:
    found = explain_initial(NAMES, "batch_norm", (96,), (np.ones(96), np.zeros(96)))
    assert explained(found, "from constant 1, torch from constant 0")


def test_initial_weights_of_no_rule_are_not_explained() -> None:
    torch_like = uniform(1 / 2400**0.5, SHAPE, 1)
    for other in (normal(0.123, SHAPE), torch_like + 0.3, np.abs(torch_like), -np.abs(torch_like), drawn(*SHAPE) ** 3):
        assert explain_initial(NAMES, "conv2d", SHAPE, (other, np.zeros(3))) == []
    assert explain_initial(NAMES, "conv2d", SHAPE, (uniform(1 / 2400**0.5, SHAPE, 2), torch_like)) == []


def test_too_few_initial_weights_are_not_explained() -> None:
    assert explain_initial(NAMES, "linear", (4, 5), (drawn(4, 5), uniform(1 / 5**0.5, (4, 5)))) == []
    assert explain_initial(NAMES, "linear", (8, 8), (drawn(8, 8), np.zeros((8, 8)))) == []
    assert explain_initial(NAMES, "linear", (2400, 2400), (drawn(31), np.zeros(31))) == []
