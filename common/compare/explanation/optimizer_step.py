"""Why one update of an optimiser, or a moment after it, differs: made again in NumPy, one thing changed at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...dictionary.index import RULE_CONTRASTS, STEP_RULES
from ...dictionary.training.clipping import CLIPS
from ...dictionary.training.optimizers import ADAPTIVE, ALIASES, Step
from ...distance import relative_error
from .array_changes import ENOUGH
from .evidence import Explanation, Trial, exchanged, first_that_removes, reproduces

Names = tuple[str, str]
Made = Callable[[Step], np.ndarray | None]  # the end of a step that is explained: its update, or a moment after it


def explain_step(
    names: Names,
    settings: tuple[dict[str, Any], dict[str, Any]],
    weights_before: tuple[np.ndarray, np.ndarray],
    gradient: tuple[np.ndarray, np.ndarray],
    state_before: tuple[Mapping, Mapping],
    weights_after: tuple[np.ndarray, np.ndarray],
    norms: tuple[float, float] = (0.0, 0.0),
    moment: str = "",
    moments_after: tuple[np.ndarray, np.ndarray] | None = None,
) -> list[Explanation]:
    """Which setting or rule makes one update of one weight differ. Errors are relative to the updates.

    Args:
        settings: "kind" (sgd, momentum, nesterov, adam, adamw or rmsprop) and its numbers under the names of
            `optimizers.py`; also "decoupled", "dampening", "eps_inside" (RMSProp's in Paddle) and "lr_inside".
        state_before: "step" (taken before this one), "first" and "second" moments; "velocity", "square" and, of a
            centred RMSProp, "average". What is missing is zero.
        norms: of all gradients of a side together, for clipping.
        moment: the moment that is explained in place of the update, of which `moments_after` holds both sides'.
    """
    exact = [[np.asarray(array, np.float64) for array in pair] for pair in (weights_before, gradient, weights_after)]
    ends = exact[2][0] - exact[0][0], exact[2][1] - exact[0][1]
    if moments_after is not None:
        ends = np.asarray(moments_after[0], np.float64), np.asarray(moments_after[1], np.float64)
    before = relative_error(*ends)
    if before == 0 or not all(np.all(np.isfinite(end)) for end in ends):
        return []
    steps = [
        Step({ALIASES.get(name, name): value for name, value in settings[i].items()}, exact[0][i], exact[1][i],
             state_before[i], norms[i], STEP_RULES)
        for i in (0, 1)
    ]  # fmt: skip

    def made(step: Step) -> np.ndarray | None:
        return step.moment(moment) if moment else step.update()

    with np.errstate(all="ignore"):
        known = [side for side in (1, 0) if reproduces(made(steps[side]), ends[side], before)]
        families = (
            (trial for side in known for trial in _settings_taken(names, steps, ends, side, made)),
            (trial for side in known for trial in _rules_taken(names, steps, ends, side, made)),
            (trial for side in known for trial in _scaled(names, steps, ends, side, made)),
        )
        return first_that_removes(families, ends, "moments" if moment else "updates")


def _settings_taken(names: Names, steps: list[Step], ends: tuple, side: int, made: Made) -> Iterator[Trial]:
    """One side's update with each setting of the other's; if none suffices, with the fewest that do."""
    mine, others = steps[side].settings, steps[1 - side].settings
    differing = [name for name in {**mine, **others} if mine.get(name) != others.get(name)]

    def trial(chosen: list[str]) -> Trial:
        kept = {name: value for name, value in mine.items() if name not in chosen}
        kept |= {name: others[name] for name in chosen if name in others}
        claims = [_claim(names, steps, name) for name in chosen]
        value = "value" if len(chosen) == 1 else "values"
        changed = made(replace(steps[side], settings=kept))
        return Trial(" and ".join(claims), f"with {names[1 - side]}'s {value}", changed, ends[1 - side])

    yield from exchanged(differing, trial, ends)


def _claim(names: Names, steps: list[Step], name: str) -> str:
    """What a setting is on both sides; of one that says which framework's rule is followed, that rule."""
    for contrast in RULE_CONTRASTS.get(name, ()):
        return f"{contrast.what} is {contrast.torch} in PyTorch and {contrast.paddle} in Paddle"
    a, b = (step.settings.get(name, "not given") for step in steps)
    return f"{name} is {a} in {names[0]} and {b} in {names[1]}"


def _rules_taken(names: Names, steps: list[Step], ends: tuple, side: int, made: Made) -> Iterator[Trial]:
    """What the other side may really do in place of what it says."""
    for what, changed in _rules(steps[side]):
        claim = f"{names[1 - side]}'s step is {names[side]}'s {steps[side].settings['kind']} with {what}"
        yield Trial(claim, f"so made in {names[side]},", made(changed), ends[1 - side])


def _scaled(names: Names, steps: list[Step], ends: tuple, side: int, made: Made) -> Iterator[Trial]:
    """The gradients times a factor that is read off: one number, tried on many."""
    first, second = made(steps[side]), ends[1 - side]
    if first is not None and np.size(first) >= ENOUGH and np.any(first):
        factor, norm = float(np.vdot(first, second) / np.vdot(first, first)), steps[side].norm
        if norm and 0 < factor < 1:
            how = f"as if their norm of {norm:.6g} were clipped to {factor * norm:.6g}"
            claim = f"{names[1 - side]} steps with {factor:.6g} times its gradients, {how}"
            yield Trial(claim, f"so made in {names[side]},", made(steps[side].told(scale=factor)), second)


def _rules(step: Step) -> Iterator[tuple[str, Step]]:
    kind, momentum = step.settings["kind"], step.of("momentum")
    yield from _clipped_otherwise(step)
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


def _clipped_otherwise(step: Step) -> Iterator[tuple[str, Step]]:
    for name in CLIPS:
        bound = step.of(name)
        for other, (words, _) in CLIPS.items() if bound else ():
            if other != name:
                clipped = f"its gradients clipped by {bound:g}: {words}, in place of {CLIPS[name][0]}"
                yield clipped, step.told(**{name: 0.0, other: bound})
