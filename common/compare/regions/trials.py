"""Trials: whether the second side goes on as the first does, once a value of the first is put in a place of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from ...dictionary.index import MOVES
from ...traces.reading import Call
from ..matching.values import distance
from .second_side import ALONE, SecondSide

AHEAD = 3  # calls that compute and make no value of the first side, where that has fused them
FARTHEST = 24  # calls in all


@dataclass(frozen=True)
class Place:
    """Where an array is put: a value, or, with a call, one of its inputs alone, the one at a place."""

    number: int
    call: Call | None = field(default=None, hash=False)
    at: int = 0


class Trials:
    """The trials of one state of the second side.

    Args:
        ends: values that the sides return at one place: the second side's → the first's.
    """

    def __init__(self, now: SecondSide, ends: dict[int, int]) -> None:
        self.now, self.ends = now, ends
        self.first, self.second = now.cuts.sides
        self.made = 0

    def leads_on(
        self, u: int, place: Place, touched: set[int], arrays: Iterable[np.ndarray] = ()
    ) -> tuple[np.ndarray, list[Call]] | None:
        """What to put in a place so that the next value the second side makes is one that the first makes after `u`,
        and that it has not made yet, and the calls passed on the way that leave it as it is; None where it does not.

        Args:
            touched: the second side's calls that an end which parts comes from.
            arrays: the value as it is to be put; where none is given, as the second side may hold it.
        """
        if place.call is None and self.ends.get(place.number) == u:
            array = self.first.run.array("values", u)
            return None if array is None else (array, [])
        for array in arrays or self._shaped(u, place):
            passed = self._follow(u, place, array, touched)
            if passed is not None:
                return array, passed
        return None

    def put(self, u: int, place: Place, array: np.ndarray, touched: set[int]) -> None:
        """Set a place right; of one input of a call, also the other calls that go on with it as the first side does.

        Some of these can be told only once what the first call makes is right.
        """
        if place.call is None:
            self.now.set_right(place.number, array)
            return
        self.now.edges[place.call.index, place.at] = array
        others = [
            (call, at)
            for call, at in self.second.consumers.get(place.number, ())
            if call.index in touched and (call.index, at) != (place.call.index, place.at)
        ]
        left = self._put_too(u, place.number, others, touched)
        if left and self.now.go_on():
            self._put_too(u, place.number, left, touched)

    def _put_too(
        self, u: int, number: int, others: list[tuple[Call, int]], touched: set[int]
    ) -> list[tuple[Call, int]]:
        """Put a value where that leads on; the places where it does not."""
        left = []
        for call, at in others:
            if all(self.now.given(made) for _, made in call.outputs):
                continue
            right = self.leads_on(u, Place(number, call, at), touched)
            if right is None:
                left.append((call, at))
            else:
                self.now.edges[call.index, at] = right[0]
        return left

    def _shaped(self, u: int, place: Place) -> Iterator[np.ndarray]:
        """A value of the first side as the second may hold it: with the axes of what it takes the place of."""
        array, own = self.first.run.array("values", u), self.now.array(place.number)
        if array is None or own is None:
            return
        order = self._axes(u, place.number)
        if order is not None and array.ndim == len(order):
            yield array.transpose(order)
        yield array
        if array.size == own.size and array.shape != own.shape:
            yield array.reshape(own.shape)

    def _axes(self, u: int, w: int) -> tuple[int, ...] | None:
        """The order of axes in which the second side holds what the first does, where the two part."""
        of = self.now.cuts.pairing
        _, starts = self.first.made_of([u], self.now.first_given)
        _, others = self.second.made_of([w], self.now.given)
        for number in starts:
            for other in others:
                place = of.of[0].get(number)
                if place is None or of.of[1].get(other) != place:
                    continue
                shapes = [
                    side.run.shape("values", n) for side, n in zip(self.now.cuts.sides, (number, other), strict=True)
                ]
                known = of.classes[place].members
                layout = known[1].get(other) if known[0].get(number) and known[0][number].in_order else None
                if layout and shapes[0] and shapes[1] and len(shapes[0]) == len(layout.order) == len(shapes[1]):
                    return layout.order
        return None

    def _follow(self, u: int, place: Place, array: np.ndarray, touched: set[int]) -> list[Call] | None:
        of = self.now.cuts.pairing.of[0]
        later = {of[number] for number in self.first.after(u) if number in of} - {of.get(u)} - self.now.common
        anew: dict[int, np.ndarray] = {} if place.call else {place.number: array}
        edge = {} if place.call is None else {(place.call.index, place.at): array}
        waiting = [(place.call, 0)] if place.call else self._next(place.number, touched, 0)
        passed: list[Call] = []
        found, steps = False, 0
        while waiting and steps < FARTHEST:
            call, ahead = waiting.pop(0)
            given = self._inputs(call, anew, edge)
            if given is None:
                continue
            steps += 1
            outs = self._again(call, given)
            if outs is None:
                return None
            for (_, number), out in zip(call.outputs, outs, strict=False):
                known, fine = self.now.judge(out)
                if (known in later and fine) or self._ends_well(number, out):
                    found = True
                    continue
                if known is not None and known == of.get(u):
                    passed.append(call)
                    further = ahead
                else:
                    further = ahead + (call.kind not in MOVES)
                if further <= AHEAD:
                    anew[number] = out
                    waiting += self._next(number, touched, further)
        return passed if found else None

    def _again(self, call: Call, given: dict[int, np.ndarray]) -> list[np.ndarray] | None:
        self.made += 1
        return None if self.now.again is None else self.now.again(call.index, given)

    def _next(self, number: int, touched: set[int], ahead: int) -> list[tuple[Call, int]]:
        consumers = {call.index: call for call, _ in self.second.consumers.get(number, ()) if call.index in touched}
        return [(consumers[index], ahead) for index in sorted(consumers)]

    def _inputs(self, call: Call, anew: dict, edge: dict) -> dict[int, np.ndarray] | None:
        """What a call is given in a trial; None where another of its inputs parts, so that nothing can be told."""
        given = self.now.inputs_of(call)
        for at, (_, number) in enumerate(call.inputs):
            if (call.index, at) in edge:
                given[at] = edge[call.index, at]
            elif number in anew:
                given[at] = anew[number]
            elif at not in given and not (self.now.given(number) or self.now.of_constants(number)):
                return None
        return given

    def _ends_well(self, number: int, out: np.ndarray) -> bool:
        """Whether a value that the second side returns is what the first does."""
        other = self.ends.get(number)
        wanted = None if other is None else self.first.run.array("values", other)
        return wanted is not None and near(wanted, out)


def near(wanted: np.ndarray, made: np.ndarray | None) -> bool:
    """Whether an array is what it should be, shape and order included."""
    return made is not None and made.shape == wanted.shape and distance(wanted, made) <= ALONE
