"""Where the ends part: the first region that differs, with what is in it on both sides; set right, and on to the next.

Only calls that an end which parts comes from, through values that part, are looked at: what parts elsewhere is a
rewriting. No call is taken for a fault that agrees when it is given what its counterpart is given.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from ...dictionary.index import MOVES
from ...traces.reading import Call
from ..matching.calls import CallPair
from ..matching.values import distance
from .cuts import Cuts
from .faults import ONE_SIDED, OTHER_INPUTS, OTHER_STEPS, SAME_CALL, Fault, Located
from .hypotheses import Hypothesis, hypotheses
from .innocent import innocent, rearranged, turned
from .second_side import ALONE, Again, SecondSide, made_of
from .told import as_told
from .trials import Trials, near

MOST_FAULTS, MOST_TRIALS, SECONDS = 8, 400, 6.0


def locate(
    cuts: Cuts, ends: Sequence[tuple[int, int]], pairs: Sequence[CallPair] = (), again: Again | None = None
) -> Located:
    """The faults that make some ends part.

    Args:
        ends: values of both sides that should agree and do not. pairs: calls that are counterparts of one another.
        again: makes calls of the second side again; without it, only the first fault is told, from the traces alone.
    """
    return _Search(cuts, ends, pairs, again).run()


class _Search:
    def __init__(self, cuts: Cuts, ends: Sequence[tuple[int, int]], pairs: Sequence[CallPair], again) -> None:
        self.cuts, self.pairs, self.again = cuts, pairs, again
        self.first, self.second = cuts.sides
        self.now = SecondSide(cuts, again)
        self.ends = {y: x for x, y in ends}
        for y in self.ends:  # an end that parts does so whatever it holds
            if cuts.pairing.of[1].get(y, -1) in cuts.parted:
                self.now.fine[y] = False
        self.left, self.stop = MOST_TRIALS, time.monotonic() + SECONDS

    def run(self) -> Located:
        located = Located()
        for number in range(MOST_FAULTS):
            touched = self._touched()
            if not number:
                a, b = (frozenset(its) | {call.inside for call in its.values()} for its in touched)
                located.touched = a, b
            found = self._next(touched)
            if found is None:
                break
            located.faults += found
            if self.again is None or not found[0].confirmed or not self.now.go_on():
                break
            self.ends = {y: x for y, x in self.ends.items() if not self._well(x, y)}
            if not self.ends or time.monotonic() > self.stop:
                break
        located.faults = as_told(self.cuts, located.faults, self.pairs)
        return located

    def _well(self, x: int, y: int) -> bool:
        wanted = self.first.run.array("values", x)
        return wanted is not None and near(wanted, self.now.array(y))

    def _touched(self) -> tuple[dict[int, Call], dict[int, Call]]:
        """For each side the calls from which a parting end is reached through values that part."""
        a, _ = self.first.made_of(self.ends.values(), self.now.first_given)
        b, _ = self.second.made_of(self.ends, self.now.given)
        return {call.index: call for call in a}, {call.index: call for call in b}

    def _next(self, touched: tuple[dict[int, Call], dict[int, Call]]) -> list[Fault] | None:
        if not any(touched):
            return rearranged(self.now, self.ends)
        frontier = self._frontier(touched)
        if self.again is None:
            return self._from_traces(frontier)
        found = innocent(self.now, frontier)
        found = found or turned(self.now, touched[1], self.ends)
        if found is not None:
            return [found]
        confirmed = self._confirmed(touched)
        return confirmed or self._from_traces(frontier)

    def _frontier(self, touched: tuple[dict[int, Call], dict[int, Call]]) -> tuple[list[Call], list[Call]]:
        """Calls that part though all that they are given agrees or comes from outside."""
        a = [call for call in touched[0].values() if all(self.now.first_given(number) for _, number in call.inputs)]
        b = [call for call in touched[1].values() if all(self.now.given(number) for _, number in call.inputs)]
        return a, b

    def _confirmed(self, touched: tuple[dict[int, Call], dict[int, Call]]) -> list[Fault] | None:
        trials = Trials(self.now, self.ends)
        for tried in hypotheses(self.now, touched, self.ends):
            if trials.made > self.left or time.monotonic() > self.stop:
                break
            right = trials.leads_on(tried.u, tried.place, set(touched[1]))
            if right is None:
                continue
            self.left -= trials.made
            array, passed = right
            fault = self._fault(tried, array, passed)
            trials.put(tried.u, tried.place, array, set(touched[1]))
            told = self._taken_apart(fault)
            return [*told, *self._alike(told[0])]
        self.left -= trials.made
        return None

    def _fault(self, tried: Hypothesis, array: np.ndarray, passed: Sequence[Call]) -> Fault:
        a, b = (tuple(self._telling(side, calls)) for side, calls in enumerate(tried.calls))
        b += tuple(call for call in passed if call.kind not in MOVES)
        was = self.now.array(tried.place.number)
        error = distance(array, was) if was is not None and was.shape == array.shape else np.inf
        alike = len(a) == len(b) == 1 and a[0].kind == b[0].kind
        how = ONE_SIDED if not (a and b) else SAME_CALL if alike else OTHER_STEPS
        indices = tuple(tuple(dict.fromkeys(call.index for call in calls)) for calls in (a, b))
        return Fault(how, (indices[0], indices[1]), float(error), True)

    def _telling(self, side: int, calls: Sequence[Call]) -> list[Call]:
        """The calls of a region but for those that change nothing, and those that only bring weights into order."""
        told = [
            call
            for call in calls
            if not self.cuts.changes_nothing(side, call)
            and not (call.kind in MOVES and all(self._weight(side, number) for _, number in call.inputs))
        ]
        return told or list(calls)

    def _weight(self, side: int, number: int) -> bool:
        return self.cuts.sides[side].source(number) == "weight"

    def _taken_apart(self, fault: Fault) -> list[Fault]:
        """A region without the calls that agree once they are given what their counterparts are; those that do not are
        faults of their own, where no other is left."""
        if fault.how != OTHER_STEPS:
            return [fault]
        (first, second), (ours, theirs) = self.cuts.sides, fault.calls
        a, b = ([call for call in side.calls if call.index in its] for side, its in ((first, ours), (second, theirs)))
        found: list[Fault] = []
        parting: tuple[set[int], set[int]] = (set(), set())  # pairs of one kind that do not agree
        for call in list(a):
            other = next((each for each in b if each.kind == call.kind and each.index not in parting[1]), None)
            error = None if other is None else alone(self.now, call, other)
            if other is None or error is None:
                continue
            if error <= ALONE:
                a.remove(call)
                b.remove(other)
                continue
            parting[0].add(call.index)
            parting[1].add(other.index)
            found.append(Fault(SAME_CALL, ((call.index,), (other.index,)), error, True, alone=error))
        if not (a or b):
            return [fault]
        if found and all(call.index in parting[side] for side, calls in enumerate((a, b)) for call in calls):
            return found
        how = OTHER_STEPS if a and b else ONE_SIDED  # what is left may be one call with another inside it
        return [Fault(how, (tuple(call.index for call in a), tuple(call.index for call in b)), fault.error, True)]

    def _alike(self, fault: Fault) -> list[Fault]:
        """Other pairs of calls of the kind that was found, which part on the same inputs: they share its cause."""
        if fault.how != SAME_CALL:
            return []
        kind = next(call.kind for call in self.first.calls if call.index == fault.calls[0][0])
        made = {call.index: call for call in self.second.calls}
        found = []
        for pair in self.pairs:
            index = pair.b.index
            if pair.a.kind != kind or pair.b.kind != kind or index == fault.calls[1][0] or index not in made:
                continue
            if pair.ends_b is not None or pair.a.index not in {call.index for call in self.first.calls}:
                continue
            error = self._by_itself(pair)
            if error is not None and error > ALONE:
                found.append(Fault(SAME_CALL, ((pair.a.index,), (index,)), error, True, alone=error))
                for (_, x), (_, y) in zip(pair.a.outputs, pair.b.outputs, strict=False):
                    array = self.first.run.array("values", x)
                    if array is not None:
                        self.now.set_right(y, array)
        return found

    def _by_itself(self, pair: CallPair) -> float | None:
        return alone(self.now, pair.a, pair.b)

    def _from_traces(self, frontier: tuple[list[Call], list[Call]]) -> list[Fault] | None:
        """The first calls that part, as far as the traces tell: also a call that one side alone has."""
        a, b = (calls[0] if calls else None for calls in frontier)
        if a is None or b is None:
            only = a or b
            return None if only is None else [self._told(a, b, ONE_SIDED)]
        if a.kind == b.kind:
            agrees = (error := alone(self.now, a, b)) is not None and error <= ALONE
            return [self._told(a, b, OTHER_INPUTS if agrees else SAME_CALL)]
        if any(call.kind == b.kind for _, number in a.outputs for call, _ in self.first.consumers.get(number, ())):
            return [self._told(a, None, ONE_SIDED)]
        if any(call.kind == a.kind for _, number in b.outputs for call, _ in self.second.consumers.get(number, ())):
            return [self._told(None, b, ONE_SIDED)]
        return [self._told(a, b, OTHER_STEPS)]

    def _told(self, a: Call | None, b: Call | None, how: str) -> Fault:
        sides = [(self.first, a), (self.second, b)]
        made = [(side, call.outputs[0][1]) for side, call in sides if call is not None and call.outputs]
        arrays = [side.run.array("values", number) for side, number in made]
        if len(arrays) == 1:  # by what it changes
            side, call = next(each for each in sides if each[1] is not None)
            arrays += [side.run.array("values", number) for _, number in (call.inputs[:1] if call else ())]
        x, y = arrays if len(arrays) == 2 else (None, None)
        error = distance(x, y) if x is not None and y is not None and x.shape == y.shape else np.inf
        calls = tuple(() if call is None else (call.index,) for call in (a, b))
        return Fault(how, (calls[0], calls[1]), float(error))


def alone(now: SecondSide, a: Call, b: Call) -> float | None:
    """How far what b's call makes of a's inputs is from what a's makes; None where it cannot be made so."""
    run, errors = now.cuts.sides[0].run, []
    for (_, number), out in zip(a.outputs, made_of(run, a, b, now.again) or [], strict=False):
        wanted = run.array("values", number)
        if wanted is not None:
            errors.append(distance(wanted, out) if wanted.shape == out.shape else np.inf)
    return float(max(errors)) if errors else None
