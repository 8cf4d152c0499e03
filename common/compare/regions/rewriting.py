"""Equivalent rewritings: what each side computes between values that both have, where that is not one same call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from ...traces.reading import Call
from .cuts import Cuts


@dataclass(frozen=True)
class Rewriting:
    """Calls of either side that compute the same in other steps."""

    calls: tuple[tuple[Call, ...], tuple[Call, ...]]

    @property
    def labels(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What each side calls."""
        a, b = (tuple(call.label for call in side) for side in self.calls)
        return a, b


def rewritings(cuts: Cuts) -> list[Rewriting]:
    """Regions between cuts that hold other calls on the two sides, in the first side's order."""
    found = [Rewriting((tuple(a), tuple(b))) for a, b in regions(cuts) if a and b and not _plain(a, b)]
    return sorted(found, key=lambda region: region.calls[0][0].index)


def regions(cuts: Cuts) -> list[tuple[list[Call], list[Call]]]:
    """The calls of both sides by the region between cuts that they are in.

    Calls of a side belong together where they share a value that is no cut, those of both where they make one cut.
    Calls that change nothing on this input are left out.
    """
    groups = _Groups()
    calls: list[tuple[int, Call]] = []
    for side, each in enumerate(cuts.sides):
        for call in each.calls:
            if cuts.changes_nothing(side, call):
                continue
            calls.append((side, call))
            for _, number in (*call.inputs, *call.outputs):
                if cuts.pairing.is_cut(side, number):
                    continue
                if number in each.maker:  # what comes from outside does not join what it is given to
                    groups.join((side, call.index), ("value", side, number))
            for _, number in call.outputs:
                if cuts.pairing.is_cut(side, number):
                    groups.join((side, call.index), ("cut", cuts.pairing.of[side][number]))
    found: dict = defaultdict(lambda: ([], []))
    for side, call in calls:
        found[groups.of((side, call.index))][side].append(call)
    return list(found.values())


def _plain(a: Iterable[Call], b: Iterable[Call]) -> bool:
    """Whether both sides hold the same kinds of calls, in one order."""
    return [call.kind for call in a] == [call.kind for call in b]


class _Groups:
    """Things that belong together (union and find)."""

    def __init__(self) -> None:
        self.parent: dict = {}

    def of(self, thing):
        self.parent.setdefault(thing, thing)
        while self.parent[thing] != thing:
            self.parent[thing] = self.parent[self.parent[thing]]
            thing = self.parent[thing]
        return thing

    def join(self, one, other) -> None:
        self.parent[self.of(one)] = self.of(other)
