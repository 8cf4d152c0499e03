"""Entries of optimizers that give every number of a weight a rate of its own, beyond Adam and RMSProp.

A formula makes the weights after each step, from the first weights and all gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from inspect import signature
from typing import Any

import numpy as np

from ..entry import REQUIRED, Contrast, Entry, Kept, argument, entry, rounded
from ..proof import Proof
from .optimizers import BETAS, CLEARED, DECAY, EPS, SHARES, Made, Rule, Step

IN_FLOAT32 = dict.fromkeys(("beta1", "beta2", "eps"))
Update = Callable[..., np.ndarray]  # (state, gradient, number of the step, settings) → what is taken from the weight


def _weights_after(update: Update, weight: np.ndarray, gradients: np.ndarray, lr: float = 1e-3,
                   weight_decay: float = 0.0, **settings: Any) -> Iterator[np.ndarray]:  # fmt: skip
    state: dict[str, Any] = {}
    for step, gradient in enumerate(gradients, 1):
        weight = weight - update(state, gradient + weight_decay * weight, step, lr, **settings)
        yield weight


def _averaged(state: dict, name: str, value: np.ndarray, share: float) -> np.ndarray:
    """share · old + (1 − share) · value, kept."""
    state[name] = share * state.get(name, 0.0) + (1 - share) * value
    return state[name]


def _adagrad(state: dict, g: np.ndarray, step: int, lr: float, eps: float = 1e-10,
             initial_accumulator_value: float = 0.0) -> np.ndarray:  # fmt: skip
    """lr · g / (√(sum of all g²) + eps)"""
    state["sum"] = state.get("sum", initial_accumulator_value) + g * g
    return lr * g / (np.sqrt(state["sum"]) + eps)


def _adadelta(state: dict, g: np.ndarray, step: int, lr: float, rho: float = 0.9, eps: float = 1e-6) -> np.ndarray:
    """lr · g · √(mean of the last updates² + eps) / √(mean of the last g² + eps)"""
    square = _averaged(state, "square", g * g, rho)
    change = g * np.sqrt(state.get("change", 0.0) + eps) / np.sqrt(square + eps)
    _averaged(state, "change", change**2, rho)
    return lr * change


def _adamax(state: dict, g: np.ndarray, step: int, lr: float, beta1: float = 0.9, beta2: float = 0.999,
            eps: float = 1e-8, eps_with_old: bool = False, round_share: bool = False) -> np.ndarray:  # fmt: skip
    """lr / (1 − beta1^t) · m / u, where u = max(beta2 · u, |g| + eps)"""
    first = _averaged(state, "first", g, rounded(beta1) if round_share else beta1)
    old = beta2 * state.get("largest", 0.0)
    state["largest"] = np.maximum(old + eps, np.abs(g)) if eps_with_old else np.maximum(old, np.abs(g) + eps)
    return lr / (1 - beta1**step) * first / state["largest"]


def _nadam(state: dict, g: np.ndarray, step: int, lr: float, beta1: float = 0.9, beta2: float = 0.999,
           eps: float = 1e-8, momentum_decay: float = 4e-3) -> np.ndarray:  # fmt: skip
    """Adam with Nesterov's momentum, whose share rises with 0.96^(t · momentum_decay)."""
    now, later = (beta1 * (1 - 0.5 * 0.96 ** (place * momentum_decay)) for place in (step, step + 1))
    product = state["product"] = state.get("product", 1.0) * now
    first, second = _averaged(state, "first", g, beta1), _averaged(state, "second", g * g, beta2)
    direction = later * first / (1 - product * later) + (1 - now) * g / (1 - product)
    return lr * direction / (np.sqrt(second / (1 - beta2**step)) + eps)


def _radam(state: dict, g: np.ndarray, step: int, lr: float, beta1: float = 0.9, beta2: float = 0.999,
           eps: float = 1e-8) -> np.ndarray:  # fmt: skip
    """Adam, its rate rectified by how many gradients the second moment has seen; momentum alone for the first few."""
    first = _averaged(state, "first", g, beta1) / (1 - beta1**step)
    second, left = _averaged(state, "second", g * g, beta2), 1 - beta2**step
    most = 2 / (1 - beta2) - 1
    seen = most - 2 * step * beta2**step / left
    if seen <= 5:
        return lr * first
    rectified = np.sqrt((seen - 4) * (seen - 2) * most / ((most - 4) * (most - 2) * seen))
    return lr * first * rectified * np.sqrt(left) / (np.sqrt(second) + eps)


def _rprop(state: dict, g: np.ndarray, step: int, lr: float, etas: tuple[float, float] = (0.5, 1.2),
           step_sizes: tuple[float, float] = (1e-6, 50)) -> np.ndarray:  # fmt: skip
    """The sign of g times a step that grows while the sign stays and shrinks where it turns; there it waits once."""
    sign = np.sign(g * state.get("gradient", 0.0))
    factor = np.where(sign > 0, etas[1], np.where(sign < 0, etas[0], 1.0))
    state["size"] = np.clip(state.get("size", np.full_like(g, lr)) * factor, *step_sizes)
    state["gradient"] = np.where(sign < 0, 0.0, g)
    return state["size"] * np.sign(state["gradient"])


def _rule(update: Update, step: Step, gradient: np.ndarray) -> Made:
    """An update as a rule that a single step is made by."""
    state = {name: value for name, value in step.state.items() if name != "step"}
    names = list(signature(update).parameters)[4:]
    settings = {name: step.settings[name] for name in names if step.settings.get(name) is not None}
    taken = update(state, gradient, int(step.state.get("step", 0)) + 1, step.of("lr"), **settings)
    return -taken, state


UPDATES = {"adagrad": _adagrad, "adadelta": _adadelta, "adamax": _adamax, "nadam": _nadam, "radam": _radam,
           "rprop": _rprop}  # fmt: skip
RULES: dict[str, Rule] = {kind: partial(_rule, update) for kind, update in UPDATES.items()}


def _optimizer(kind: str, torch: str, update: Update, *arguments, rates: tuple[float, Any], tried: tuple[dict, ...],
               paddle: str = "", **more) -> Entry:  # fmt: skip
    """An optimizer, proved with `tried` settings for several steps each. rates: the defaults of both."""
    rate = argument("lr", rates[0], paddle="learning_rate", paddle_default=rates[1])
    return entry(kind, f"optim.{torch}", f"optimizer.{paddle or torch}", (rate, *arguments),
                 formula=partial(_weights_after, update),
                 proof=[Proof(arguments={"lr": 0.1} | settings, steps=12) for settings in tried], **more)  # fmt: skip


ENTRIES: tuple[Entry, ...] = (
    _optimizer("adagrad", "Adagrad", _adagrad, argument("lr_decay", 0, paddle=""), DECAY,
               argument("initial_accumulator_value", 0),
               argument("eps", 1e-10, paddle="epsilon", paddle_default=1e-6),
               rates=(0.01, REQUIRED), float32={"eps": None},
               state={"sum": Kept("sum", "moment", start="initial_accumulator_value")}, counted=True,
               paddle_order="lr eps weight_decay initial_accumulator_value", differs=(CLEARED,),
               tried=({"eps": 1e-3}, {"eps": 1e-3, "initial_accumulator_value": 0.5, "weight_decay": 0.125})),
    _optimizer("adadelta", "Adadelta", _adadelta, argument("rho", 0.9, paddle_default=0.95),
               argument("eps", 1e-6, paddle="epsilon"), DECAY, rates=(1.0, 1e-3), float32={"rho": None, "eps": None},
               paddle_order="lr eps rho weight_decay", differs=(CLEARED,),
               tried=({"rho": 0.9, "eps": 1e-3}, {"rho": 0.75, "eps": 1e-3, "weight_decay": 0.125})),
    _optimizer("adamax", "Adamax", _adamax, *BETAS, EPS, DECAY, rates=(0.002, 1e-3),
               state={"first": Kept("exp_avg", "moment", "beta1"), "largest": Kept("exp_inf", "inf_norm", "beta2")},
               counted=True, powers=("beta1",),
               float32=dict.fromkeys(("beta2", "eps")), in_paddle={"eps_with_old": True, "round_share": True},
               differs=(CLEARED,
                        Contrast("epsilon (eps)", "added to the new gradient", "added to the old largest",
                                 rule="eps_with_old"),
                        Contrast("beta1 in float64", "exact", "float32 in the moment, exact in its correction",
                                 rule="round_share")),
               tried=({"beta1": 0.9}, SHARES | {"eps": 1e-3, "weight_decay": 0.125})),
    _optimizer("nadam", "NAdam", _nadam, *BETAS, EPS, DECAY, argument("momentum_decay", 4e-3), rates=(0.002, 0.002),
               float32=IN_FLOAT32 | {"momentum_decay": None},
               paddle_order="lr beta1 beta2 eps momentum_decay weight_decay", differs=(CLEARED,),
               tried=({}, SHARES | {"eps": 1e-3, "weight_decay": 0.125})),
    _optimizer("radam", "RAdam", _radam, *BETAS, EPS, DECAY, rates=(1e-3, 1e-3), float32=IN_FLOAT32, differs=(CLEARED,),
               tried=({}, SHARES | {"eps": 1e-3, "weight_decay": 0.125})),
    _optimizer("rprop", "Rprop", _rprop, argument("etas", (0.5, 1.2)),
               argument("step_sizes", (1e-6, 50), paddle="learning_rate_range", paddle_default=(1e-5, 50)),
               rates=(0.01, 1e-3), paddle_order="lr step_sizes etas", differs=(CLEARED,),
               tried=({"step_sizes": (1e-6, 50)}, {"etas": (0.25, 1.5), "step_sizes": (0.05, 0.25)})),
)  # fmt: skip
