"""The operations of an exported program, whatever wrote it, in one form: names of Paddle 3, inputs in order.

Each value is made once: where a program of before Paddle 3 writes a name again, what comes after is given the new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import isfinite, sqrt
from typing import Any

import numpy as np

from ....common.errors import BadInput
from ....common.weights.formats.paddle_exports.program import TYPES, Operation, Program
from .earlier import EARLIER, MADE

Value = Any  # the name of a value, a list of names, whole numbers that the program holds, or None
SAME = {"depthwise_conv2d": "conv2d", "depthwise_conv2d_transpose": "conv2d_transpose", "share_data": "assign",
        "assign_out": "assign"}  # fmt: skip
LARGEST_ROOT = 4096  # of which a program's number may be the root
LARGEST_DENOMINATOR = 1000
DIGITS = 7  # that a number of float32 holds for certain


@dataclass
class Step:
    """One operation.

    Attributes:
        kind: as in `operations.OPERATIONS`. place: which of the program's operations it is, from 0.
        given: what it is given, in order. made: what it makes, in order.
    """

    kind: str
    place: int
    given: list[Value]
    made: list[str]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def values(self) -> Iterator[str]:
        """Every value that it is given."""
        for value in self.given:
            several = [value] if isinstance(value, str) else value or ()
            yield from (each for each in several if isinstance(each, str))


@dataclass
class Steps:
    """A program in steps: the values that it gives; value → how many axes it has, as far as the program tells."""

    steps: list[Step]
    outputs: list[str]
    axes: dict[str, int]


def steps_of(program: Program, file: str) -> Steps:
    """Raises `BadInput` where the program branches or loops."""
    if any(operation.block for operation in program.operations):
        raise BadInput(
            f"{file}: branches or loops, so it cannot be run here; its weights can be converted all the same"
        )
    return (_pir if program.kind == "PIR" else _program_desc)(program)


def _pir(program: Program) -> Steps:
    steps: list[Step] = []
    held: dict[str, Value] = {}  # lists of values, and whole numbers, by the name that stands for them
    for place, operation in enumerate(program.operations):
        given = [held.get(name, name) if name else None for name in _in_order(operation.inputs)]
        made = [name or f"{place} {turn}" for turn, name in enumerate(_in_order(operation.outputs))]
        if operation.kind == "builtin.combine":
            held[made[0]] = given
        elif operation.kind == "full_int_array":
            held[made[0]] = list(operation.attributes["value"])
        elif operation.kind == "builtin.split":
            (several,) = _in_order(operation.inputs)
            maker = next(step for step in steps if several in step.made)
            at = maker.made.index(several)
            maker.made[at : at + 1] = made
        else:
            kind = SAME.get(operation.kind, operation.kind)
            steps.append(Step(kind, place, given, made, _attributes(operation)))
    return Steps(steps, [held.get(name, name) for name in program.outputs], _axes(program))


def _in_order(slots: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The names in the slots "0", "1" …; empty where one is left out."""
    length = 1 + max(map(int, slots), default=-1)
    return [slots[str(place)][0] if str(place) in slots else "" for place in range(length)]


def _program_desc(program: Program) -> Steps:
    steps: list[Step] = []
    latest: dict[str, str] = {}  # what a name means at this point
    axes = _axes(program)
    for place, operation in enumerate(program.operations):
        kind, slots = EARLIER.get(operation.kind, (operation.kind, "X"))
        given = [_slot(slot, operation, latest) for slot in slots.split()]
        while given and given[-1] is None:
            given.pop()
        made = []
        for name in _made(operation):
            fresh = f"{name} {place}" if name in latest or program.variables[name].stored else name
            axes[fresh] = axes.get(name, -1)
            made.append(fresh)
            latest[name] = fresh
        steps.append(Step(kind, place, given, made, _attributes(operation)))
    return Steps(steps, [latest.get(name, name) for name in program.outputs], axes)


def _slot(slot: str, operation: Operation, latest: Mapping[str, str]) -> Value:
    """What is in a slot: `Shape|ShapeTensor*` is the first of several that holds something, one value or a list."""
    for name in slot.split("|"):
        held = [latest.get(each, each) for each in operation.inputs.get(name.rstrip("*"), ())]
        if held:
            return held if name.endswith("*") else held[0]
    return None


def _made(operation: Operation) -> list[str]:
    slots = MADE.get(operation.kind) or [name for name in ("Out", "Output", "Y") if name in operation.outputs][:1]
    return [name for slot in slots for name in operation.outputs.get(slot, ())]


def _axes(program: Program) -> dict[str, int]:
    return {name: len(variable.shape) for name, variable in program.variables.items() if variable.shape is not None}


def _attributes(operation: Operation) -> dict[str, Any]:
    made = {name: _meant(value) for name, value in operation.attributes.items()}
    return made | {
        name: TYPES[made[name]] for name in ("dtype", "in_dtype", "out_dtype")
        if type(made.get(name)) is int and made[name] in TYPES
    }  # fmt: skip


def _meant(value: Any) -> Any:
    if isinstance(value, list):
        return [_meant(each) for each in value]
    return exact(value) if type(value) is float else value


def exact(number: float) -> float:
    """The number that is meant where a program holds the nearest float32: 1e-05, 1/√15.

    That is the shortest that rounds to it, and where that is long, a root or a fraction of small whole numbers. Another
    reading is off by less than float32 is, and shows as a difference.
    """
    if not isfinite(number) or float(np.float32(number)) != number or number == 0:
        return number
    shortest = str(np.float32(number))
    if sum(map(str.isdigit, shortest.partition("e")[0].lstrip("-0."))) <= DIGITS:
        return float(shortest)
    square = number * number
    roots = [sqrt(n) for n in (round(square),) if 1 <= n <= LARGEST_ROOT]
    roots += [1 / sqrt(n) for n in (round(1 / square),) if 1 <= n <= LARGEST_ROOT]
    fraction = Fraction(number).limit_denominator(LARGEST_DENOMINATOR)
    for meant in (*(root if number > 0 else -root for root in roots), fraction.numerator / fraction.denominator):
        if float(np.float32(meant)) == number:
            return meant
    return float(shortest)
