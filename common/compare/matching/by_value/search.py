"""The search for the matching with which the ends agree: a run in which layers are recognised, then what was left open.

Layers that are given the same each agree by themselves under every assignment: queries and keys, branches, parts of a
packed layer. They are settled where they meet, by what the next layer is given, all groups of a model in one run; and
at last by what the model gives.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, permutations, product

import numpy as np

from ..layouts import layout_between
from .fills import fills
from .leftovers import match_leftovers
from .meeting import Observed, exchanges, recognised
from .owners import Owner
from .pieces import Move
from .trial import Found, Given, Key, Trial

MOST_RUNS = 40
LONGEST = 30.0  # seconds of filling otherwise
MOST_LOOSE = 12  # weights that only size and place tell, and ways to fill each, that are tried
MOST_MEMBERS = 5  # of a group, all of whose orders are tried

Pair = tuple[Owner, Found]  # b's owner, and what was found for it


@dataclass
class Taking:
    """The side that takes the weights, as a model that can be run.

    Attributes:
        owners, units: as `owners_of` and `units_of` give them. splits: rows of its packed layers, found by a pass.
        attempt: runs the model, asking a trial at each call of a unit; the outputs. run: with weights filled in.
        observe: the same, and all of its calls and values.
    """

    owners: Mapping[str, Owner]
    units: Mapping[str, list[Owner]]
    splits: Callable[[], dict[str, list[tuple[int, ...]]]]
    attempt: Callable[[Trial], list[np.ndarray]]
    run: Callable[[list[Move]], list[np.ndarray]]
    observe: Callable[[list[Move]], Observed]


@dataclass
class Result:
    """What was found: b's owner with a's, what is left on either side, and whether the ends agree so.

    `tried`: owners of b that could each be another, and were settled by trying.
    """

    pairs: list[tuple[Owner, Found]]
    left: tuple[list[Owner], list[Owner]]
    agrees: bool
    tried: set[Key] = field(default_factory=set)

    @property
    def moves(self) -> list[Move]:
        return [move for _, found in self.pairs for move in found.moves]


def search(
    a: Given, b: Taking, ends: Sequence[np.ndarray], settled: dict[str, Found], proposed: Mapping[str, str]
) -> Result:
    """Find which layer of a is which of b.

    Args:
        ends: what a gives. settled: pairs that nobody doubts, by b's owner. proposed: likely ones, b's → a's.
    """
    searching = _Searching(a, b, ends, settled, proposed)
    return searching.best()


class _Searching:
    def __init__(self, a: Given, b: Taking, ends, settled, proposed) -> None:
        self.a, self.b, self.ends, self.settled, self.proposed = a, b, ends, settled, proposed
        free = [
            sorted(owner.sizes for path, owner in side.items() if owner.trained and path not in known)
            for side, known in (
                (a.owners, {found.owner.path for found in settled.values()}), (b.owners, settled)
            )
        ]  # fmt: skip
        self.deadline = time.monotonic() + LONGEST
        self.splits = b.splits() if free[0] != free[1] else {}

    def best(self) -> Result:
        first, trial = self._attempt({})
        if first.agrees or any(first.left):
            return first
        better = self._rearranged(first)
        if better.agrees or not trial.groups:
            return better
        for owner, found in better.pairs:  # what lies beside all layers is filled from now on
            bare = owner.part < 0 and found.owner.part < 0 and owner.key not in trial.found
            if bare and owner.path not in self.settled:
                self.settled[owner.path] = found
        return self._settled_where_they_meet(better, trial) or better

    def _settled_where_they_meet(self, result: Result, trial: Trial) -> Result | None:
        """What comes of exchanging layers that are given the same, until the ends agree; None where they never do."""
        orders = {key: _orders(members, trial) for key, members in trial.groups.items()}
        forced: dict[Key, Key] = {}
        for _ in range(MOST_RUNS):
            wanted = exchanges(self.a, self.b.observe(result.moves), trial)
            if wanted and not wanted.items() <= forced.items():
                forced |= wanted
            else:
                wrong = [key for key in orders if key in trial.groups and _goes_wrong(key, trial, self.b.units)]
                ways = [way for key in wrong or list(orders)[-1:] if (way := next(orders[key], None)) is not None]
                if not ways:
                    return None
                for way in ways:
                    forced |= way
            result, trial = self._attempt(forced)
            result = result if result.agrees or any(result.left) else self._rearranged(result)
            if result.agrees:
                return result
        return None

    def _rearranged(self, first: Result) -> Result:
        """What nothing but size and place told, filled in another way or exchanged, where more is recognised so."""
        pairs = list(first.pairs)
        loose = [place for place, (_, found) in enumerate(pairs) if found.how in ("order", "only one of its kind")]
        loose = sorted(loose, key=lambda place: pairs[place][0].order)[:MOST_LOOSE]
        best = self._score(pairs) if loose else (False, 0)
        while not best[0] and (better := next(self._improved(pairs, best, loose), None)) is not None:
            best, pairs = better
        return replace(first, pairs=pairs, agrees=best[0])

    def _improved(self, pairs: list[Pair], best: tuple[bool, int], loose: list[int]) -> Iterator:
        """Changes with which more is recognised: the score, and the pairs."""
        for place in loose:
            for change in self._changes(pairs, place, loose):
                changed = [change.get(at, pair) for at, pair in enumerate(pairs)]
                score = self._score(changed)
                if score > best:
                    yield score, changed
                if time.monotonic() > self.deadline:
                    return

    def _changes(self, pairs: list[Pair], place: int, loose: list[int]) -> Iterator[dict[int, Pair]]:
        owner, found = pairs[place]
        for moves in islice(fills(found.owner, owner), MOST_LOOSE):
            if moves != found.moves:
                yield {place: (owner, replace(found, moves=moves))}
        for other in loose:
            theirs, its = pairs[other]
            if other > place and theirs.sizes == owner.sizes:
                ways = product(fills(its.owner, owner), list(fills(found.owner, theirs)))
                for moves, back in islice(ways, MOST_LOOSE):
                    yield {
                        place: (owner, Found(its.owner, moves, "order")),
                        other: (theirs, Found(found.owner, back, "order")),
                    }

    def _score(self, pairs: list[Pair]) -> tuple[bool, int]:
        """Whether the ends agree, and how many values are recognised."""
        seen = self.b.observe([move for _, found in pairs for move in found.moves])
        return _agree(self.ends, seen.outputs), sum(map(bool, recognised(self.a, seen).values()))

    def _attempt(self, forced: Mapping[Key, Key]) -> tuple[Result, Trial]:
        trial = Trial(self.a, self.b.units, self.splits, self.proposed, dict(self.settled), forced)
        made = self.b.attempt(trial)
        pairs = [(self._owner_of(key), found) for key, found in trial.found.items()]
        left = self._left(trial)
        more, *left = match_leftovers(*left)
        tried = {owner.key for members in trial.groups.values() if len(members) > 1 for owner in members}
        result = Result(pairs + more, (left[0], left[1]), False, tried)
        if trial.forced_outputs or more:
            made = self.b.run(result.moves)
        result.agrees = _agree(self.ends, made)
        return result, trial

    def _owner_of(self, key: Key) -> Owner:
        path, part = key
        return self.b.owners[path] if part < 0 else self.b.owners[path].parts(self.splits[path])[part]

    def _left(self, trial: Trial) -> tuple[list[Owner], list[Owner]]:
        """Owners that nobody was found for; of one that was taken apart, the parts that were not taken."""
        left: list[Owner] = []
        for path, owner in self.a.owners.items():
            parts = owner.parts(self.a.splits[path]) if path in self.a.splits else []
            if (path, -1) in trial.taken:
                continue
            if any(part.key in trial.taken for part in parts):
                left += [part for part in parts if part.key not in trial.taken]
            else:
                left.append(owner)
        found = {path for path, _ in trial.found}
        return left, [owner for path, owner in self.b.owners.items() if path not in found]


def _orders(members: Sequence[Owner], trial: Trial) -> Iterator[dict[Key, Key]]:
    """Every other way to assign what the members of a group were recognised as."""
    keys = [owner.key for owner in members if owner.key in trial.found]
    known = [trial.found[key].owner.key for key in keys]
    ways = permutations(known) if len(keys) <= MOST_MEMBERS else iter([])
    next(ways, None)
    return (dict(zip(keys, way, strict=True)) for way in ways)


def _goes_wrong(key: tuple, trial: Trial, units: Mapping[str, list[Owner]]) -> bool:
    """Whether the layers between a group and the next one are not given what a's layers were."""
    unit_of = {owner.path: unit for unit, owners in units.items() for owner in owners}
    places = {unit: place for place, (unit, _) in enumerate(trial.log)}
    ends = {
        each: (min(at), max(at))
        for each, members in trial.groups.items()
        if len(members) > 1 and (at := [places[unit_of[owner.path]] for owner in members])
    }
    if key not in ends:
        return False
    last = ends[key][1]
    following = min((first for first, _ in ends.values() if first > last), default=len(trial.log))
    return any(not well for _, well in trial.log[last + 1 : following])


def _agree(ends: Sequence[np.ndarray], made: Sequence[np.ndarray]) -> bool:
    """Whether two models give the same, output by output, each in one order."""
    if len(ends) != len(made) or not ends:
        return False
    for one, other in zip(ends, made, strict=True):
        layout = layout_between(one, other)
        if layout is None or not layout.in_order:
            return False
    return True
