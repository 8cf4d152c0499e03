"""The second side as it stands: as it was recorded, and after what was found wrong with it has been set right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from ...tolerances import bound
from ...traces.reading import Call, Run
from .cuts import Cuts

ALONE = bound("one call on the same values")


class Again(Protocol):
    """Makes one call of the second side again."""

    def __call__(self, index: int, given: Mapping[int, np.ndarray]) -> list[np.ndarray] | None:
        """What the call makes.

        Args:
            given: place of an input → what it is given instead.

        Returns:
            Its outputs; None where it cannot be made so.
        """
        ...


class SecondSide:
    """Values, their classes, and whether they agree; those that were computed anew in place of the recorded ones."""

    def __init__(self, cuts: Cuts, again: Again | None) -> None:
        self.cuts, self.again = cuts, again
        self.graph = cuts.sides[1]
        self.places: dict[int, int | None] = dict(cuts.pairing.of[1])
        self.fine = {number: cuts.given(1, number) for number in self.graph.values()}
        self.arrays: dict[int, np.ndarray] = {}
        self.edges: dict[tuple[int, int], np.ndarray] = {}
        self._of_constants: dict[int, bool] = {}
        self.right: set[int] = set()  # values that were set right, which are not computed again
        self._settle()

    def _settle(self) -> None:
        """The classes that both sides have now."""
        pairing = self.cuts.pairing
        self.common = {
            place for number, place in self.places.items() if place is not None and self.fine.get(number, True)
        } & set(pairing.of[0].values())

    def array(self, number: int) -> np.ndarray | None:
        return self.arrays[number] if number in self.arrays else self.graph.run.array("values", number)

    def given(self, number: int) -> bool:
        """Whether a value agrees with one of the first side, or comes from outside."""
        return self.fine.get(number, True)

    def of_constants(self, number: int) -> bool:
        """Whether a value is computed from constants alone, such as a mask."""
        if number not in self._of_constants:
            _, stops = self.graph.made_of([number], lambda each: False)
            self._of_constants[number] = all(self.graph.source(stop) == "constant" for stop in stops)
        return self._of_constants[number]

    def first_given(self, number: int) -> bool:
        """The same of a value of the first side."""
        place = self.cuts.pairing.of[0].get(number)
        return place is None or place in self.common or self.cuts.outside(0, number)

    def inputs_of(self, call: Call) -> dict[int, np.ndarray]:
        """Place → what the call is given instead of what was recorded."""
        changed = {at: self.arrays[number] for at, (_, number) in enumerate(call.inputs) if number in self.arrays}
        return changed | {at: array for (index, at), array in self.edges.items() if index == call.index}

    def judge(self, array: np.ndarray) -> tuple[int | None, bool]:
        """Class of a new array, and whether it agrees with a value of the first side."""
        place, apart = self.cuts.pairing.place_of(array)
        first = place is not None and bool(self.cuts.pairing.classes[place].members[0])
        flat = array.size > 0 and bool(np.all(array.reshape(-1)[0] == array))
        return place, (first and apart <= ALONE) or flat

    def put(self, number: int, array: np.ndarray) -> None:
        """Take an array for a value."""
        self.arrays[number] = array
        self.places[number], self.fine[number] = self.judge(array)

    def set_right(self, number: int, array: np.ndarray) -> None:
        """Take an array for a value, whatever comes before it."""
        self.put(number, array)
        self.fine[number] = True
        self.right.add(number)

    def go_on(self) -> bool:
        """Compute again what follows from what was set right; False where a call cannot be made again."""
        for call in self.graph.calls:
            given = self.inputs_of(call)
            own = [number for _, number in call.outputs if self.graph.maker.get(number) is call]
            made = [number for number in own if number not in self.right]
            if not given or not made:
                continue
            outs = None if self.again is None else self.again(call.index, given)
            if outs is None or len(outs) != len(call.outputs):
                return False
            for (_, number), out in zip(call.outputs, outs, strict=True):
                if number in made:
                    self.put(number, out)
        self._settle()
        return True


def made_of(run: Run, a: Call, b: Call, again: Again | None) -> list[np.ndarray] | None:
    """What b's call makes of the inputs of a's, which `run` holds; None where it cannot be made so."""
    if again is None or len(a.inputs) != len(b.inputs):
        return None
    given = {at: array for at, (_, number) in enumerate(a.inputs) if (array := run.array("values", number)) is not None}
    return again(b.index, given)
