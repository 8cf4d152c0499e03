"""Two passes with the values that both have, and how far each of these has come apart on its way."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

from ...tolerances import bound
from ...traces.reading import Call, Run
from ..matching.values import pair_values
from .passes import Pass

EQUAL, JUMP = bound("float64 forward"), bound("growth between cuts")


class Cuts:
    """Two passes, `sides`, and the classes of their values.

    Args:
        excused: pairs of values that a judge of rounding takes for equal, however far they are apart.
        inside: whether layers of the library count as what they call.
    """

    def __init__(self, a: Run, b: Run, excused: Collection[tuple[int, int]] = (), inside: bool = False) -> None:
        self.sides = Pass(a, inside), Pass(b, inside)
        numbers = self.sides[0].values(), self.sides[1].values()
        self.pairing = pair_values(lambda x: a.array("values", x), lambda y: b.array("values", y), numbers)
        self.excused = {self.pairing.of[0].get(x) for x, y in excused if self._one_class(x, y)}

    def _one_class(self, x: int, y: int) -> bool:
        return self.pairing.of[0].get(x, -1) == self.pairing.of[1].get(y, -2)

    @cached_property
    def parted(self) -> set[int]:
        """Places of cuts that are further apart than those they come from explain, and of what follows from them.

        A rewriting rounds otherwise and no more; what is far more than that is a difference that later steps made
        small.
        """
        parted: set[int] = set()
        for place, start in self._in_order():
            distance, base = self.pairing.classes[place].distance, self._base(place, start)
            if distance <= EQUAL or place in self.excused:
                continue
            before = max((self.pairing.classes[other].distance for other in base), default=0.0)
            if distance > JUMP * before or base & parted:
                parted.add(place)
        return parted

    @cached_property
    def jumps(self) -> list[int]:
        """The cuts in `parted` that come from none in it, in the order of the second side."""
        return [
            place
            for place, start in self._in_order()
            if place in self.parted and not self._base(place, start) & self.parted
        ]

    def _in_order(self) -> list[tuple[int, int]]:
        """(place, first value of the second side) of every cut, in that side's order."""
        cuts = [(place, min(each.members[1])) for place, each in enumerate(self.pairing.classes) if each.cut]
        return sorted(cuts, key=lambda cut: cut[1])

    def _base(self, place: int, start: int) -> set[int]:
        """The cuts that a cut is computed from, on the second side."""
        of, b = self.pairing.of[1], self.sides[1]
        call = b.maker.get(start)
        given = [number for _, number in call.inputs] if call else []
        _, stops = b.made_of(given, lambda number: self.pairing.is_cut(1, number) and of[number] != place)
        return {of[number] for number in stops if number in of}

    def agrees(self, side: int, number: int) -> bool:
        """Whether both have a value, and it has not come apart."""
        return self.pairing.is_cut(side, number) and self.pairing.of[side][number] not in self.parted

    def given(self, side: int, number: int) -> bool:
        """Whether a value agrees, or comes from outside, or is one number throughout."""
        return self.pairing.of[side].get(number) is None or self.agrees(side, number) or self.outside(side, number)

    def outside(self, side: int, number: int) -> bool:
        return number not in self.sides[side].maker

    def changes_nothing(self, side: int, call: Call) -> bool:
        """Whether all that a call makes it was given: a view, dropout in evaluation, a ReLU that clips nothing."""
        of = self.pairing.of[side]
        given = {of[number] for _, number in call.inputs if number in of}
        return all(of.get(number) in given for _, number in call.outputs)
