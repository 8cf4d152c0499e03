"""What may be wrong: a value of the first side, and the place of the second where it should be, the nearest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...dictionary.index import MOVES
from ...traces.reading import Call
from .passes import Pass
from .second_side import SecondSide
from .trials import Place

LARGEST = 6.0  # calls of one side in one region
A_MOVE = 0.1  # of a call


@dataclass(frozen=True)
class Hypothesis:
    """`u` of the first side belongs in `place`; what lies between the common values and either is the region."""

    u: int
    place: Place
    calls: tuple[tuple[Call, ...], tuple[Call, ...]]
    size: float


@dataclass(frozen=True)
class _Reach:
    """What makes a value out of values that both sides have."""

    calls: tuple[Call, ...]
    classes: frozenset[int]
    size: float


def hypotheses(
    now: SecondSide, touched: tuple[dict[int, Call], dict[int, Call]], ends: dict[int, int]
) -> Iterator[Hypothesis]:
    """All that start from a value that both sides have, the smallest first.

    Args:
        touched: for each side the calls that an end which parts comes from, by their index.
    """
    of, (first, second) = now.cuts.pairing.of, now.cuts.sides
    ours: dict[int, _Reach] = {}
    for call in touched[0].values():
        for _, number in (*call.outputs, *call.inputs):
            if number not in ours and first.source(number) != "weight":
                ours[number] = _reach(first, number, now.first_given, of[0])
    for call in touched[1].values():  # what the second side begins with, the first has as well
        for _, number in call.inputs:
            if (place := now.places.get(number)) is not None:
                for member in list(now.cuts.pairing.classes[place].members[0])[:1]:
                    ours.setdefault(member, _reach(first, member, now.first_given, of[0]))
    for x in ends.values():
        ours.setdefault(x, _reach(first, x, now.first_given, of[0]))
    theirs: dict[Place, _Reach] = {}
    for call in touched[1].values():
        for _, number in call.outputs:
            theirs[Place(number)] = _reach(second, number, now.given, now.places)
        for at, (_, number) in enumerate(call.inputs):
            if second.source(number) != "weight":
                theirs[Place(number, call, at)] = _reach(second, number, now.given, now.places)
    for y in ends:
        theirs.setdefault(Place(y), _reach(second, y, now.given, now.places))
    found = [
        Hypothesis(u, place, (mine.calls, its.calls), _together(mine, its))
        for u, mine in _small(ours)
        for place, its in _small(theirs)
        if mine.classes & its.classes and _may_be(now, u, mine, place, its, ends)
    ]
    yield from sorted(found, key=lambda each: (each.size, each.u, each.place.number))


def _small(reaches: dict) -> list:
    return [each for each in reaches.items() if each[1].size <= LARGEST]


def _reach(side: Pass, number: int, ends, places: dict) -> _Reach:
    calls, stops = side.made_of([number], ends)
    classes = frozenset(place for stop in stops if (place := places.get(stop)) is not None)
    return _Reach(tuple(calls), classes, sum(A_MOVE if call.kind in MOVES else 1.0 for call in calls))


def _together(mine: _Reach, its: _Reach) -> float:
    """How much there is to be doubted: two calls of one kind are less than one that only one side has."""
    alike = len(mine.calls) == len(its.calls) == 1 and mine.calls[0].kind == its.calls[0].kind
    return 0.5 if alike and mine.classes == its.classes else mine.size + its.size


def _may_be(now: SecondSide, u: int, mine: _Reach, place: Place, its: _Reach, ends: dict[int, int]) -> bool:
    if not (mine.calls or its.calls):
        return False
    if place.call is None and now.given(place.number) and ends.get(place.number) != u:
        return False  # what agrees is not to be replaced
    given = now.places.get(place.number)
    return given is None or given != now.cuts.pairing.of[0].get(u) or not now.given(place.number)
