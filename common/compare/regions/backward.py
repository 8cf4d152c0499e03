"""Where the backward pass parts, of models whose forward passes agree: between two values that both have.

A gradient can be held against its counterpart only where both sides use the value for the same further values: another
way to compute the same has inner gradients of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from ...tolerances import bound
from ...traces.reading import Call
from ..facts import About, Comes, Missing, OneSided, PartsBackward, Place
from ..matching.calls import CallPair, call_name
from ..matching.values import distance
from ..row import Row
from ..verdict import Rung
from .cuts import Cuts

QUANTITY = "float64 gradient"
EQUAL, NOTHING = bound(QUANTITY), bound("gradient that is none")


def mark_backward(rung: Rung, names: tuple[str, str], cuts: Cuts, pairs: Sequence[CallPair]) -> None:
    """Put in front of what follows the row of the calls in whose backward pass the gradients part, where it is found.

    Args:
        rung: of the gradients, of which some of parameters or inputs part.
    """
    found = _Gradients(cuts).first_parted()
    if found is None:
        return
    calls, apart, values = found
    a, b = calls
    one = (a or b)[0]
    pair = next((at for at, pair in enumerate(pairs) if a[:1] == [pair.a] and (not b or pair.b in b)), -1)
    row = Row(About("call gradient", call_name(one)), apart, EQUAL, quantity=QUANTITY, by_itself=True)
    lines = a[0].where if a else "", b[0].where if b else ""
    row.place = Place("flow", values, pair if a and b else -1, lines)
    row.cause = PartsBackward(tuple(call_name(call) for call in a)) if a and b else OneSided(names[0 if a else 1])
    for each in rung.rows:
        each.by_itself = False
        if not each.same and not isinstance(each.cause, Missing):
            each.cause = Comes("later")
    at = next(at for at, each in enumerate(rung.rows) if not each.same)
    rung.rows.insert(at, row)


class _Gradients:
    """The gradients that arrive at the values of two passes."""

    def __init__(self, cuts: Cuts) -> None:
        self.cuts, self.of = cuts, cuts.pairing.of
        self.still = [set(side.run.note("still") or ()) for side in cuts.sides]
        self.withdrawn = [set(side.run.note("withdrawn") or ()) for side in cuts.sides]

    def first_parted(self) -> tuple[tuple[list[Call], list[Call]], float, tuple[str, str]] | None:
        """(calls of both sides, how far apart, the values) where the gradients part first, from the end on."""
        places = {self.of[1][number] for number in self.of[1] if self.cuts.pairing.is_cut(1, number)}
        for place in sorted(places, key=lambda place: -min(self.cuts.pairing.classes[place].members[1])):
            a, b = self._members(place)
            if not a or not b or self._onward(0, a)[1] != self._onward(1, b)[1] or self._cut_off((a[0], b[0])):
                continue
            apart = self._apart(place, a[0], b[0])
            if apart > EQUAL:
                return self._between(place, a, b), apart, (str(a[0]), str(b[0]))
        return None

    def _members(self, place: int) -> tuple[list[int], list[int]]:
        """The values of a class on either side at which gradients may be held against each other."""
        a, b = (
            sorted(number for number in members if number not in self.withdrawn[side])
            for side, members in enumerate(self.cuts.pairing.classes[place].members)
        )
        return a, b

    def _cut_off(self, values: tuple[int, int]) -> bool:
        """Whether no gradient can arrive at one of two values, for none can at what it is computed from."""
        for side, number in enumerate(values):
            call = self.cuts.sides[side].maker.get(number)
            if number in self.still[side] and call and self.still[side].issuperset(given for _, given in call.inputs):
                return True
        return False

    def _onward(self, side: int, starts: Sequence[int]) -> tuple[list[Call], set]:
        """What is computed from values up to the next that both sides have: the calls, and the classes of these."""
        graph, own = self.cuts.sides[side], self.of[side].get(starts[0])
        calls: dict[int, Call] = {}
        ends: set = set()
        waiting, seen = list(starts), set(starts)
        while waiting:
            number = waiting.pop()
            ends |= {"output"} if number in graph.outputs else set()
            for call, _ in graph.consumers.get(number, ()):
                calls[call.index] = call
                for _, made in call.outputs:
                    place = self.of[side].get(made)
                    if self.cuts.pairing.is_cut(side, made) and place != own:
                        ends.add(place)
                    elif made not in seen:
                        seen.add(made)
                        waiting.append(made)
        return [calls[index] for index in sorted(calls)], ends

    def _between(self, place: int, a: list[int], b: list[int]) -> tuple[list[Call], list[Call]]:
        """The calls in whose backward pass they part: those of one side that leave the value as it is and change its
        gradient, else those that both compute from it."""
        for side, other in ((1, a), (0, b)):
            own = sorted(self.cuts.pairing.classes[place].members[side])
            stops = [number for number in own if number in self.still[side]]
            call = self.cuts.sides[side].maker.get(stops[0]) if stops else None
            if call is None or not self.still[1 - side].isdisjoint(other):
                continue
            counterpart = self.cuts.sides[1 - side].maker.get(other[0])
            if stops[0] != own[0] or counterpart is None:  # the value as it is, detached
                return ([], [call]) if side else ([call], [])
            return ([counterpart], [call]) if side else ([call], [counterpart])
        for side, (own, other) in enumerate(((b, a), (a, b))):
            graph = self.cuts.sides[1 - side]
            for number in own[1:]:
                pair = (other[0], number) if side == 0 else (number, other[0])
                if number in graph.maker and self._apart(place, *pair) <= EQUAL:
                    calls, _ = graph.made_of([number], lambda each: each == own[0])  # noqa: B023
                    return ([], calls) if side == 0 else (calls, [])
        hidden = self._hidden(place)
        if any(hidden) and not all(hidden):  # what is changed in place afterwards shows no gradient
            return hidden
        return self._onward(0, a[-1:])[0] or self._onward(0, a)[0], self._onward(1, b[-1:])[0] or self._onward(1, b)[0]

    def _hidden(self, place: int) -> tuple[list[Call], list[Call]]:
        """The calls of each side that leave a value as it is, of what was changed in place since."""
        a, b = (
            [
                call
                for number in sorted(members)[1:]
                if number in self.withdrawn[side] and (call := self.cuts.sides[side].maker.get(number)) is not None
            ]
            for side, members in enumerate(self.cuts.pairing.classes[place].members)
        )
        return a, b

    def _apart(self, place: int, x: int, y: int) -> float:
        """How far the gradients of two values of a class are apart, by the larger; of nearly none: zero."""
        members = self.cuts.pairing.classes[place].members
        arrays = [side.run.array("flow", number) for side, number in zip(self.cuts.sides, (x, y), strict=True)]
        if all(array is None for array in arrays):
            return 0.0
        first, second = (self._in_first(members[side][number], array) for side, (number, array) in
                         enumerate(zip((x, y), arrays, strict=True)))  # fmt: skip
        if first is None or second is None:
            known = first if second is None else second
            return float("inf") if known is not None and np.abs(known).max(initial=0) > NOTHING * self.largest else 0.0
        if max(np.abs(first).max(initial=0), np.abs(second).max(initial=0)) <= NOTHING * self.largest:
            return 0.0
        return distance(second, first)

    @staticmethod
    def _in_first(layout, array: np.ndarray | None) -> np.ndarray | None:
        """A gradient in the order of the first value of the class."""
        if array is None or layout.in_order:
            return None if array is None else np.asarray(array).reshape(-1)
        places = layout.of(np.arange(array.size)).reshape(-1)
        made = np.empty(array.size, array.dtype)
        made[places] = np.asarray(array).reshape(-1)
        return made

    @cached_property
    def largest(self) -> float:
        """The largest gradient of a weight on the first side, or where none has one, of a value."""
        run = self.cuts.sides[0].run
        return max((float(np.abs(array).max(initial=0)) for array in run.arrays("gradients/1").values()), default=0.0)
