"""Why one update of an optimiser differs: the update recomputed in NumPy, with one thing changed at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...dictionary.training.optimizers import ADAPTIVE, ALIASES, Step
from ...distance import relative_error
from .evidence import Explanation, Trial, exchanged, first_that_removes, reproduces

Names = tuple[str, str]


def explain_step(
    names: Names,
    settings: tuple[dict[str, Any], dict[str, Any]],
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
    exact = [[np.asarray(array, np.float64) for array in pair] for pair in (weights_before, gradient, weights_after)]
    updates = exact[2][0] - exact[0][0], exact[2][1] - exact[0][1]
    before = relative_error(*updates)
    if before == 0 or not all(np.all(np.isfinite(update)) for update in updates):
        return []
    steps = [
        Step({ALIASES.get(name, name): value for name, value in settings[i].items()}, exact[0][i], exact[1][i],
             state_before[i])
        for i in (0, 1)
    ]  # fmt: skip
    with np.errstate(all="ignore"):
        known = [side for side in (1, 0) if reproduces(steps[side].update(), updates[side], before)]
        families = (
            (trial for side in known for trial in _settings_taken(names, steps, updates, side)),
            (trial for side in known for trial in _rules_taken(names, steps, updates, side)),
        )
        return first_that_removes(families, updates, "updates")


def _settings_taken(names: Names, steps: list[Step], updates: tuple, side: int) -> Iterator[Trial]:
    """One side's update with each setting of the other's; if none suffices, with the fewest that do."""
    mine, others = steps[side].settings, steps[1 - side].settings
    differing = [name for name in {**mine, **others} if mine.get(name) != others.get(name)]

    def trial(chosen: list[str]) -> Trial:
        kept = {name: value for name, value in mine.items() if name not in chosen}
        kept |= {name: others[name] for name in chosen if name in others}
        told = [[step.settings.get(name, "not given") for step in steps] for name in chosen]
        claims = [
            f"{name} is {a} in {names[0]} and {b} in {names[1]}" for name, (a, b) in zip(chosen, told, strict=True)
        ]
        value = "value" if len(chosen) == 1 else "values"
        made = replace(steps[side], settings=kept).update()
        return Trial(" and ".join(claims), f"with {names[1 - side]}'s {value}", made, updates[1 - side])

    yield from exchanged(differing, trial, updates)


def _rules_taken(names: Names, steps: list[Step], updates: tuple, side: int) -> Iterator[Trial]:
    """What the other side may really do in place of what it says."""
    for what, changed in _rules(steps[side]):
        claim = f"{names[1 - side]}'s step is {names[side]}'s {steps[side].settings['kind']} with {what}"
        yield Trial(claim, f"so made in {names[side]},", changed.update(), updates[1 - side])


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
    numbers = {name: float(np.float32(value)) for name, value in step.settings.items() if isinstance(value, float)}
    rounded = {name: value for name, value in numbers.items() if value != step.settings[name]}
    for chosen in [[name] for name in rounded] + ([list(rounded)] if len(rounded) > 1 else []):
        yield f"{' and '.join(chosen)} rounded to float32", step.told(**{name: rounded[name] for name in chosen})
    yield "the opposite sign", step.told(lr=-step.of("lr"))
