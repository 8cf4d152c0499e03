"""Faults as they are told: two that are one together, and those inside layers of the library that are counterparts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..matching.calls import CallPair
from .cuts import Cuts
from .faults import ONE_SIDED, OTHER_ORDER, SAME_CALL, Fault


def as_told(cuts: Cuts, faults: Sequence[Fault], pairs: Sequence[CallPair]) -> list[Fault]:
    """Faults in their order, each as it is to be told."""
    return [_of_layers(cuts, fault, pairs) for fault in _exchanged(cuts, faults)]


def _of_layers(cuts: Cuts, fault: Fault, pairs: Sequence[CallPair]) -> Fault:
    """A fault inside two layers of the library that are counterparts is theirs: it is their settings that differ."""
    made = [{call.index: call.inside for call in side.calls} for side in cuts.sides]
    inside = [{each[index] for index in its} for each, its in zip(made, fault.calls, strict=True)]
    for pair in pairs:
        a, b = pair.a.index, pair.b.index
        opened = a in made[0].values() and b in made[1].values()
        if opened and any(inside) and inside[0] <= {a} and inside[1] <= {b}:
            return replace(fault, how=SAME_CALL, calls=((a,), (b,)))
    return fault


def _exchanged(cuts: Cuts, faults: Sequence[Fault]) -> list[Fault]:
    """One call that only one side has, and then one of its kind that only the other has: it is at another place."""
    told: list[Fault] = []
    for fault in faults:
        before = told[-1] if told else None
        if before is not None and _opposite(cuts, before, fault):
            calls = before.calls[0] or fault.calls[0], before.calls[1] or fault.calls[1]
            told[-1] = Fault(OTHER_ORDER, calls, before.error, before.confirmed)
        else:
            told.append(fault)
    return told


def _opposite(cuts: Cuts, one: Fault, other: Fault) -> bool:
    """Whether each side lacks what the other has."""
    if not (one.how == other.how == ONE_SIDED) or bool(one.calls[0]) == bool(other.calls[0]):
        return False
    return _kinds(cuts, one) == _kinds(cuts, other)


def _kinds(cuts: Cuts, fault: Fault) -> list[str]:
    calls = [{call.index: call for call in side.calls} for side in cuts.sides]
    return [made[index].kind for made, its in zip(calls, fault.calls, strict=True) for index in its]
