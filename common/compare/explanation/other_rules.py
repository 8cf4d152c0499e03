"""Rules that no setting tells: each kind's call with another rule, or with a weight or an input the other way round."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import permutations

import numpy as np

from ...alignment.closed_forms import SELU, evaluate
from ...distance import relative_error
from .array_changes import ENOUGH
from .evidence import Call, Evidence, Trial, removes

Function = Callable[[np.ndarray], np.ndarray | None]
Variants = Iterator[tuple[str, Call]]
EPS = (1e-3, 1e-5, 1e-6, 1e-8, 1e-12)  # defaults in use
MOST_INPUTS = 4
# Kinds that compute value by value, as one side may under another's name.
POINTWISE: tuple[tuple[str, dict], ...] = (
    ("identity", {}), ("relu", {}), ("relu6", {}), ("leaky_relu", {}), ("elu", {}), ("selu", {}), ("silu", {}),
    ("gelu", {"approximate": "none"}), ("gelu", {"approximate": "tanh"}), ("mish", {}), ("sigmoid", {}),
    ("log_sigmoid", {}), ("tanh", {}), ("softplus", {}), ("softsign", {}), ("hardswish", {}), ("hardsigmoid", {}),
    ("hardtanh", {}),
)  # fmt: skip
ACTIVATIONS = {kind for kind, _ in POINTWISE} | {"prelu", "celu"}


def other_rules(evidence: Evidence, calls: list[Call], understood: list[int]) -> Iterator[Trial]:
    """Each variant of a call that is understood, against the other side's output; then what activations really do."""
    for one in understood:
        other, kind = 1 - one, calls[one].kind
        for what, call in variants(calls[one]):
            said = f"{evidence.names[other]}'s {evidence.kinds[other]} is {evidence.names[one]}'s {kind} with {what}"
            yield Trial(said, f"so applied in {evidence.names[one]},", call.output(), evidence.outputs[other])
    if ACTIVATIONS & set(evidence.kinds):
        yield from _other_activations(evidence, calls)


def variants(call: Call) -> Variants:
    """What else a call of its kind may mean: (in words, the call so changed)."""
    family = next((family for start, family in _FAMILIES.items() if call.kind.startswith(start)), None)
    if family is not None:
        yield from family(call)
    yield from _rounded(call)
    if "bias" in call.weights:
        yield "no bias", replace(call, weights={name: one for name, one in call.weights.items() if name != "bias"})


def _rounded(call: Call) -> Variants:
    """Numbers that are kept in float32: Paddle does so with most settings of its operations, in float64 as well."""
    told = (SELU if call.kind == "selu" else {}) | call.settings
    numbers = {name: float(np.float32(one)) for name, one in told.items() if isinstance(one, float)}
    changed = {name: one for name, one in numbers.items() if one != told[name] or name not in call.settings}
    if changed:
        yield f"{' and '.join(changed)} rounded to float32", call.told(**changed)


def _norms(call: Call) -> Variants:
    if "running_mean" in call.weights:
        words = "the running statistics" if call.training else "the statistics of the batch"
        yield words, replace(call, training=not call.training)
    rules = {"the unbiased variance": {"variance": "unbiased"}, "eps beside the root": {"root": "beside"}}
    yield from ((words, call.told(**told)) for words, told in rules.items())
    yield " and ".join(rules), call.told(variance="unbiased", root="beside")
    yield from ((f"eps {eps:g}", call.told(eps=eps)) for eps in EPS)


def _linear(call: Call) -> Variants:
    weight = call.weights.get("weight")
    if weight is not None and weight.ndim == 2 and weight.shape[0] == weight.shape[1]:
        yield "its weight transposed", _weighing(call, weight.T)


def _weighing(call: Call, weight: np.ndarray) -> Call:
    return replace(call, weights=call.weights | {"weight": weight})


def _convolutions(call: Call) -> Variants:
    weight = call.weights.get("weight")
    if weight is not None and weight.ndim > 2:
        spatial = tuple(range(2, weight.ndim))
        yield "its kernel reversed along every axis", _weighing(call, np.flip(weight, spatial))
        yield "the first two axes of its weight exchanged", _weighing(call, weight.swapaxes(0, 1))
        for order in permutations(spatial):
            if order != spatial:
                yield f"the axes of its kernel in the order {order}", _weighing(call, weight.transpose(0, 1, *order))
    for mode in ("zeros", "reflect", "replicate", "circular"):
        yield f"padding mode {mode}", call.told(padding_mode=mode)
    if str(call.settings.get("padding")).lower() == "same":
        yield "dilation 1, which Paddle takes for padding 'same'", call.told(dilation=1)
    for name in ("padding", "stride", "dilation"):
        yield from _reversed_lists(call, name)


def _reversed_lists(call: Call, name: str) -> Variants:
    """A list of numbers by axis, from the other end: all of them, or as pairs of before and after."""
    value = call.settings.get(name)
    if not isinstance(value, (list, tuple)) or len(set(map(str, value))) < 2 or np.ndim(value) != 1:
        return
    pairs = list(zip(value[::2], value[1::2], strict=False))
    orders = {
        "from the last axis to the first": list(value)[::-1],
        "in pairs from the other end": [one for pair in pairs[::-1] for one in pair],
        "with before and after exchanged": [one for pair in pairs for one in pair[::-1]],
    }
    for words, order in orders.items():
        if len(order) == len(value):
            yield f"{name} {words}", call.told(**{name: order})


def _pools(call: Call) -> Variants:
    average, ceil = call.kind.startswith("avg"), bool(call.settings.get("ceil_mode", False))
    beyond, late = {"ceil_mode": True, "beyond": True}, "ceil_mode and windows that start in the padding"
    changes: dict[str, dict] = {f"ceil_mode {not ceil}": {"ceil_mode": not ceil}}
    if average:
        counts = call.settings.get("count_include_pad", True)
        whole = int(np.prod(np.broadcast_to(call.settings.get("kernel_size", 1), int(call.kind[-2]))))
        changes["the padding not counted" if counts else "the padding counted"] = {"count_include_pad": not counts}
        changes[f"every window divided by {whole}"] = {"divisor_override": whole}
    changes[late] = beyond | ({"divisor_override": whole} if average else {})
    yield from ((words, call.told(**told)) for words, told in changes.items())
    other = f"max{call.kind[3:]}" if average else f"avg{call.kind[3:]}"
    own = ("count_include_pad", "divisor_override")
    kept = {name: value for name, value in call.settings.items() if name not in own}
    yield f"{'the largest' if average else 'the mean'} of each window", replace(call, kind=other, settings=kept)


def _pads(call: Call) -> Variants:
    first = bool(call.settings.get("first_axis_first", False))
    words = "from the last axis to the first" if first else "from the first axis to the last"
    yield f"the list of pads {words}", call.told(first_axis_first=not first)
    for mode in ("constant", "reflect", "replicate", "circular"):
        yield f"mode {mode}", call.told(mode=mode)
    for name in ("padding", "pad"):
        yield from _reversed_lists(call, name)


def _interpolations(call: Call) -> Variants:
    corners = bool(call.settings.get("align_corners", False))
    rules: dict[str, dict] = {f"align_corners {not corners}": {"align_corners": not corners}}
    if "linear" in str(call.settings.get("mode", "nearest")):
        rules |= {
            "align_mode 1 (positions that are not those of half pixels)": {"align_mode": 1, "align_corners": False},
            "align_mode 0 (positions of half pixels)": {"align_mode": 0, "align_corners": False},
            "the first element for a side of length 1": {"corner_of_one": True},
        }
        plain = call.output()
        changing = [words for words in rules if not np.array_equal(call.told(**rules[words]).output(), plain)]
        rules |= {f"{words} and positions told in float32": rules[words] | {"single": True} for words in changing}
        rules["positions told in float32"] = {"single": True}
    for mode in ("nearest", "nearest-exact"):
        rules[f"mode {mode}"] = {"mode": mode, "align_corners": False}
    rules["the scale taken from the sizes"] = {"recompute_scale_factor": True}
    yield from ((words, call.told(**told)) for words, told in rules.items())


def _softmaxes(call: Call) -> Variants:
    for axis in range(call.inputs[0].ndim):
        yield f"axis {axis}", call.told(axis=axis)
    other = "softmax" if call.kind == "log_softmax" else "log_softmax"
    yield f"{other} in its place", replace(call, kind=other)


def _hardsigmoids(call: Call) -> Variants:
    for slope in (1 / 6, 0.1666667, 0.2, float(np.float32(0.1666667)), float(np.float32(0.2))):
        yield f"slope {slope:.9g}", call.told(slope=slope, offset=0.5)


def _operands(call: Call) -> Variants:
    """The inputs in another order; for a join along the axes too."""
    for order in permutations(range(len(call.inputs))) if 2 <= len(call.inputs) <= MOST_INPUTS else ():
        if order != tuple(range(len(order))):
            words = "its two inputs exchanged" if len(order) == 2 else f"its inputs in the order {order}"
            yield words, replace(call, inputs=[call.inputs[place] for place in order])
    if call.kind == "concat":
        kept = {name: value for name, value in call.settings.items() if name != "dim"}
        for axis in range(call.inputs[0].ndim):
            yield f"axis {axis}", replace(call, settings=kept | {"axis": axis})


def _embeddings(call: Call) -> Variants:
    yield "zeros at padding_idx, whatever its weight holds there", call.told(zeros=True)


_FAMILIES: dict[str, Callable[[Call], Variants]] = {
    "batch_norm": _norms, "instance_norm": _norms, "group_norm": _norms, "layer_norm": _norms, "rms_norm": _norms,
    "linear": _linear, "conv": _convolutions, "max_pool": _pools, "avg_pool": _pools, "pad": _pads,
    "interpolate": _interpolations, "softmax": _softmaxes, "log_softmax": _softmaxes, "hardsigmoid": _hardsigmoids,
    "subtract": _operands, "divide": _operands, "concat": _operands, "matmul": _operands, "embedding": _embeddings,
}  # fmt: skip


def _other_activations(evidence: Evidence, calls: list[Call]) -> Iterator[Trial]:
    """Where it is known what both sides compute, and for one of them it is not what it is called: that on the other."""
    known = [_computed(evidence, calls, side) for side in (0, 1)]
    if not all(known):
        return
    for side in (0, 1):
        other = evidence.inputs[1 - side][0]
        for words, function in known[side]:
            if words:
                said = f"{evidence.names[side]}'s {evidence.kinds[side]} {words}"
                how = f"with that on {evidence.names[1 - side]}'s input"
                yield Trial(said, how, function(other), evidence.outputs[side])


def _computed(evidence: Evidence, calls: list[Call], side: int) -> list[tuple[str, Function]]:
    """What one side computes, by its output: ("", …) what it is called after, else other activations and slopes."""
    x, y = calls[side].inputs[0], evidence.outputs[side]
    if removes(relative_error(calls[side].output(), y)):
        return [("", lambda other: replace(calls[side], inputs=[other]).output())]
    found: list[tuple[str, Function]] = []
    for kind, settings in POINTWISE:
        told = "".join(f" ({name} {value})" for name, value in settings.items())
        found.append((f"computes {kind}{told}", partial(_pointwise, kind, settings)))
    found += _slopes(np.asarray(x, np.float64), y)
    return [(words, function) for words, function in found if removes(relative_error(function(x), y))]


def _pointwise(kind: str, settings: dict, x: np.ndarray) -> np.ndarray | None:
    return evaluate(kind, [x], settings, {}, False)


def _slopes(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, Function]]:
    """Slopes for negative inputs that are read off the data: one for all, or one for each channel."""
    if np.shape(x) != np.shape(y):
        return
    across = {"slope": None, "slopes by channel": (0, *range(2, x.ndim))}
    negative = np.where(x < 0, x, 0.0)
    for words, axes in across.items() if x.ndim > 1 else [("slope", None)]:
        if np.min(np.count_nonzero(negative, axis=axes)) >= ENOUGH:
            slope = np.sum(negative * y, axes, keepdims=True) / np.sum(negative**2, axes, keepdims=True)
            values = ", ".join(f"{one:.9g}" for one in slope.ravel()[:4]) + (", …" if slope.size > 4 else "")
            yield f"has the {words} {values} for negative inputs", partial(_leaky, slope)


def _leaky(slope: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, slope * x)
