"""Which call of one pass is which call of the other: layers as they were matched, the rest by kind and order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...dictionary.index import MOVES
from ...traces.reading import Call, Run

LEFT_OUT, MOVE_LEFT_OUT = 1.0, 0.2  # cost of a call without counterpart
OTHER_KIND, OTHER_SHAPE = 1.6, 0.6  # cheaper than two calls left out, dearer than one
FORBIDDEN = 9.0


@dataclass(frozen=True)
class CallPair:
    """Two calls that are the same step of the computation. `ends_b`: the later call of b that a's call includes, such
    as the activation that Paddle's older BatchNorm ends with."""

    a: Call
    b: Call
    ends_b: Call | None = None

    @property
    def name(self) -> str:
        """How the step is called in a report: the layer's path, or the function and where it is called."""
        return call_name(self.a)

    @property
    def out_b(self) -> Call:
        return self.ends_b or self.b

    @property
    def other_settings(self) -> tuple[str, ...]:
        """The settings that both calls have, and that differ."""
        a, b = self.a.settings, self.b.settings
        return tuple(name for name in a if name in b and not _alike(a[name], b[name]))

    @property
    def cause(self) -> tuple | None:
        """What calls share that part for one cause: what they compute, and the settings that differ; None of no
        such."""
        told = [(name, str(self.a.settings[name]), str(self.b.settings[name])) for name in self.other_settings]
        return (self.a.kind, self.b.kind, *told) if told else None


def _alike(x: Any, y: Any) -> bool:
    """Whether two settings are equal; 2 is [2, 2]."""
    x, y = (
        [value] * len(other) if isinstance(other, list) and not isinstance(value, list) else value
        for value, other in ((x, y), (y, x))
    )
    return x == y


def call_name(call: Call) -> str:
    again = f" (call {call.turn + 1})" if call.turn else ""
    if call.module:
        return f"{call.path or call.label}{again}"
    inside = f" in {call.path}" if call.path else ""
    return f"{call.label}{inside}" + (f" at {call.where}" if call.where else "")


def pair_calls(run_a: Run, run_b: Run, layers: Mapping[str, str]) -> tuple[list[CallPair], list[Call], list[Call]]:
    """Pairs in a's order, and the calls of either side that have no counterpart.

    Args:
        layers: path of a layer in a → its path in b.
    """
    a, b = ([call for call in run.calls if call.leaf and call.outputs] for run in (run_a, run_b))
    at = {(call.path, call.turn): place for place, call in enumerate(b) if call.module}
    pins = []
    for place, call in enumerate(a):
        other = at.get((layers.get(call.path, call.path), call.turn)) if call.module else None
        if other is not None and (call.path in layers or b[other].kind == call.kind):
            pins.append((place, other))
    pairs = dict(pins)
    in_order = _rising(pins)
    free_b = [place for place in range(len(b)) if place not in set(pairs.values())]
    for (start_a, start_b), (end_a, end_b) in zip([(-1, -1), *in_order], [*in_order, (len(a), len(b))], strict=True):
        ours = [place for place in range(start_a + 1, end_a) if place not in pairs]
        theirs = [place for place in free_b if start_b < place < end_b]
        for x, y in _aligned([a[p] for p in ours], [b[p] for p in theirs], run_a, run_b):
            pairs[ours[x]] = theirs[y]
    _by_inputs(a, b, pairs)
    used = set(pairs.values())
    made, swallowed = [], set()
    for x, y in sorted(pairs.items()):
        ends = _fused(a[x], b[y], b)
        swallowed |= {ends.index} if ends else set()
        made.append(CallPair(a[x], b[y], ends))
    left = [call for place, call in enumerate(a) if place not in pairs]
    right = [call for place, call in enumerate(b) if place not in used and call.index not in swallowed]
    made = [pair for pair in made if pair.b.index not in swallowed]
    return made, left, right


def _by_inputs(a: list[Call], b: list[Call], pairs: dict[int, int]) -> None:
    """Pair what is left where kind and inputs correspond: a branch may run at another time."""
    same: dict[int, int] = {}
    for x, y in pairs.items():
        same |= _corresponding(a[x], b[y])
    free = [place for place in range(len(b)) if place not in set(pairs.values())]
    for x, call in enumerate(a):
        if x in pairs:
            continue
        given = [same.get(number) for _, number in call.inputs]
        for y in free:
            if b[y].kind == call.kind and given and given == [number for _, number in b[y].inputs]:
                pairs[x] = y
                free.remove(y)
                same |= _corresponding(call, b[y])
                break


def _corresponding(x: Call, y: Call) -> dict[int, int]:
    """Value of a → value of b, of a pair's inputs (where they are as many) and outputs."""
    numbers = [(x.outputs, y.outputs)] + ([(x.inputs, y.inputs)] if len(x.inputs) == len(y.inputs) else [])
    return {m: n for first, second in numbers for (_, m), (_, n) in zip(first, second, strict=False)}


def _rising(pins: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of the pins that rises on both sides: parallel branches may run in another order."""
    tails: list[int] = []
    ends: list[int] = []
    back = [-1] * len(pins)
    for n, (_, y) in enumerate(pins):
        at = bisect_left(tails, y)
        back[n] = ends[at - 1] if at else -1
        tails[at : at + 1], ends[at : at + 1] = [y], [n]
    chain = []
    n = ends[-1] if ends else -1
    while n >= 0:
        chain.append(pins[n])
        n = back[n]
    return chain[::-1]


def _aligned(a: list[Call], b: list[Call], run_a: Run, run_b: Run) -> list[tuple[int, int]]:
    """The cheapest way through two sequences of calls, as places that belong together."""
    if not a or not b:
        return []
    shapes_a, shapes_b = [_shapes(run_a, call) for call in a], [_shapes(run_b, call) for call in b]
    cost = [[0.0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        cost[i][0] = cost[i - 1][0] + _left_out(a[i - 1])
    for j in range(1, len(b) + 1):
        cost[0][j] = cost[0][j - 1] + _left_out(b[j - 1])
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            both = cost[i - 1][j - 1] + _apart(a[i - 1], b[j - 1], shapes_a[i - 1], shapes_b[j - 1])
            cost[i][j] = min(both, cost[i - 1][j] + _left_out(a[i - 1]), cost[i][j - 1] + _left_out(b[j - 1]))
    aligned, i, j = [], len(a), len(b)
    while i and j:
        apart = _apart(a[i - 1], b[j - 1], shapes_a[i - 1], shapes_b[j - 1])
        if apart < FORBIDDEN and abs(cost[i][j] - cost[i - 1][j - 1] - apart) < 1e-9:
            i, j = i - 1, j - 1
            aligned.append((i, j))
        elif abs(cost[i][j] - cost[i - 1][j] - _left_out(a[i - 1])) < 1e-9:
            i -= 1
        else:
            j -= 1
    return aligned[::-1]


def _shapes(run: Run, call: Call) -> list:
    return [run.shape("values", number) for _, number in call.outputs]


def _left_out(call: Call) -> float:
    return MOVE_LEFT_OUT if call.kind in MOVES else LEFT_OUT


def _apart(a: Call, b: Call, shapes_a: list, shapes_b: list) -> float:
    same = shapes_a[:1] == shapes_b[:1]
    if a.kind == b.kind:
        return 0.0 if same else OTHER_SHAPE
    moves = (a.kind in MOVES) + (b.kind in MOVES)
    return OTHER_KIND if same and not moves else FORBIDDEN


def _fused(a: Call, b: Call, calls_b: list[Call]) -> Call | None:
    """The activation after b that a's call includes."""
    activation = a.settings.get("activation")
    if not isinstance(activation, str) or b.settings.get("activation"):
        return None
    made = {number for _, number in b.outputs}
    return next(
        (call for call in calls_b if call.kind == activation and any(number in made for _, number in call.inputs)), None
    )
