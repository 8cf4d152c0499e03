"""Where a model computes in less than float32 by itself: under autocast, or in a type that it casts to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ...errors import listed
from ...traces.plan import LOW
from ...traces.reading import Call, Run
from .. import wording
from ..facts import OtherPrecision
from ..matching.calls import CallPair, call_name

if TYPE_CHECKING:
    from .sides import Sides

LISTED = 6  # calls in one note


class Lowered:
    """What each call of a pass was computed in, on both sides, where that is less than float32.

    A pass in float64 is one throughout, so that this is seen in the next lower one. What autocast asks for counts where
    it has no effect at all on a side: on a CPU Paddle has none.
    """

    def __init__(self, sides: Sides) -> None:
        self.names = sides.names
        dtype = sides.lower or sides.dtype
        self.calls = [{} if dtype in LOW else _lowered(runs[dtype]) for runs in sides.runs]

    def of(self, pair: CallPair) -> list[str]:
        """The precision of a pair of calls on each side; empty: none that is lower."""
        ends = (pair.a, pair.out_b)
        return [_precision(calls.get(call.index)) for calls, call in zip(self.calls, ends, strict=True)]

    def cause(self, pair: CallPair) -> OtherPrecision | None:
        """Why a pair of calls loses more on one side: that one alone is computed in less, or what comes before it."""
        ends = (pair.a, pair.out_b)
        each = [calls.get(call.index) for calls, call in zip(self.calls, ends, strict=True)]
        here = any(each)
        if not here:
            each = [_last_before(calls, call.index) for calls, call in zip(self.calls, ends, strict=True)]
        if _precision(each[0]) == _precision(each[1]):
            return None
        told = {name: _precision(call) for name, call in zip(self.names, each, strict=True)}
        asked = any(call.autocast for call in each if call)
        return OtherPrecision(told, asked, "" if here else next(call_name(call) for call in each if call))

    def notes(self) -> Iterator[str]:
        """What was computed in less than float32, and on which sides."""
        for place, name in enumerate(self.names):
            mine, others = self.calls[place], self.calls[1 - place]
            if mine and (place == 0 or not others):
                yield self._note(name, list(mine.values()), others)

    def _note(self, name: str, calls: list[Call], others: Mapping[int, Call]) -> str:
        where = listed(list(dict.fromkeys(call_name(call) for call in calls)), LISTED)
        what = ", ".join(dict.fromkeys(map(_precision, calls)))
        if not others:
            key = "lowered on one side" if any(call.low for call in calls) else "autocast of one side"
            return wording.NOTES[key].format(name, what, where, *(other for other in self.names if other != name))
        idle = [n for n, each in zip(self.names, self.calls, strict=True) if not any(c.low for c in each.values())]
        more = wording.NOTES["autocast without effect"].format(" and ".join(idle)) if idle else ""
        return wording.NOTES["lowered on both sides"].format(what, where) + more


def _lowered(run: Run) -> dict[int, Call]:
    leaves = [call for call in run.calls if call.leaf]
    low = {call.index: call for call in leaves if call.low}
    return low or {call.index: call for call in leaves if call.autocast}


def _last_before(calls: Mapping[int, Call], index: int) -> Call | None:
    return calls.get(max((each for each in calls if each < index), default=-1))


def _precision(call: Call | None) -> str:
    return "" if call is None else call.low or call.autocast
