"""Entries of optimizers. A formula makes the weights after each step, from the first weights and all gradients.

A rule is one update in NumPy, which can be changed and made again: with other settings, or with what another framework
does. RMSProp's are `eps_inside`, √(… + eps), and `lr_inside`, a buffer of momentum that holds steps, not directions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from ..entry import Contrast, Entry, Kept, argument, entry
from ..proof import Proof
from .clipping import CLIPPED, CLIPS

# The numbers of an optimizer that is asked for by name: those on which both frameworks agree, else PyTorch's.
DEFAULTS: dict[str, dict[str, float]] = {
    "adam": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
    "adamw": {"lr": 1e-3, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 1e-2},
    "sgd": {"lr": 1e-2, "weight_decay": 0.0},
    "momentum": {"lr": 1e-2, "momentum": 0.9, "nesterov": 0.0, "weight_decay": 0.0},
    "rmsprop": {"lr": 1e-2, "alpha": 0.99, "eps": 1e-8, "momentum": 0.0, "centered": 0.0, "weight_decay": 0.0},
}
BELOW_ONE = ("beta1", "beta2", "alpha", "momentum")
ALIASES = {"learning_rate": "lr", "epsilon": "eps", "rho": "alpha", "centred": "centered", "coeff": "weight_decay"}
ADAPTIVE = ("adam", "adamw")
# A moment → where a trace may have it.
STATE = {"velocity": ("velocity", "first"), "first": ("first",), "second": ("second", "square"),
         "average": ("average",), "most": ("most",)}  # fmt: skip
Made = tuple[np.ndarray, dict[str, Any]]  # what is added to the weight, and the moments after it
Rule = Callable[["Step", np.ndarray], Made]


@dataclass(frozen=True)
class Step:
    """One side's update of one weight, which can be changed and made again."""

    settings: dict[str, Any]
    weight: np.ndarray
    gradient: np.ndarray
    state: Mapping[str, Any] = field(default_factory=dict)
    norm: float = 0.0  # of all gradients together; 0 where it is not known
    rules: Mapping[str, Rule] = field(default_factory=lambda: RULES)

    def of(self, name: str, default: float = 0.0) -> float:
        return self.settings.get(name, default)

    def kept(self, name: str) -> np.ndarray:
        """A moment from before the step; 0 where there is none yet."""
        value = next((self.state[key] for key in STATE[name] if self.state.get(key) is not None), 0.0)
        return np.asarray(value, np.float64)

    def told(self, **settings) -> Step:
        return replace(self, settings=self.settings | settings)

    def update(self) -> np.ndarray | None:
        """What is added to the weight; None for a kind that is not known."""
        made = self.made()
        return None if made is None else made[0]

    def moment(self, name: str) -> np.ndarray | None:
        """A moment after the step; None where its rule has none of that name."""
        made = self.made()
        return None if made is None else made[1].get(name)

    def made(self) -> Made | None:
        rule = self.rules.get(self.settings.get("kind", ""))
        return None if rule is None else self.made_by(rule)

    def made_by(self, rule: Rule) -> Made:
        gradient, decay = self._clipped(self.gradient * self.of("scale", 1.0)), self.of("weight_decay")
        if self.decoupled:
            change, state = rule(self, gradient)
            return change - self.of("lr") * decay * self.weight, state
        return rule(self, gradient + decay * self.weight)

    def _clipped(self, gradient: np.ndarray) -> np.ndarray:
        for name, (_, clip) in CLIPS.items():
            if self.norm and self.of(name):
                gradient = clip(gradient, self.norm, self.of(name))
        return gradient

    @property
    def decoupled(self) -> bool:
        return bool(self.settings.get("decoupled", self.settings["kind"] == "adamw"))


def _adam(step: Step, g: np.ndarray) -> Made:
    beta1, beta2, count = step.of("beta1", 0.9), step.of("beta2", 0.999), int(step.state.get("step", 0)) + 1
    first, second = beta1 * step.kept("first") + (1 - beta1) * g, beta2 * step.kept("second") + (1 - beta2) * g * g
    state, late = {"first": first, "second": second, "step": count}, count + int(step.of("late"))
    if step.of("amsgrad"):
        state["most"] = second = np.maximum(step.kept("most"), second)
    bias1, bias2 = (1 - beta1**late, 1 - beta2**late) if step.of("corrected", 1.0) else (1.0, 1.0)
    if step.of("eps_first"):
        return -step.of("lr") * np.sqrt(bias2) / bias1 * first / (np.sqrt(second) + step.of("eps", 1e-8)), state
    return -step.of("lr") / bias1 * first / (np.sqrt(second / bias2) + step.of("eps", 1e-8)), state


def _sgd(step: Step, g: np.ndarray) -> Made:
    """PyTorch does not dampen the first gradient."""
    momentum, fresh = step.of("momentum"), not np.any(step.kept("velocity"))
    if not momentum:
        return -step.of("lr") * g, {}
    velocity = momentum * step.kept("velocity") + (1.0 if fresh else 1 - step.of("dampening")) * g
    nesterov = step.settings.get("nesterov", step.settings["kind"] == "nesterov")
    return -step.of("lr") * (g + momentum * velocity if nesterov else velocity), {"velocity": velocity}


def _rmsprop(step: Step, g: np.ndarray) -> Made:
    alpha, eps, lr = step.of("alpha", 0.99), step.of("eps", 1e-8), step.of("lr")
    square = alpha * step.kept("second") + (1 - alpha) * g * g
    average = alpha * step.kept("average") + (1 - alpha) * g
    spread = square - average**2 if step.of("centered") else square
    direction = g / (np.sqrt(spread + eps) if step.of("eps_inside") else np.sqrt(spread) + eps)
    inside = bool(step.of("lr_inside"))
    buffer = step.of("momentum") * step.kept("velocity") + (lr * direction if inside else direction)
    state = {"square": square, "average": average, "velocity": buffer}
    if not step.of("momentum"):
        return -lr * direction, state
    return -buffer if inside else -lr * buffer, state


RULES: dict[str, Rule] = {
    "adam": _adam, "adamw": _adam, "sgd": _sgd, "momentum": _sgd, "nesterov": _sgd, "rmsprop": _rmsprop,
}  # fmt: skip


def _weights_after(kind: str, weight: np.ndarray, gradients: np.ndarray, **settings: float) -> Iterator[np.ndarray]:
    state: dict[str, Any] = {}
    for gradient in gradients:
        change, state = Step({"kind": kind} | DEFAULTS[kind] | settings, weight, gradient, state).made_by(RULES[kind])
        weight = weight + change
        yield weight


def _optimizer(kind: str, torch: str, paddle: str, *arguments, tried: tuple[dict, ...], **more) -> Entry:
    """An optimizer, proved with `tried` settings for several steps each."""
    rate = argument("lr", more.pop("rate", 1e-3), paddle="learning_rate", paddle_default=more.pop("rate_paddle", 1e-3))
    proofs = [Proof(arguments={"lr": 0.1} | settings, steps=6) for settings in tried]
    formula = partial(_weights_after, kind)
    return entry(
        kind, f"optim.{torch}", f"optimizer.{paddle}", (rate, *arguments), proof=proofs, formula=formula, **more
    )


def arguments_of(entry: Entry, framework: str, numbers: Mapping[str, float]) -> dict[str, Any]:
    """An optimizer's numbers as a framework's class takes them: under its names, flags as such, what is 0 and may be
    left out left out."""
    words = {}
    for row in entry.arguments:
        names, default = (row.torch, row.default_torch) if framework == "torch" else (row.paddle, row.default_paddle)
        value = numbers.get(row.name)
        if names and value is not None and (value or default is not None):
            words[names[0]] = bool(value) if isinstance(default, bool) else value
    return words


BETAS = tuple(argument(f"beta{n + 1}", default, torch=f"betas[{n}]") for n, default in enumerate((0.9, 0.999)))
EPS = argument("eps", 1e-8, paddle="epsilon")
DECAY = argument("weight_decay", 0, paddle_default=None)
AMSGRAD = argument("amsgrad", False)
MOMENTS = {"first": Kept("exp_avg", "moment1", "beta1"), "second": Kept("exp_avg_sq", "moment2", "beta2")}
LARGEST = Kept("max_exp_avg_sq", "moment2_max", when="amsgrad", when_paddle="amsgrad")
OF_ADAM = {"counted": True, "powers": ("beta1", "beta2"), "state": MOMENTS | {"most": LARGEST}}
CLEARED = Contrast("a parameter without a gradient", "is left alone", "after `clear_grad()` has a gradient of zeros",
                   "momentum and decay still move it")  # fmt: skip
SHARES = {"beta1": 0.5, "beta2": 0.95}

ENTRIES: tuple[Entry, ...] = (
    _optimizer("sgd", "SGD", "SGD", DECAY, tried=({}, {"weight_decay": 0.01}), differs=(CLIPPED,)),
    _optimizer("momentum", "SGD", "Momentum", argument("momentum", 0, paddle_default=0.9),
               argument("dampening", 0, paddle=""), DECAY, argument("nesterov", False, paddle="use_nesterov"),
               paddle_order="lr momentum nesterov weight_decay",
               state={"velocity": Kept("momentum_buffer", "velocity", when="momentum")},
               float32={"momentum": None, "weight_decay": None},
               tried=({"momentum": 0.9}, {"momentum": 0.8, "nesterov": True, "weight_decay": 0.01}),
               differs=(CLEARED, CLIPPED, Contrast("momentum and decay in float64", "exact", "rounded to float32"))),
    _optimizer("adam", "Adam", "Adam", *BETAS, EPS, DECAY, AMSGRAD, **OF_ADAM, differs=(CLEARED, CLIPPED),
               tried=({}, SHARES | {"weight_decay": 0.1}, SHARES | {"amsgrad": True})),
    _optimizer("adamw", "AdamW", "AdamW", *BETAS, EPS, argument("weight_decay", 0.01), AMSGRAD, **OF_ADAM,
               float32={"weight_decay": None},
               tried=({"weight_decay": 0.1}, SHARES | {"weight_decay": 0.3, "amsgrad": True}),
               differs=(CLEARED, CLIPPED, Contrast("weight_decay in float64", "exact", "rounded to float32"),
                        Contrast("a regularizer of a parameter", "none", "added beside the decay, not in its place"))),
    _optimizer("rmsprop", "RMSprop", "RMSProp", argument("alpha", 0.99, paddle="rho", paddle_default=0.95),
               argument("eps", 1e-8, paddle="epsilon", paddle_default=1e-6), DECAY, argument("momentum", 0),
               argument("centered", False), rate=0.01, rate_paddle="required",
               paddle_order="lr alpha eps momentum centered weight_decay",
               state={"square": Kept("square_avg", "mean_square", "alpha"),
                      "velocity": Kept("momentum_buffer", "momentum", scale="lr", when="momentum"),
                      "average": Kept("grad_avg", "mean_grad", "alpha", when="centered")}, counted=True,
               float32={"alpha": None, "eps": None, "momentum": None}, in_paddle={"eps_inside": 1.0, "lr_inside": 1.0},
               tried=({"alpha": 0.9, "eps": 1e-3}, {"alpha": 0.9, "eps": 1e-3, "momentum": 0.7, "centered": True}),
               differs=(Contrast("eps", "added to the root", "under the root", rule="eps_inside"),
                        Contrast("buffer of momentum", "directions", "steps: the rate is inside"))),
)  # fmt: skip
