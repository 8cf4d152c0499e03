"""Why one update of an optimiser differs: the update recomputed in NumPy, with one thing changed at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...distance import relative_error
from .evidence import Explanation, Trial, exchanged, first_that_removes, reproduces

Names = tuple[str, str]
ALIASES = {"learning_rate": "lr", "epsilon": "eps", "rho": "alpha", "centred": "centered", "coeff": "weight_decay"}
ADAPTIVE = ("adam", "adamw")
STATE = {"velocity": ("velocity", "first"), "first": ("first",), "second": ("second", "square"),
         "average": ("average",)}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One side's update of one weight, which can be changed and made again."""

    settings: dict[str, Any]
    weight: np.ndarray
    gradient: np.ndarray
    state: Mapping[str, Any]

    def of(self, name: str, default: float = 0.0) -> float:
        return self.settings.get(name, default)

    def kept(self, name: str) -> np.ndarray | float:
        """A moment from before the step; 0 where there is none yet."""
        found = next((self.state[one] for one in STATE[name] if self.state.get(one) is not None), 0.0)
        return np.asarray(found, np.float64)

    def told(self, **settings) -> Step:
        return replace(self, settings=self.settings | settings)

    def update(self) -> np.ndarray | None:
        """What is added to the weight; None for a kind that is not known."""
        rule, gradient = RULES.get(self.settings.get("kind")), self.gradient * self.of("scale", 1.0)
        decay = self.of("weight_decay")
        if rule is None:
            return None
        if self.decoupled:
            return rule(self, gradient) - self.of("lr") * decay * self.weight
        return rule(self, gradient + decay * self.weight)

    @property
    def decoupled(self) -> bool:
        return bool(self.settings.get("decoupled", self.settings["kind"] == "adamw"))


def _adam(step: Step, g: np.ndarray) -> np.ndarray:
    beta1, beta2, count = step.of("beta1", 0.9), step.of("beta2", 0.999), int(step.state.get("step", 0)) + 1
    count += int(step.of("late"))
    first, second = beta1 * step.kept("first") + (1 - beta1) * g, beta2 * step.kept("second") + (1 - beta2) * g * g
    bias1, bias2 = (1 - beta1**count, 1 - beta2**count) if step.of("corrected", 1.0) else (1.0, 1.0)
    if step.of("eps_first"):
        return -step.of("lr") * np.sqrt(bias2) / bias1 * first / (np.sqrt(second) + step.of("eps", 1e-8))
    return -step.of("lr") / bias1 * first / (np.sqrt(second / bias2) + step.of("eps", 1e-8))


def _sgd(step: Step, g: np.ndarray) -> np.ndarray:
    """PyTorch does not dampen the first gradient."""
    momentum, fresh = step.of("momentum"), not np.any(step.kept("velocity"))
    if not momentum:
        return -step.of("lr") * g
    velocity = momentum * step.kept("velocity") + (1.0 if fresh else 1 - step.of("dampening")) * g
    nesterov = step.settings.get("nesterov", step.settings["kind"] == "nesterov")
    return -step.of("lr") * (g + momentum * velocity if nesterov else velocity)


def _rmsprop(step: Step, g: np.ndarray) -> np.ndarray:
    """eps_inside: √(… + eps), as in Paddle; lr_inside: its buffer of momentum holds steps, not directions."""
    alpha, eps, lr = step.of("alpha", 0.99), step.of("eps", 1e-8), step.of("lr")
    second = alpha * step.kept("second") + (1 - alpha) * g * g
    if step.of("centered"):
        second = second - (alpha * step.kept("average") + (1 - alpha) * g) ** 2
    direction = g / (np.sqrt(second + eps) if step.of("eps_inside") else np.sqrt(second) + eps)
    if not step.of("momentum"):
        return -lr * direction
    held = step.kept("velocity") if step.of("lr_inside") else lr * step.kept("velocity")
    return -(step.of("momentum") * held + lr * direction)


RULES: dict[str, Callable[[Step, np.ndarray], np.ndarray]] = {
    "adam": _adam, "adamw": _adam, "sgd": _sgd, "momentum": _sgd, "nesterov": _sgd, "rmsprop": _rmsprop,
}  # fmt: skip


def explain_step(
    names: Names,
    settings: tuple[dict, dict],
    weights_before: tuple[np.ndarray, np.ndarray],
    gradient: tuple[np.ndarray, np.ndarray],
    state_before: tuple[Mapping, Mapping],
    weights_after: tuple[np.ndarray, np.ndarray],
) -> list[Explanation]:
    """Which setting or rule makes one update of one weight differ. Errors are relative to the updates.

    Args:
        settings: "kind" (sgd, momentum, nesterov, adam, adamw or rmsprop) and its numbers under the names of
            `optimizers.py`; also "decoupled", "dampening", "eps_inside" (RMSProp's in Paddle) and "lr_inside".
        state_before: "step" (taken before this one), "first" and "second" moments; "velocity", "square" and, of a
            centred RMSProp, "average". What is missing is zero.
    """
    exact = [[np.asarray(one, np.float64) for one in pair] for pair in (weights_before, gradient, weights_after)]
    updates = tuple(exact[2][side] - exact[0][side] for side in (0, 1))
    before = relative_error(*updates)
    if before == 0 or not all(np.all(np.isfinite(one)) for one in updates):
        return []
    steps = [
        Step({ALIASES.get(name, name): value for name, value in settings[i].items()}, exact[0][i], exact[1][i],
             state_before[i])
        for i in (0, 1)
    ]  # fmt: skip
    with np.errstate(all="ignore"):
        known = [side for side in (1, 0) if reproduces(steps[side].update(), updates[side], before)]
        families = (
            (trial for one in known for trial in _settings_taken(names, steps, updates, one)),
            (trial for one in known for trial in _rules_taken(names, steps, updates, one)),
        )
        return first_that_removes(families, updates, "updates")


def _settings_taken(names: Names, steps: list[Step], updates: tuple, one: int) -> Iterator[Trial]:
    """One side's update with each setting of the other's; if none suffices, with the fewest that do."""
    mine, others = steps[one].settings, steps[1 - one].settings
    differing = [name for name in {**mine, **others} if mine.get(name) != others.get(name)]

    def trial(chosen: list[str]) -> Trial:
        kept = {name: value for name, value in mine.items() if name not in chosen}
        kept |= {name: others[name] for name in chosen if name in others}
        told = [[step.settings.get(name, "not given") for step in steps] for name in chosen]
        said = [f"{name} is {a} in {names[0]} and {b} in {names[1]}" for name, (a, b) in zip(chosen, told, strict=True)]
        value = "value" if len(chosen) == 1 else "values"
        made = replace(steps[one], settings=kept).update()
        return Trial(" and ".join(said), f"with {names[1 - one]}'s {value}", made, updates[1 - one])

    yield from exchanged(differing, trial, updates)


def _rules_taken(names: Names, steps: list[Step], updates: tuple, one: int) -> Iterator[Trial]:
    """What the other side may really do in place of what it says."""
    for what, changed in _rules(steps[one]):
        said = f"{names[1 - one]}'s step is {names[one]}'s {steps[one].settings['kind']} with {what}"
        yield Trial(said, f"so made in {names[one]},", changed.update(), updates[1 - one])


def _rules(step: Step) -> Iterator[tuple[str, Step]]:
    kind, momentum = step.settings["kind"], step.of("momentum")
    if step.of("weight_decay"):
        words = "added to the gradient" if step.decoupled else "taken off the weight, apart from the gradient"
        yield f"weight decay {words}", step.told(decoupled=not step.decoupled)
        yield "no weight decay", step.told(weight_decay=0.0)
        yield "half of the weight decay", step.told(weight_decay=step.of("weight_decay") / 2)
        yield "twice the weight decay", step.told(weight_decay=step.of("weight_decay") * 2)
    if kind in ADAPTIVE:
        yield "beta1 and beta2 exchanged", step.told(beta1=step.of("beta2", 0.999), beta2=step.of("beta1", 0.9))
        yield "no correction of its moments' bias", step.told(corrected=0.0)
        yield "eps added before the bias is corrected", step.told(eps_first=1.0)
        yield "its step counted one too far", step.told(late=1.0)
        yield "moments that start again from zero", replace(step, state={})
    if kind == "rmsprop":
        yield (
            f"eps {'beside' if step.of('eps_inside') else 'inside'} the root",
            step.told(eps_inside=not step.of("eps_inside")),
        )
        yield "centering" if not step.of("centered") else "no centering", step.told(centered=not step.of("centered"))
        yield "alpha and 1 − alpha exchanged", step.told(alpha=1 - step.of("alpha", 0.99))
        yield "the learning rate inside its momentum", step.told(lr_inside=not step.of("lr_inside"))
    if momentum:
        nesterov = step.settings.get("nesterov", kind == "nesterov")
        yield f"{'no ' if nesterov else ''}Nesterov momentum", step.told(nesterov=not nesterov)
        yield f"dampening {momentum:g}", step.told(dampening=momentum)
        yield f"momentum {1 - momentum:.6g}, that is 1 − its own", step.told(momentum=1 - momentum)
        yield "no momentum", step.told(momentum=0.0)
    for factor in (0.1, 0.5, 2.0, 10.0):
        yield f"{factor:g} times its learning rate", step.told(lr=factor * step.of("lr"))
        yield f"{factor:g} times its gradient", step.told(scale=factor)
    numbers = {name: float(np.float32(one)) for name, one in step.settings.items() if isinstance(one, float)}
    rounded = {name: one for name, one in numbers.items() if one != step.settings[name]}
    for chosen in [[name] for name in rounded] + ([list(rounded)] if len(rounded) > 1 else []):
        yield f"{' and '.join(chosen)} rounded to float32", step.told(**{name: rounded[name] for name in chosen})
    yield "the opposite sign", step.told(lr=-step.of("lr"))
