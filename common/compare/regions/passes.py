"""One pass as a graph of calls and values, without gaps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...traces.reading import Call, Run


class Pass:
    """The calls of one side that make its values, in the order of execution.

    A layer that made a value which nothing inside it was seen to make is itself the call, and what is inside is left
    out: so every value has a maker, or comes from outside.

    Attributes:
        maker: value → the call that made it. consumers: value → the calls that were given it, with the place there.
    """

    def __init__(self, run: Run, inside: bool = False) -> None:
        self.run = run
        self.calls = list(_makers(run, inside))
        self.maker: dict[int, Call] = {}
        self.consumers: dict[int, list[tuple[Call, int]]] = {}
        for call in self.calls:
            given = {number for _, number in call.inputs}
            for _, number in call.outputs:
                if number not in given:
                    self.maker.setdefault(number, call)
            for place, (_, number) in enumerate(call.inputs):
                self.consumers.setdefault(number, []).append((call, place))
        self.outputs = [number for _, number in run.outputs]

    def source(self, number: int) -> str:
        """Where a value comes from: "input", "weight", "constant" or "call"."""
        return self.run.sources.get(number, "constant").partition(" ")[0]

    def values(self) -> list[int]:
        """All values but weights, in the order in which they came about."""
        met = dict.fromkeys(number for call in self.calls for _, number in (*call.inputs, *call.outputs))
        return sorted(number for number in [*met, *self.outputs] if self.source(number) != "weight")

    def made_of(self, starts: Iterable[int], ends) -> tuple[list[Call], list[int]]:
        """What makes some values: the calls, and the values where `ends` says to look no further."""
        calls, seen, stopped, waiting = {}, set(), [], list(starts)
        while waiting:
            number = waiting.pop()
            if number in seen:
                continue
            seen.add(number)
            call = self.maker.get(number)
            if ends(number) or call is None:
                stopped.append(number)
                continue
            calls[call.index] = call
            waiting += [given for _, given in call.inputs]
        return [calls[index] for index in sorted(calls)], stopped

    def after(self, start: int) -> set[int]:
        """All values that are computed from one."""
        found, waiting = set(), [start]
        while waiting:
            for call, _ in self.consumers.get(waiting.pop(), ()):
                new = [number for _, number in call.outputs if number not in found and number != start]
                found.update(new)
                waiting += new
        return found


def _makers(run: Run, inside: bool) -> Iterator[Call]:
    wanted = {int(source[5:]) for source in run.sources.values() if source.startswith("call ")}
    whole: set[int] = set()
    opened = {call.parent for call in run.every_call} if inside else set()
    for call in run.every_call if inside else run.calls:
        if call.parent in whole:
            whole.add(call.index)
        elif not call.leaf and call.index in wanted:
            whole.add(call.index)
            yield call
        elif call.leaf and call.outputs and call.index not in opened:
            yield call
