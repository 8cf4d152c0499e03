"""What a call computes, from its inputs, settings and weights alone: float64, in NumPy, by its entry's formula.

Settings are those of PyTorch, with its defaults; Paddle's names of them are understood too, and so are a few that no
framework lets one set, with which a rule of the other framework is tried. Weights are in PyTorch's layout.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np

from .entry import Entry

Arrays = dict[str, np.ndarray]
# What decides nothing of the output; each of the flags below, only while it is off.
IDLE = ("inplace", "name", "momentum", "_stacklevel", "track_running_stats", "sparse", "scale_grad_by_freq", "affine")
OFF = ("return_indices", "return_mask")
CANNOT = (ValueError, TypeError, IndexError, KeyError, ZeroDivisionError, AttributeError)
MOST_INPUTS = 4


@dataclass(frozen=True)
class Call:
    """One side's call, which can be changed and evaluated again; without an entry nothing is known of it."""

    entry: Entry | None
    inputs: list[np.ndarray]
    settings: dict[str, Any]
    weights: Arrays
    training: bool

    @property
    def kind(self) -> str:
        return "" if self.entry is None else self.entry.kind

    def output(self) -> np.ndarray | None:
        return evaluate(self.entry, self.inputs, self.settings, self.weights, self.training)

    def told(self, **settings) -> Call:
        """With other settings; they come last, and so win over their own other names."""
        kept = {name: value for name, value in self.settings.items() if name not in settings}
        return replace(self, settings=kept | settings)

    def weighing(self, weight: np.ndarray) -> Call:
        """With another weight."""
        return replace(self, weights=self.weights | {"weight": weight})


Variants = Iterator[tuple[str, Call]]


def evaluate(
    entry: Entry | None, inputs: list[np.ndarray], settings: dict, weights: Arrays, training: bool
) -> np.ndarray | None:
    """The output of one call in float64, or None where the entry has no formula or the settings are not understood.

    Args:
        inputs: in order. Weights that a function is given as inputs follow its first one, as in `entry.operands`.
    """
    if entry is None or entry.formula is None:
        return None
    arrays = [_exact(array) for array in inputs]
    try:
        told = understood(entry, settings)
        if entry.operands or entry.by_mode:
            held = {name: _exact(array) for name, array in weights.items()}
            held = held or dict(zip(entry.operands, arrays[1:], strict=False))
            if entry.by_mode:
                told = {"training": training} | told
            output = entry.formula(arrays[0], held, **told)
        else:
            output = entry.formula(*(arrays if entry.given == "all" else arrays[:1]), **told)
    except CANNOT:  # settings tried from the other side need not fit: no form, no claim
        return None
    return np.asarray(output, np.float64)


def _exact(array: np.ndarray) -> np.ndarray:
    array = np.asarray(array)
    return array if array.dtype.kind in "iub" else array.astype(np.float64)


def understood(entry: Entry, settings: dict) -> dict[str, Any]:
    """The settings under the entry's own names, without those that decide nothing.

    Raises:
        ValueError: channels that are not the second axis.
    """
    named = {}
    for argument in entry.arguments:
        named |= dict.fromkeys(argument.torch, (argument, False))
        named |= dict.fromkeys(set(argument.paddle) - set(argument.torch), (argument, True))
        named[argument.name] = argument, False
    told = {}
    for name, value in settings.items():
        argument, theirs = named.get(name, (None, False))
        if name == "data_format":
            if not str(value).startswith("NC"):
                raise ValueError(f"{name} {value}")
        elif value is None or name in IDLE or (name in OFF and not value) or (argument and not argument.decides):
            continue
        elif argument is None:
            told[name] = value
        else:
            told[argument.name] = argument.turned.to_torch(value) if theirs and argument.turned else value
    return told


def reversed_operands(call: Call) -> Variants:
    """The inputs in another order; of what joins arrays, along the other axes too."""
    for order in permutations(range(len(call.inputs))) if 2 <= len(call.inputs) <= MOST_INPUTS else ():
        if order != tuple(range(len(order))):
            words = "its two inputs exchanged" if len(order) == 2 else f"its inputs in the order {order}"
            yield words, replace(call, inputs=[call.inputs[place] for place in order])
