"""Calls that part though they agree when they are given what their counterparts are: what they are given is in another
order, or a constant differs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...traces.reading import Call
from ..matching.values import distance
from .faults import OTHER_CONSTANT, OTHER_INPUTS, OTHER_VALUE, REARRANGED, Fault
from .second_side import SecondSide, made_of
from .trials import Place, Trials, near

FARTHEST = 64  # calls back


def innocent(now: SecondSide, frontier: tuple[list[Call], list[Call]]) -> Fault | None:
    """The fault above a first parting call that is itself innocent, and what it makes set right; None if none is."""
    for call in frontier[1]:
        for other in frontier[0]:
            if other.kind != call.kind or not _related(now, other, call):
                continue
            made = _on_the_firsts_inputs(now, other, call)
            if made is None:
                continue
            fault = _above(now, other, call)
            if fault is None:
                continue
            for (_, number), array in zip(call.outputs, made, strict=False):
                now.set_right(number, array)
            return fault
    return None


def turned(now: SecondSide, touched: Mapping[int, Call], ends: dict[int, int]) -> Fault | None:
    """What makes a value in another order than the first side, where a first parting call goes on as that does once it
    is given it in its order: a matrix of scores by the queries, not by the keys."""
    trials = Trials(now, ends)
    for call in touched.values():
        if not all(now.given(number) or now.of_constants(number) for _, number in call.inputs):
            continue
        for at, (_, number) in enumerate(call.inputs):
            own, members = now.array(number), now.places.get(number)
            if members is None or own is None or members not in now.common:
                continue
            for x in now.cuts.pairing.classes[members].members[0]:
                array = now.cuts.sides[0].run.array("values", x)
                if array is None or not _other_order(now, x, number):
                    continue
                if trials.leads_on(x, Place(number, call, at), set(touched), [array]) is None:
                    continue
                now.edges[call.index, at] = array
                return _turned(now, x, number, float(distance(array, own)))
    return None


def _turned(now: SecondSide, x: int, y: int, error: float) -> Fault | None:
    moves = _moves(now, x, y)
    if any(moves):
        return Fault(REARRANGED, moves, error, True)
    makers = [side.maker.get(number) for side, number in zip(now.cuts.sides, (x, y), strict=True)]
    for _, one in makers[0].inputs if makers[0] else ():
        for _, other in makers[1].inputs if makers[1] else ():
            if now.places.get(other) == now.cuts.pairing.of[0].get(one) is not None and _other_order(now, one, other):
                return _turned(now, one, other, error)
    a, b = makers
    return Fault(OTHER_INPUTS, ((a.index,), (b.index,)), error, True) if a and b else None


def _other_order(now: SecondSide, x: int, y: int) -> bool:
    first, second = now.cuts.sides[0].run.array("values", x), now.array(y)
    return first is not None and second is not None and first.shape == second.shape and not near(first, second)


def _classes(now: SecondSide, a: Call, b: Call) -> tuple[list, list]:
    of = now.cuts.pairing.of[0]
    return [of.get(number) for _, number in a.inputs], [now.places.get(number) for _, number in b.inputs]


def _related(now: SecondSide, a: Call, b: Call) -> bool:
    """Whether two calls are given something in common."""
    first, second = _classes(now, a, b)
    return len(first) == len(second) and any(place is not None and place in second for place in first)


def _on_the_firsts_inputs(now: SecondSide, a: Call, b: Call) -> list[np.ndarray] | None:
    """What b's call makes of a's inputs, if that is what a's makes."""
    run = now.cuts.sides[0].run
    outs = made_of(run, a, b, now.again)
    wanted = [run.array("values", number) for _, number in a.outputs]
    if outs is None or len(outs) != len(wanted):
        return None
    return outs if all(x is not None and near(x, out) for x, out in zip(wanted, outs, strict=True)) else None


def _above(now: SecondSide, a: Call, b: Call) -> Fault | None:
    first, second = _classes(now, a, b)
    run = now.cuts.sides[0].run
    made, was = run.array("values", a.outputs[0][1]), now.array(b.outputs[0][1])
    error = distance(made, was) if made is not None and was is not None and made.shape == was.shape else np.inf
    if first != second:
        fed_alike = sorted(map(str, first)) == sorted(map(str, second))
        return Fault(OTHER_INPUTS if fed_alike else OTHER_VALUE, ((a.index,), (b.index,)), float(error), True)
    for (_, x), (_, y) in zip(a.inputs, b.inputs, strict=True):
        one, other = run.array("values", x), now.array(y)
        if one is None or other is None or near(one, other):
            continue
        if now.cuts.pairing.of[0].get(x) is None:
            return Fault(OTHER_CONSTANT, ((a.index,), (b.index,)), float(error), True)
        moves = _moves(now, x, y)
        if any(moves):
            return Fault(REARRANGED, moves, float(error), True)
    return None


def _moves(now: SecondSide, x: int, y: int, depth: int = 0) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The calls that rearrange a value on either side after the last point where both have it in one order; where it
    was never in one, those that rearrange what it is made of."""
    chains = [_chain(now, side, number) for side, number in enumerate((x, y))]
    arrays = [
        [(now.cuts.sides[0].run.array("values", n) if side == 0 else now.array(n)) for n, _ in chain]
        for side, chain in enumerate(chains)
    ]
    for length in range(len(chains[0]) + len(chains[1]) - 1):  # the latest point first
        for back in range(length + 1):
            i, j = back, length - back
            if i < len(chains[0]) and j < len(chains[1]) and _one_order(arrays[0][i], arrays[1][j]):
                a, b = (
                    [call.index for _, call in chain[:at] if call] for chain, at in ((chains[0], i), (chains[1], j))
                )
                return tuple(reversed(a)), tuple(reversed(b))
    makers = [side.maker.get(chain[-1][0]) for side, chain in zip(now.cuts.sides, chains, strict=True)]
    if None in makers or depth > FARTHEST:
        return (), ()
    for (_, one), (_, other) in zip(*(maker.inputs for maker in makers if maker), strict=False):
        place = now.places.get(other)
        if place is not None and place == now.cuts.pairing.of[0].get(one):
            first, second = now.cuts.sides[0].run.array("values", one), now.array(other)
            if first is not None and second is not None and not near(first, second):
                return _moves(now, one, other, depth + 1)
    return (), ()


def _chain(now: SecondSide, side: int, number: int) -> list[tuple[int, Call | None]]:
    """A value with the call that made it, the one that it was rearranged from, and so on."""
    graph, places = now.cuts.sides[side], now.cuts.pairing.of[0] if side == 0 else now.places
    chain: list[tuple[int, Call | None]] = []
    while True:
        call = graph.maker.get(number)
        before = [n for _, n in call.inputs if places.get(n) == places.get(number) is not None] if call else []
        chain.append((number, call if before else None))
        if not before or len(chain) > 32:
            return chain
        number = before[0]


def _one_order(a: np.ndarray | None, b: np.ndarray | None) -> bool:
    return a is not None and b is not None and a.size == b.size and near(a.reshape(-1), b.reshape(-1))


def rearranged(now: SecondSide, ends: Mapping[int, int]) -> list[Fault] | None:
    """Ends that hold the same numbers in another order or shape."""
    for y, x in ends.items():
        place = now.places.get(y)
        if place is None or place != now.cuts.pairing.of[0].get(x):
            continue
        moves = _moves(now, x, y)
        if any(moves):
            return [Fault(REARRANGED, moves, np.inf)]
    return None
