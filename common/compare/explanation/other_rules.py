"""Rules that no setting tells: each kind's call with another rule, or with a weight or an input the other way round."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ...dictionary.entry import Entry, rounded
from ...dictionary.formula import Call, Variants, evaluate
from ...dictionary.index import ACTIVATIONS, POINTWISE
from ...distance import ROUNDOFF, relative_error
from .array_changes import ENOUGH
from .evidence import Evidence, Trial, removes

LOWER = {"float32": "float32", "float16": "float16 or TF32", "bfloat16": "bfloat16"}
Function = Callable[[np.ndarray], np.ndarray | None]


def other_rules(evidence: Evidence, calls: list[Call], understood: list[int]) -> Iterator[Trial]:
    """Each variant of a call that is understood, against the other side's output; then what activations really do."""
    for side in understood:
        other, kind = 1 - side, evidence.kinds[side]
        for what, call in variants(calls[side]):
            claim = f"{evidence.names[other]}'s {evidence.kinds[other]} is {evidence.names[side]}'s {kind} with {what}"
            yield Trial(claim, f"so applied in {evidence.names[side]},", call.output(), evidence.outputs[other])
    if ACTIVATIONS & set(evidence.kinds):
        yield from _other_activations(evidence, calls)


def variants(call: Call) -> Variants:
    """What else a call of its kind may mean: (in words, the call so changed)."""
    if call.entry is not None and call.entry.other_rules is not None:
        yield from call.entry.other_rules(call)
    yield from _rounded(call)
    yield from _lowered(call)
    if "bias" in call.weights:
        yield "no bias", replace(call, weights={name: array for name, array in call.weights.items() if name != "bias"})


def _rounded(call: Call) -> Variants:
    """Numbers that are kept in float32: Paddle does so with most settings of its operations, in float64 as well."""
    inside = {} if call.entry is None else {
        row.name: row.default_torch for row in call.entry.arguments if row.decides and row.name in call.entry.float32
    }  # fmt: skip
    numbers = {name: value for name, value in (inside | call.settings).items() if isinstance(value, float)}
    changed = {name: rounded(value) for name, value in numbers.items() if rounded(value) != value}
    if changed:
        yield f"{' and '.join(changed)} rounded to float32", call.told(**changed)


def _lowered(call: Call) -> Variants:
    """What a cast, or a framework's automatic precision, does to what a call is given."""
    for dtype, words in LOWER.items():
        inputs = [_in_digits(array, dtype) for array in call.inputs]
        weights = {name: _in_digits(array, dtype) for name, array in call.weights.items()}
        yield f"its input in {words}", replace(call, inputs=inputs)
        if weights:
            yield f"its weights in {words}", replace(call, weights=weights)
            yield f"its input and weights in {words}", replace(call, inputs=inputs, weights=weights)


def _in_digits(array: np.ndarray, dtype: str) -> np.ndarray:
    """Each value rounded to as many binary digits as a lower precision keeps."""
    if np.asarray(array).dtype.kind != "f":
        return array
    share, exponent = np.frexp(np.asarray(array, np.float64))
    return np.ldexp(np.round(share / ROUNDOFF[dtype]) * ROUNDOFF[dtype], exponent)


def _other_activations(evidence: Evidence, calls: list[Call]) -> Iterator[Trial]:
    """Where it is known what both sides compute, and for one of them it is not what it is called: that on the other."""
    known = [_computed(evidence, calls, side) for side in (0, 1)]
    if not all(known):
        return
    for side in (0, 1):
        other = evidence.inputs[1 - side][0]
        for words, function in known[side]:
            if words:
                claim = f"{evidence.names[side]}'s {evidence.kinds[side]} {words}"
                how = f"with that on {evidence.names[1 - side]}'s input"
                yield Trial(claim, how, function(other), evidence.outputs[side])


def _computed(evidence: Evidence, calls: list[Call], side: int) -> list[tuple[str, Function]]:
    """What one side computes, by its output: ("", …) what it is called after, else other activations and slopes."""
    x, y = calls[side].inputs[0], evidence.outputs[side]
    if removes(relative_error(calls[side].output(), y)):
        return [("", lambda other: replace(calls[side], inputs=[other]).output())]
    functions: list[tuple[str, Function]] = []
    for entry, settings in POINTWISE:
        told = "".join(f" ({name} {value})" for name, value in settings.items())
        functions.append((f"computes {entry.kind}{told}", partial(_pointwise, entry, settings)))
    functions += _slopes(np.asarray(x, np.float64), y)
    return [(words, function) for words, function in functions if removes(relative_error(function(x), y))]


def _pointwise(entry: Entry, settings: Mapping[str, Any], x: np.ndarray) -> np.ndarray | None:
    return evaluate(entry, [x], dict(settings), {}, False)


def _slopes(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, Function]]:
    """Slopes for negative inputs that are read off the data: one for all, or one for each channel."""
    if np.shape(x) != np.shape(y):
        return
    across = {"slope": None, "slopes by channel": (0, *range(2, x.ndim))}
    negative = np.where(x < 0, x, 0.0)
    for words, axes in across.items() if x.ndim > 1 else [("slope", None)]:
        if np.min(np.count_nonzero(negative, axis=axes)) >= ENOUGH:
            slope = np.sum(negative * y, axes, keepdims=True) / np.sum(negative**2, axes, keepdims=True)
            values = ", ".join(f"{value:.9g}" for value in slope.ravel()[:4]) + (", …" if slope.size > 4 else "")
            yield f"has the {words} {values} for negative inputs", partial(_leaky, slope)


def _leaky(slope: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, slope * x)
