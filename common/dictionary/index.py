"""Every entry, found by its kind or by any name that either framework has for it, and the sets that readers ask for.

The sets are computed from the entries: nobody keeps a list of kinds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from .entry import Contrast, Entry
from .operations import (
    activation,
    arithmetic,
    attention,
    comparison,
    convolution,
    creation,
    linear,
    linear_algebra,
    normalization,
    pooling,
    random,
    rearranging,
    recurrent,
    reduction,
    resizing,
)
from .operations.losses import classification, ranking, regression
from .training import adaptive, initializers, optimizers, schedules

FAMILIES = (activation, arithmetic, attention, classification, comparison, convolution, creation, linear,
            linear_algebra, normalization, pooling, random, ranking, rearranging, recurrent, reduction, regression,
            resizing)  # fmt: skip
OPERATIONS: tuple[Entry, ...] = tuple(entry for family in FAMILIES for entry in family.ENTRIES)
OPTIMIZERS: tuple[Entry, ...] = (*optimizers.ENTRIES, *adaptive.ENTRIES)
SCHEDULES, INITIALIZERS = schedules.ENTRIES, initializers.ENTRIES
ENTRIES = (*OPERATIONS, *OPTIMIZERS, *SCHEDULES, *INITIALIZERS)
BY_KIND: dict[str, Entry] = {entry.kind: entry for entry in OPERATIONS}
BY_CLASS: dict[str, dict[str, Entry]] = {
    framework: {
        path.rpartition(".")[2]: entry
        for entry in OPERATIONS
        for path in (*entry.names(framework).classes, *entry.recorded)
    }
    for framework in ("torch", "paddle")
}


def layer_entry(framework: str, classes: Iterable[str]) -> Entry | None:
    """The entry of a layer, from the names of its library classes, nearest first; None of a user's own."""
    known = BY_CLASS[framework]
    return next((known[name] for name in classes if name in known), None)


def tensor_prefix(path: str) -> str:
    """What Paddle's automatic names of a layer's tensors begin with, from its class's name: `conv2d_transpose`."""
    name = path.rpartition(".")[2]
    for humps in (r"(.)([A-Z][a-z]+)", r"([a-z])([A-Z])"):  # as Paddle does: PReLU is p_re_lu
        name = re.sub(humps, r"\1_\2", name)
    return name.lower()


# The beginning of a tensor's automatic name → the entry of the layer that it belongs to.
BY_TENSOR_PREFIX: dict[str, Entry] = {
    prefix: entry
    for entry in OPERATIONS
    for prefix in (*map(tensor_prefix, entry.paddle.classes), *entry.static.split())
    if any(row.suffix for row in entry.weights)
}


def _called(*frameworks: str) -> dict[str, str]:
    """Name of a function, method or operator, as a recorder meets it → kind; the last framework has the last word."""
    kinds = {name: entry.kind for entry in OPERATIONS for name in (entry.kind, *entry.recorded)}
    for framework in frameworks:
        named = {}
        for entry in OPERATIONS:
            names = entry.names(framework)
            for path in (*names.functions, *names.methods):
                last = path.rpartition(".")[2]
                named.setdefault(last.strip("_") if last.startswith("__") else last, []).append(entry.kind)
        kinds |= {name: name if name in several else several[-1] for name, several in named.items()}
    return kinds


_CALLED = {"torch": _called("paddle", "torch"), "paddle": _called("torch", "paddle")}


def operation_kind(framework: str, name: str) -> str:
    """The kind of what a framework calls `name`: `__radd__`, `add_` and `add` are all `add`."""
    called, plain = _CALLED[framework], name.strip("_") or name
    return called.get(name) or called.get(plain, plain)


def optimizer_entry(framework: str, classes: Iterable[str]) -> Entry | None:
    """The entry of an optimizer, from the names of its classes, nearest first; of PyTorch's SGD, that with momentum."""
    known = {path.rpartition(".")[2]: entry for entry in OPTIMIZERS for path in entry.names(framework).classes}
    return next((known[name] for name in classes if name in known), None)


def kinds_that(holds: Callable[[Entry], object]) -> frozenset[str]:
    """The kinds of operations of whose entries something is true."""
    return frozenset(entry.kind for entry in OPERATIONS if holds(entry))


MOVES = kinds_that(lambda entry: entry.moves)
ORDERED = kinds_that(lambda entry: entry.ordered)
EXACT = kinds_that(lambda entry: entry.exact)
RECURRENT = kinds_that(lambda entry: entry.inner_layers)
DROPOUT = kinds_that(lambda entry: entry.draws in ("mask", "channel mask"))
# Of two inputs it is no sign of the first one that tells.
SIGN_KINKS = kinds_that(lambda entry: entry.kink == "sign" and entry.given == "first")
LARGEST_KINKS = kinds_that(lambda entry: entry.kink == "largest")
WITH_STEPS = kinds_that(lambda entry: entry.steps)
ACTIVATIONS = kinds_that(lambda entry: entry.activation)
POINTWISE = tuple((entry, settings) for entry in OPERATIONS for settings in entry.pointwise)
STEP_RULES = optimizers.RULES | adaptive.RULES
# An argument of an optimizer's formula with which it follows Paddle's rule → how the rules differ.
RULE_CONTRASTS: dict[str, list[Contrast]] = {
    contrast.rule: [contrast] for entry in OPTIMIZERS for contrast in entry.differs if contrast.rule
}
OPTIMIZER_BY_KIND = {entry.kind: entry for entry in OPTIMIZERS}
# Those of which it is known what they keep; plain gradient descent keeps nothing.
KEEPING = {entry.kind: entry for entry in OPTIMIZERS if entry.state or entry.kind == "sgd"}
# What a framework calls an optimizer's number or moment → its name here; and each moment → (the number that decides its
# share, the default of that).
NUMBERS: dict[str, dict[str, str]] = {
    framework: {
        name: argument.name
        for entry in reversed(OPTIMIZERS)  # those of the first ones count
        for argument in entry.arguments
        for name in (argument.torch if framework == "torch" else argument.paddle)
    }
    for framework in ("torch", "paddle")
}
MOMENTS = {
    framework: {getattr(kept, framework): moment for entry in OPTIMIZERS for moment, kept in entry.state.items()}
    for framework in ("torch", "paddle")
}
MOMENT_SHARE = {
    moment: (kept.share, optimizers.DEFAULTS[entry.kind][kept.share])
    for entry in OPTIMIZERS
    for moment, kept in entry.state.items()
    if kept.share and entry.kind in optimizers.DEFAULTS
}
