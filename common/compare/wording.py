"""Every text of a comparison, made from its data: names, remarks, notes, the sentence. Nothing reads it back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from . import facts
from .facts import About, Cause, Place

MOST_LABELS = 8  # of calls in one sentence
NAMES = {  # what a row is about → its name
    "input": "input {name}",
    "layers": "layers with weights",
    "known difference": "{name}",
    "weight": "{name}",
    "call": "{name}{output}",
    "call gradient": "{name}{output}, gradient",
    "output": "output {name}",
    "outputs": "number of outputs",
    "input gradient": "input {name}, gradient",
    "weight gradient": "{name}",
    "loss": "loss",
    "gradient in a step": "gradient of {name}",
    "moment": "{part} moment of {name}",
    # of recipes
    "refusal": "{side}: {name}",
    "shape": "{name}",
    "number of values": "number of values",
    "stepped": "{name}, stepped by optimiser {part}",
    "batch": "{name}",
    "activation": "{name}",
    "lowered activation": "{name}",
    "activation in evaluation": "{name}, in evaluation",
    "term": "{name}",
    "activation gradient": "{name}, its gradient",
    "difference quotient": "{name}, by differences",
    "terms of a step": "loss and its terms{step}",
    "moment after a step": "{name}, {part} moment{step}",
    "weight after a step": "{name}{step}",
    "optimiser settings": "step, learning rate and betas of optimiser {name}{step}",
    "first statistic": "{name}, after one step",
    "last statistic": "{name}, after all",
    "resumed terms": "loss and its terms, {side} from {part} checkpoint",
    "resumed": "{name}, {side} from {part} checkpoint",
    "epoch mean": "{name}, epoch {number}",
    # of two trained runs, and of converted files
    "initial weights": "initial weights, {number} arrays: largest difference",
    "loss of a step": "loss of step {number}",
    "weights of a step": "weights after step {number}",
    "loss of steps": "loss of each of the first {number} steps, from the same state",
    "weights of steps": "weights after each of the first {number} steps, from the same state",
    "loss of free steps": "loss of the first {number} steps, each framework going its own way",
    "loss of an epoch": "loss of epoch {number}, each framework going its own way",
    "exchanged weights": "outputs of the weights trained in {name}, run in {other_name}",
    "published": "{side}, worst of {number} epochs against the published table",
    "last published": "{side}, last epoch against the published table",
    "outputs of a network": "{part} outputs, {other_name} against {name}",
    "shapes of outputs": "shapes of the outputs, {other_name} against {name}",
    "outputs of a model": "outputs on {part}, {other_name} against {name}",
    "one more step": "one more {part} step of {number} weights, {other_name} against {name}",
    "one more step by rule": "one more {part} step of {number} weights, {name} against its own rule",
}
UNJUDGED = {  # why a row that is about this is shown, and not judged
    "loss of free steps": "rounding grows tenfold every few steps while the model leaves its first plateau, in either "
    "framework alone too",
}
ORIGINS = {  # of an error
    "itself": "same input, different output",
    "input": "inherited from its input",
    "agrees": "inherited from its input: given the same, it agrees",
    "output": "inherited",
    "later": "inherited from later layers",
    "weight": "the gradient that arrives here agrees, that of the weight does not",
    "forward": "follows from the forward pass",
}
GIVEN = {  # what a call that parts is given
    "order": "its inputs come in another order",
    "value": "it is given another value",
    "constant": "a constant that it is given differs",
}
REGIONS = (facts.OneSided, facts.OtherSteps, facts.OtherPlace, facts.Rearranged, facts.OtherGiven)
SKIPS = {
    "one step": "one step was asked for, and the rung before took it",
    "no statistics": "the model has no batch normalisation",
    "no epochs": "asked for with --epochs",
}
NOTES = {
    "left out": "dropout inside {} is left out: its masks cannot be the same in both",
    "rows": "these inputs never reach {}",
    "by trial": "matched by trial, since names and wiring do not tell: {}",
    "idle": "never ran, and only one side has it, so nothing was compared: {}",
    "unproven": "never ran on these inputs, and matched by name and size alone: {}",
    "no gradient arrives": "no gradient arrives at {}: what they do was not exercised",
    "drawn alone": "{} alone draws {}",
    "drawn over other axes": "{} numbers are drawn over {} and {}: in another order, so that masks of them differ",
    "kept below": "{} keeps where drawn numbers are below a chance ({}), and Bernoulli draws and dropout here where "
    "they are at least 1 - chance: written as `>= 1 - chance`, both have one mask",
    "not shared": "{} draws random numbers that the kit cannot share",
    "explanation failed": "an explanation of {} was left out: it failed ({}: {}), and the verdict does not rest on it",
    "other layouts": "inner values in another layout or shape: {}; what follows agrees",
    "more rewritings": "{} more regions compute the same in other steps: all are in the report",
    "no gradient": "no gradient reaches the outputs: neither gradients nor steps were compared",
    "one precision": "compared in {} alone: mistakes that are smaller than its rounding do not show",
    "lowered on one side": "{} computes in {} at {}, and {} does not",
    "autocast of one side": "{} asks for {} under autocast at {}, which has no effect here, and {} does not",
    "refused": "what {} loses in {} was not measured: {}",
    "lowered on both sides": "both compute in {} at {}: from there on they are held against what its rounding explains",
    "autocast without effect": "; autocast has no effect on {} here",
    "loose": "{}: what follows is held against what float32 rounding explains, in float64 too",
}
ROWS = {  # of a table that inputs look into
    "padding": "row {} of {}, padding_idx",
    "first": "row {} of {}, the first",
    "last": "row {} of {}, the last",
}
DRAWN = {  # a draw: its purpose, and how many numbers
    "numbers": "{1:,} × {0}",
    "python": "from {0}",
}
ROUNDED = {  # what one framework computes in float32 in a float64 pass
    "output": "{} gives float32 in the float64 pass too",
    "positions": "Paddle has the positions of {} in float32",
}


def name(about: About) -> str:
    """What a row is called."""
    step = "" if about.number is None else f", step {about.number}"
    output = f" [{about.part}]" if about.part else ""
    return NAMES[about.what].format(**vars(about), step=step, output=output).strip()


def remark(cause: Cause | None, place: Place) -> str:
    """Why a row parts, or what must be known of it; empty where nothing is to be said."""
    match cause:
        case facts.Missing(sides):
            return f"{' and '.join(sides)} has none"
        case facts.OtherShapes(shapes):
            return ", ".join(f"{who} {list(shape)}" for who, shape in shapes.items())
        case facts.OtherCounts(counts):
            return f"{counts[0]} and {counts[1]}"
        case facts.OtherOperations(labels):
            return ", ".join(f"{label} in {side}" for side, label in labels.items()) + _at(place)
        case facts.Comes(origin):
            return ORIGINS[origin] + (_at(place) if origin == "itself" else "")
        case facts.PartsBackward(calls):
            return f"parts in the backward pass of {', '.join(calls) or 'the loss'}"
        case facts.DiffersFromWitness(sides):
            differing = " and ".join(sides)
            return f"{differing} differs from the NumPy witness" if sides else "the frameworks differ from each other"
        case facts.EachByItsRule(count):
            return f"each by its framework's rule: Paddle's biased, PyTorch's unbiased variance of {count} values"
        case facts.CrossesKinks(counts):
            crossed = " and ".join(f"{count} in {side}" for side, count in counts.items())
            return f"float32 crosses kinks of activations ({crossed})"
        case facts.Renamed(other, side):
            return f"{other} in {side}"
        case facts.Told(reason):
            return reason
        case facts.Rewritten():
            return "an equivalent rewriting: what follows agrees"
        case facts.OneSided(side):
            return f"only {side} has it"
        case facts.OtherSteps(labels):
            return steps(labels) + _at(place)
        case facts.OtherPlace(labels):
            return f"at another place: {steps(labels)}" + _at(place)
        case facts.Rearranged(labels):
            return f"the same values in another order: {steps(labels)}" + _at(place)
        case facts.OtherGiven(what):
            return GIVEN[what] + _at(place)
        case facts.OtherPrecision(precisions, autocast, before):
            told = [f"{side} computes in {precision}" for side, precision in precisions.items() if precision]
            rest = [f"{side} does not" for side, precision in precisions.items() if not precision]
            where = [f"at {before} before it"] * bool(before) + ["under autocast"] * autocast
            return ", ".join([" ".join([", ".join(told), *where]), *rest]) + _at(place)
        case facts.BeginsNaN(where):
            return f"NaN begins at {begins(where)}"
    return ""


def placed(what: str, where: str) -> str:
    """Something with the line that it is in, where that is known."""
    return f"{what} ({where})" if where else what


def begins(where: Mapping[str, str]) -> str:
    """Where something begins on each side, told once where both call it the same."""
    calls: dict[str, list[str]] = {}
    for side, call in where.items():
        calls.setdefault(call, []).append(side)
    return ", ".join(f"{call} in {' and '.join(sides)}" for call, sides in calls.items())


def steps(labels: Mapping[str, tuple[str, ...]]) -> str:
    """What each side calls: `gelu in paddle; mul, sigmoid, mul in torch`."""
    return "; ".join(f"{', '.join(_few(each)) or 'nothing'} in {side}" for side, each in labels.items())


def rewriting(labels: Mapping[str, tuple[str, ...]], times: int) -> str:
    """A region that both compute, each in its own steps."""
    return f"the same in other steps{f', {times} times' if times > 1 else ''}: {steps(labels)}"


def shared(count: int, kind: str, layers: bool, text: str) -> str:
    """What is true of many calls of one kind: `22 batch norm layers: epsilon is …`."""
    return f"{count} {kind.replace('_', ' ')} {'layers' if layers else 'calls'}: {text}"


def _few(labels: tuple[str, ...]) -> list[str]:
    return (
        [*labels]
        if len(labels) <= MOST_LABELS
        else [*labels[: MOST_LABELS - 1], f"{len(labels) - MOST_LABELS + 1} more"]
    )


def _at(place: Place) -> str:
    lines = " against ".join(dict.fromkeys(line for line in place.lines if line))
    return f" ({lines})" if lines else ""


def rung_name(key: str, mode: str = "", step: int | None = None, dtype: str = "float32") -> str:
    """`forward`, `forward, eval`, `step 3`, `forward, bfloat16`."""
    more = [mode] * bool(mode) + [dtype] * (dtype != "float32")
    return ", ".join([key if step is None else f"{key} {step}", *more])


def lacking(reasons: Mapping[str, str]) -> str:
    """Which sides lack a precision, and what they say of it; a reason that both give is told once."""
    each = dict.fromkeys(reasons.values())
    return "; ".join(f"{' and '.join(side for side in reasons if reasons[side] == why)}: {why}" for why in each)


def sentence(verdict: Any) -> str:
    """What a user wants to know of a `Verdict`, in one line."""
    if verdict.failed is not None:
        return _failure(verdict, verdict.failed)
    if verdict.dtype != "float64":
        return f"same system, as far as {verdict.dtype} tells: differences are within what its rounding explains"
    first = [rung for rung in verdict.rungs if rung.name == "forward" and not rung.skipped][:1]
    told = [*first, *(rung for rung in verdict.rungs if rung.dtype != "float32")]
    return "; ".join(["same system", *(f"{rung.dtype} differences {_lost(verdict, rung)}" for rung in told)])


def _failure(verdict: Any, rung: Any) -> str:
    row = rung.first
    if isinstance(row.cause, facts.BeginsNaN):
        verdict_word = "not comparable" if len(row.cause.where) > 1 else "different systems"
        return f"{verdict_word}: {row.remark} ({rung.name})"
    if row.same:
        side, error = max(row.error32.items(), key=lambda item: (math.isnan(item[1]), item[1]))
        because = f"{row.remark}; " if isinstance(row.cause, facts.OtherPrecision) else ""
        return (
            f"different precision: first at {row.name} ({because}{rung.name}: {rung.dtype} error of {side} "
            f"{short(error)}, rounding explains {short(row.bound32)})"
        )
    error = f"{verdict.dtype} error {short(row.error64)}"
    if isinstance(row.cause, REGIONS):
        error = "; ".join([row.remark, *([] if math.isinf(row.error64) else [error])])
    elif math.isinf(row.error64):
        error = f"{rung.name}: {row.remark or 'not comparable'}"
    elif rung.name != "forward":
        error = f"{rung.name}: {error if row.bound64 else 'not equal'}"
    return f"different systems: first at {row.name} ({error})"


def _lost(verdict: Any, rung: Any) -> str:
    if rung.skipped:
        return "not measured: neither has it"
    ulps = {side: rung.ulp(side) for side in verdict.sides}
    if not any(row.error32 for row in rung.rows):
        return "were not measured"
    each = [f"{side} not supported" if ulp is None else f"{side} {ulp:.1f} ulp" for side, ulp in ulps.items()]
    return f"are rounding ({', '.join(each)})"


def short(value: float) -> str:
    """Two digits: `3e-2`, not `3e-02`."""
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}" if exponent else mantissa


def error_text(value: float | None, zero: str = "0") -> str:
    """An error with two digits; a dash where there is none."""
    if value is None:
        return "–"
    return zero if value == 0 else short(value)


def measured(value: float, zero: str = "0") -> str:
    """An error that may not have been measured: then it is not a number."""
    return error_text(None if math.isnan(value) else value, zero)


def number(value: float | None) -> float | str | None:
    """A number that JSON knows: what is not finite becomes text."""
    return value if value is None or math.isfinite(value) else str(value)
