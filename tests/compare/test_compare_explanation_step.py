"""One update of an optimiser with a fault planted in one side, against the steps of PyTorch's optimisers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dualport.common.compare.explanation.call import Explanation
from dualport.common.compare.explanation.training import explain_step
from explanation_checks import NAMES, drawn, explained

WEIGHT, GRADIENT = drawn(7, 5, seed=8), drawn(7, 5, seed=9)
MADE = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD, "rmsprop": torch.optim.RMSprop}
KEPT = {"exp_avg": "first", "exp_avg_sq": "second", "momentum_buffer": "velocity", "square_avg": "square",
        "grad_avg": "average", "step": "step"}  # fmt: skip
ADAM = {"kind": "adam", "lr": 0.01, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3, "weight_decay": 0.1}
ADAMW = ADAM | {"kind": "adamw"}
SGD = {"kind": "sgd", "lr": 0.1, "momentum": 0.7, "weight_decay": 0.1}
DAMPENED = SGD | {"dampening": 0.3}
RMSPROP = {"kind": "rmsprop", "lr": 0.01, "alpha": 0.9, "eps": 1e-2, "momentum": 0.0}
CENTERED = RMSPROP | {"centered": True, "momentum": 0.6, "weight_decay": 0.2}


def moved(settings: dict, weight: np.ndarray, state: dict, gradient: np.ndarray = GRADIENT) -> tuple[np.ndarray, dict]:
    """One step of PyTorch's optimiser: the weight and the state after it, under canonical names."""
    tensor = torch.from_numpy(weight.copy()).requires_grad_()
    told = {name: value for name, value in settings.items() if name not in ("kind", "beta1", "beta2")}
    if settings["kind"].startswith("adam"):
        told["betas"] = (settings["beta1"], settings["beta2"])
    optimizer = MADE[settings["kind"]]([tensor], **told)
    if state:
        kept = {theirs: state[ours] for theirs, ours in KEPT.items() if ours in state}
        optimizer.state[tensor] = {name: torch.as_tensor(np.array(one)) for name, one in kept.items()}
    tensor.grad = torch.from_numpy(gradient.copy())
    optimizer.step()
    held = {KEPT[name]: one.numpy().copy() for name, one in optimizer.state[tensor].items() if one is not None}
    return tensor.detach().numpy().copy(), held


def before(settings: dict, steps: int) -> tuple[np.ndarray, dict]:
    """The weight and the state after some steps."""
    weight, state = WEIGHT, {}
    for step in range(steps):
        weight, state = moved(settings, weight, state, drawn(7, 5, seed=20 + step))
    return weight, state


def compared(said: tuple[dict, dict], after: tuple[np.ndarray, np.ndarray], weight, state: dict) -> list[Explanation]:
    return explain_step(NAMES, said, (weight,) * 2, (GRADIENT,) * 2, (state,) * 2, after)


@pytest.mark.parametrize("steps", [0, 2])
@pytest.mark.parametrize(
    ("own", "name", "value"),
    [
        (ADAM, "lr", 0.02), (ADAM, "beta1", 0.9), (ADAM, "beta2", 0.9), (ADAM, "eps", 1e-2),
        (ADAM, "weight_decay", 0.0), (ADAM, "kind", "adamw"), (ADAMW, "weight_decay", 0.3),
        (SGD, "momentum", 0.9), (SGD, "weight_decay", 0.0),
        (SGD, "nesterov", True), (SGD, "dampening", 0.4), (DAMPENED, "lr", 0.2),
        (RMSPROP, "alpha", 0.95), (RMSPROP, "eps", 1e-6),
        (CENTERED, "momentum", 0.0), (CENTERED, "centered", False), (CENTERED, "lr", 0.1),
    ],
)  # fmt: skip
def test_a_setting_of_the_optimizer(own: dict, name: str, value, steps: int) -> None:
    weight, state = before(own | {"momentum": 0.6} if own is CENTERED else own, steps)
    other = own | {name: value}
    after = moved(other, weight, state)[0], moved(own, weight, state)[0]
    if name in ("momentum", "dampening", "beta1", "beta2") and not steps:  # a first step does not depend on them
        assert compared((other, own), after, weight, state) == []
        return
    found = compared((other, own), after, weight, state)
    assert explained(found, f"{name} is {value} in paddle and {own.get(name, 'not given')} in torch")


def test_two_settings_of_the_optimizer_without_a_third() -> None:
    weight, state = before(ADAM, 2)
    other = ADAM | {"lr": 0.03, "eps": 0.1, "idle": 1.0}
    after = moved({name: one for name, one in other.items() if name != "idle"}, weight, state)[0]
    found = compared((other, ADAM), (after, moved(ADAM, weight, state)[0]), weight, state)
    assert explained(found, "lr is 0.03 in paddle and 0.01 in torch and eps is 0.1 in paddle and 0.001 in torch: with")


def paddle_rmsprop(settings: dict, weight: np.ndarray, state: dict) -> np.ndarray:
    """Its kernel: ε under the root, the learning rate inside the momentum."""
    square = settings["alpha"] * state["square"] + (1 - settings["alpha"]) * GRADIENT**2
    step = settings["lr"] * GRADIENT / np.sqrt(square + settings["eps"])
    return weight - settings["momentum"] * state.get("velocity", 0.0) - step


ROOT = "eps is added to the root in PyTorch and under the root in Paddle"


@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_epsilon_inside_the_root_of_rmsprop(momentum: float) -> None:
    own = RMSPROP | {"momentum": momentum}
    weight, state = before(own, 2)
    if not momentum:
        after = paddle_rmsprop(own, weight, state), moved(own, weight, state)[0]
        found = compared((own | {"eps_inside": True}, own), after, weight, state)
        assert explained(found, f"{ROOT}: with paddle's")
        assert explained(compared((own, own), after, weight, state), "with eps inside the root")
        return
    theirs = state | {"velocity": own["lr"] * state["velocity"]}
    said = own | {"eps_inside": True, "lr_inside": True}, own | {"eps_inside": False, "lr_inside": False}
    after = paddle_rmsprop(said[0], weight, theirs), moved(own, weight, state)[0]
    found = explain_step(NAMES, said, (weight,) * 2, (GRADIENT,) * 2, (theirs, state), after)
    assert explained(found, f"{ROOT}: with paddle's")
    sides = [one[::-1] for one in (NAMES, said)], [one[::-1] for one in ((theirs, state), after)]
    found = explain_step(*sides[0], (weight,) * 2, (GRADIENT,) * 2, *sides[1])
    assert explained(found, f"{ROOT}: with torch's")


def adam_by_hand(corrected: bool, eps_first: bool, weight: np.ndarray, state: dict) -> np.ndarray:
    g, count = GRADIENT + 0.1 * weight, int(state["step"]) + 1
    first, second = 0.8 * state["first"] + 0.2 * g, 0.95 * state["second"] + 0.05 * g * g
    one, two = (1 - 0.8**count, 1 - 0.95**count) if corrected else (1, 1)
    if eps_first:
        return weight - 0.01 * np.sqrt(two) / one * first / (np.sqrt(second) + 1e-3)
    return weight - 0.01 * first / one / (np.sqrt(second / two) + 1e-3)


REALLY = {
    "coupled": (ADAMW, lambda w, s: moved(ADAM, w, s)[0], "decay added to the gradient"),
    "decoupled": (ADAM, lambda w, s: moved(ADAMW, w, s)[0], "weight decay taken off the weight"),
    "no decay": (ADAM, lambda w, s: moved(ADAM | {"weight_decay": 0.0}, w, s)[0], "no weight decay"),
    "half the decay": (SGD, lambda w, s: moved(SGD | {"weight_decay": 0.05}, w, s)[0], "half of the weight decay"),
    "twice the decay": (SGD, lambda w, s: moved(SGD | {"weight_decay": 0.2}, w, s)[0], "twice the weight decay"),
    "betas": (ADAM, lambda w, s: moved(ADAM | {"beta1": 0.95, "beta2": 0.8}, w, s)[0], "beta1 and beta2"),
    "no correction": (ADAM, lambda w, s: adam_by_hand(False, False, w, s), "no correction of its moments' bias"),
    "eps first": (ADAM, lambda w, s: adam_by_hand(True, True, w, s), "eps added before the bias is corrected"),
    "a step too far": (
        ADAM,
        lambda w, s: moved(ADAM, w, s | {"step": s["step"] + 1})[0],
        "step counted one too far",
    ),
    "fresh moments": (ADAM, lambda w, s: moved(ADAM, w, {})[0], "moments that start again"),
    "nesterov": (SGD, lambda w, s: moved(SGD | {"nesterov": True}, w, s)[0], "with Nesterov momentum"),
    "dampened": (SGD, lambda w, s: moved(SGD | {"dampening": 0.7}, w, s)[0], "dampening 0.7"),
    "1 − momentum": (SGD, lambda w, s: moved(SGD | {"momentum": 0.3}, w, s)[0], "momentum 0.3, that is 1 − its own"),
    "no momentum": (SGD, lambda w, s: moved(SGD | {"momentum": 0.0}, w, {})[0], "no momentum"),
    "centred": (CENTERED, lambda w, s: moved(CENTERED | {"centered": False}, w, s)[0], "no centering"),
    "alpha": (RMSPROP, lambda w, s: moved(RMSPROP | {"alpha": 1 - 0.9}, w, s)[0], "alpha and 1 − alpha exchanged"),
    "half the rate": (ADAM, lambda w, s: moved(ADAM | {"lr": 0.005}, w, s)[0], "0.5 times its learning rate"),
    "half the gradient": (SGD, lambda w, s: moved(SGD, w, s, GRADIENT / 2)[0], "0.5 times its gradient"),
    "float32": (RMSPROP, lambda w, s: moved(RMSPROP | {"alpha": float(np.float32(0.9))}, w, s)[0], "alpha rounded to"),
    "lr inside": (
        CENTERED, lambda w, s: moved(CENTERED, w, s)[0] + 0.6 * (0.01 - 1) * s["velocity"], "learning rate inside its"),
    "uphill": (SGD, lambda w, s: 2 * w - moved(SGD, w, s)[0], "the opposite sign"),
}  # fmt: skip


@pytest.mark.parametrize("name", REALLY)
def test_what_one_side_really_does(name: str) -> None:
    own, step, says = REALLY[name]
    weight, state = before(own, 2)
    mine, other = moved(own, weight, state)[0], step(weight, state)
    assert explained(compared((own, own), (other, mine), weight, state), says)
    assert explained(compared((own, own), (mine, other), weight, state), says)


@pytest.mark.parametrize("own", [ADAM, ADAMW, SGD, RMSPROP, CENTERED])
def test_an_update_of_no_rule_is_not_explained(own: dict) -> None:
    weight, state = before(own, 2)
    mine, noise = moved(own, weight, state)[0], weight + drawn(7, 5, seed=11) / 100
    assert compared((own, own), (noise, mine), weight, state) == []
    assert compared((own | {"lr": 0.5}, own), (mine, noise), weight, state) == []
    assert compared((own, own), (mine.copy(), mine), weight, state) == []
