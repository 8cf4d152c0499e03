"""Where layers meet that were given the same: what they are combined with tells which is which.

An expert's output is weighted by its own gate, a branch is laid beside another. A call that makes nothing which the
other side has, though the other side has all that it is given, is given the outputs of the wrong ones. The other side's
call of that kind, which shares what tells them apart, says which are meant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ....traces.reading import Call
from .owners import Owner
from .trial import Given, Key, Trial

Classes = Mapping[int, frozenset[int]]  # value of b → the values of a that hold the same


@dataclass
class Observed:
    """A pass of b: its calls, where its values come from, the values, and what the model gives."""

    calls: Sequence[Call]
    sources: Mapping[int, str]
    arrays: Mapping[int, np.ndarray]
    outputs: list[np.ndarray]


def recognised(a: Given, b: Observed) -> dict[int, frozenset[int]]:
    """For each value of b that some layer or function made or was given, the values of a that hold the same."""
    return {
        number: frozenset(a.table.find(array))
        for number, array in b.arrays.items()
        if not b.sources.get(number, "").startswith("weight")
    }


def exchanges(a: Given, b: Observed, trial: Trial) -> dict[Key, Key]:
    """b's owner → the owner of a that it should be taken for, of all that can be told from where they meet."""
    members = [owner for each in trial.groups.values() if len(each) > 1 for owner in each]
    taken = {trial.found[owner.key].owner.key: owner.key for owner in members if owner.key in trial.found}
    groups = {trial.found[owner.key].owner.key: key for key, each in trial.groups.items() for owner in each
              if owner.key in trial.found}  # fmt: skip
    if not taken:
        return {}
    above = _Above(a, {trial.found[key].owner.key: trial.found[key].owner for key in taken.values()})
    classes, wanted = recognised(a, b), {}
    by_kind: dict[tuple, list[Call]] = {}
    for call in a.calls:
        by_kind.setdefault((call.kind, len(call.inputs)), []).append(call)
    for call in b.calls:
        if not _parts(call, b, classes):
            continue
        given = [classes.get(number, frozenset()) for _, number in call.inputs]
        for other in by_kind.get((call.kind, len(call.inputs)), []):
            for is_now, should in _told(given, [number for _, number in other.inputs], above):
                if groups.get(is_now) == groups.get(should) and is_now in taken:
                    wanted.setdefault(taken[is_now], should)
    return wanted if len(set(wanted.values())) == len(wanted) else {}


def _parts(call: Call, b: Observed, classes: Classes) -> bool:
    """Whether all that a call is given is known, and nothing that it makes."""
    numbers = [number for _, number in call.inputs]
    known = all(classes.get(number) or b.sources.get(number, "constant") == "constant" for number in numbers)
    made = [number for _, number in call.outputs if number not in numbers and number in b.arrays]
    return known and len(numbers) > 1 and bool(made) and not any(classes.get(number) for number in made)


def _told(given: list[frozenset[int]], theirs: list[int], above: _Above):
    """Owners that one side's input comes from and the other's does not, where another input is the same."""
    orders = [theirs] if len(theirs) != 2 else [theirs, theirs[::-1]]
    for numbers in orders:
        same = [number in known for known, number in zip(given, numbers, strict=True)]
        if not any(same) or all(same):
            continue
        for known, number, agrees in zip(given, numbers, same, strict=True):
            if agrees or not known:
                continue
            ours, its = above.of(min(known)), above.of(number)
            if len(ours - its) == 1 and len(its - ours) == 1:
                yield next(iter(ours - its)), next(iter(its - ours))


class _Above:
    """Which of some owners of a its values come from."""

    def __init__(self, a: Given, owners: Mapping[Key, Owner]) -> None:
        self.makers = {}
        for call in a.calls:
            given = {number for _, number in call.inputs}
            self.makers |= {number: call for _, number in call.outputs if number not in given}  # the innermost is last
        self.owners = {number: key for key, owner in owners.items() for number in owner.made[:1]}
        self.known: dict[int, frozenset[Key]] = {}

    def of(self, start: int) -> frozenset[Key]:
        if start in self.known:
            return self.known[start]
        found, seen, waiting = set(), set(), [start]
        while waiting:
            number = waiting.pop()
            if number in seen:
                continue
            seen.add(number)
            if number in self.owners:
                found.add(self.owners[number])
            elif number in self.makers:
                waiting += [given for _, given in self.makers[number].inputs]
        self.known[start] = frozenset(found)
        return self.known[start]
