"""Layers recognised while a model runs: what a layer is given was made by the other model too, and of the other's
layers that were given it, the one is right with whose weights this one makes what the other made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, permutations

import numpy as np

from ....traces.reading import Call
from ..graph import NEVER
from ..values import ValueTable
from .activated import activated
from .fills import MOST, fills, likeness
from .owners import Owner
from .pieces import Move

NEAREST = 6  # layers that were given something else and are tried all the same
Key = tuple[str, int]
Run = Callable[[list[Move]], list[np.ndarray]]  # what the layer makes of its inputs with weights filled in


@dataclass
class Given:
    """What one side shows: its owners by path, whose packed ones have `splits`; its values by what they hold; its
    calls."""

    owners: dict[str, Owner]
    splits: dict[str, list[tuple[int, ...]]]
    table: ValueTable
    load: Callable[[int], np.ndarray]
    calls: Sequence[Call] = ()


@dataclass
class Found:
    """A pair: the owner in a, how its weights are carried, and how it was found: "value", "order"."""

    owner: Owner
    moves: list[Move]
    how: str


@dataclass
class Trial:
    """One run of b beside a.

    Args:
        units: for each call in b at which layers can be recognised, the owners. splits: rows of packed ones in b.
        proposed: b's owner → a's, likely from names and wiring. settled: pairs that nobody doubts. forced: b's owner →
            a's that it is to be taken for in this run.

    Attributes:
        found: b's owner → what it was recognised as. log: for each call of a unit whether it went well, in order.
        groups: owners of b that were given the same and have the same sizes, so that each could be any of them.
    """

    a: Given
    units: Mapping[str, list[Owner]]
    splits: Mapping[str, list[tuple[int, ...]]]
    proposed: Mapping[str, str] = field(default_factory=dict)
    settled: dict[str, Found] = field(default_factory=dict)
    forced: Mapping[Key, Key] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.found: dict[Key, Found] = {(path, -1): each for path, each in self.settled.items()}
        self.taken: set[Key] = {each.owner.key for each in self.found.values()}
        self.log: list[tuple[str, bool]] = []
        self.groups: dict[tuple, list[Owner]] = {}
        self.forced_outputs = False
        self._done: set[str] = set()
        self._cursor = -1
        self._parts = {path: self.a.owners[path].parts(rows) for path, rows in self.a.splits.items()}

    def at(self, unit: str, given: Sequence[np.ndarray], run: Run) -> list[np.ndarray | None] | None:
        """Recognise the owners at a call; the arrays that its outputs are to become, where they are not a's already."""
        owners = [owner for owner in self.units[unit] if owner.key not in self.found and not self._in_parts(owner)]
        classes = self._classes(given)
        recognised = well = not owners or unit in self._done
        if not well:
            self._done.add(unit)
            recognised = self._recognised(owners, classes, run)
            well = recognised or self._taken_apart(owners, classes, run)
            if not well:
                self._nearest(owners, classes)
        self.log.append((unit, well and bool(classes)))
        known = [self.found[key] for key in self._keys(unit) if key in self.found]
        if owners and recognised:  # just now, and so its weights are there and what it makes is a's
            return self._gone_on(known)
        made = run([move for each in known for move in each.moves])
        if not made or self._holds(made[0]) or self._activated([each.owner for each in known], made[0]):
            return self._gone_on(known)
        if well and any(each.owner.part >= 0 for each in known):
            return None
        self.forced_outputs = True
        return self._as_a_made(known, made)

    def _gone_on(self, known: Iterable[Found]) -> None:
        """What is sought next comes behind these."""
        self._cursor = max([each.owner.order for each in known if each.owner.order < NEVER], default=self._cursor)

    def _keys(self, unit: str) -> list[Key]:
        paths = {owner.path for owner in self.units[unit]}
        return [key for key in self.found if key[0] in paths]

    def _in_parts(self, owner: Owner) -> bool:
        return (owner.path, 0) in self.found

    def _classes(self, given: Sequence[np.ndarray]) -> frozenset[int]:
        return frozenset(number for array in given for number in self.a.table.find(array))

    def _holds(self, array: np.ndarray) -> bool:
        return next(self.a.table.found(array), None) is not None

    def _activated(self, owners: Iterable[Owner], made: np.ndarray) -> bool:
        """Whether a layer makes what the last of a's does, but for an activation that one of them has inside."""
        last = _last(owners)
        if last is None:
            return False
        theirs = self.a.load(last.made[0])
        return activated(made, theirs) or activated(theirs, made)

    def _free(self, sizes: tuple[int, ...]) -> list[Owner]:
        """Owners of a that nobody has taken, and parts, of some sizes; those nearest behind the last one first."""
        begun = {path for path, _ in self.taken}
        whole = [owner for path, owner in self.a.owners.items() if path not in begun]
        parts = [part for path, parts in self._parts.items() if (path, -1) not in self.taken for part in parts]
        free = [owner for owner in (*whole, *parts) if owner.key not in self.taken and owner.sizes == sizes]
        return sorted(free, key=lambda owner: (owner.order < self._cursor, abs(owner.order - self._cursor), owner.part))

    def _likely(self, owner: Owner, classes: frozenset[int]) -> tuple[list[Owner], list[Owner]]:
        """Owners of a that were given the same, and others; the likeliest first."""
        free = self._free(owner.sizes)
        forced, proposed = self.forced.get(owner.key), self.proposed.get(owner.path)
        key = lambda x: (x.key != forced, x.path != proposed, x.kind != owner.kind)  # noqa: E731
        same = sorted((x for x in free if x.given & classes), key=key)
        return same, sorted((x for x in free if not x.given & classes), key=key)

    def _recognised(self, owners: list[Owner], classes: frozenset[int], run: Run) -> bool:
        """Try a's layers in the place of those of one call: all of them together must make what a made."""
        for chosen in islice(self._choices(owners, classes), MOST):
            for moves in islice(self._together(owners, chosen), MOST):
                made = run([move for each in moves for move in each])
                if made and (self._holds(made[0]) or self._activated(chosen, made[0])):
                    self._accept(owners, chosen, moves, classes, "value")
                    return True
        return False

    def _choices(self, owners: list[Owner], classes: frozenset[int]) -> Iterator[tuple[Owner, ...]]:
        if len(owners) == 1:
            same, others = self._likely(owners[0], classes)
            yield from ((x,) for x in (*same, *others[:NEAREST]))
            return
        likely = [(*same, *others) for same, others in (self._likely(owner, classes) for owner in owners)]
        pool = list({x.key: x for each in likely for x in each[: len(owners) + 1]}.values())
        rank = {x.key: place for place, x in enumerate(pool)}
        fitting = (
            chosen
            for chosen in islice(permutations(pool, len(owners)), 50_000)
            if all(x.sizes == y.sizes for x, y in zip(chosen, owners, strict=True))
        )
        yield from sorted(islice(fitting, 4 * MOST), key=lambda chosen: sum(rank[x.key] for x in chosen))

    def _together(self, owners: Sequence[Owner], chosen: Sequence[Owner]) -> Iterator[list[list[Move]]]:
        first = [next(fills(x, y), None) for x, y in zip(chosen, owners, strict=True)]
        if len(owners) == 1:
            yield from ([moves] for moves in fills(chosen[0], owners[0]))
        elif all(each is not None for each in first):
            yield [each for each in first if each is not None]

    def _accept(self, owners, chosen, moves, classes: frozenset[int], how: str) -> None:
        for x, y, each in zip(chosen, owners, moves, strict=True):
            if (how == "value" and len(owners) == 1 and len(self._likely(y, classes)[0]) > 1) or (
                classes,
                y.sizes,
            ) in self.groups:
                self._group(y, classes)
            self.found[y.key] = Found(x, each, how)
            self.taken.add(x.key)

    def _group(self, owner: Owner, classes: frozenset[int]) -> None:
        members = self.groups.setdefault((classes, owner.sizes), [])
        if owner not in members:
            members.append(owner)

    def _taken_apart(self, owners: list[Owner], classes: frozenset[int], run: Run) -> bool:
        """A packed layer of b, whose parts are layers of a: each part of its output must be what one of them made."""
        if len(owners) != 1 or owners[0].path not in self.splits:
            return False
        rows, parts = self.splits[owners[0].path], owners[0].parts(self.splits[owners[0].path])
        chosen: list[Owner] = []
        for part in parts:
            same = [x for x in self._likely(part, classes)[0] if x not in chosen]
            if not same:
                return False
            chosen.append(same[0])
        moves = [next(fills(x, part), []) for x, part in zip(chosen, parts, strict=True)]
        made = run([move for each in moves for move in each])
        if not made or not all(self._holds(array) for array in _columns(made[0], rows)):
            return False
        for part in parts:
            self._group(part, classes)
        self._accept(parts, chosen, moves, classes, "value")
        return True

    def _nearest(self, owners: Iterable[Owner], classes: frozenset[int]) -> None:
        """What nothing was recognised for is taken for the nearest layer that fits."""
        for owner in owners:
            free = self._free(owner.sizes)
            if classes and any(x.kind == "parameter" and len(x.trained) == 1 for x in self.a.owners.values()):
                free = [x for x in free if x.given & classes]  # else it may be one whose weights lie by themselves
            near = [x for x in free if x.given & classes] or free[: 2 * NEAREST]
            best = sorted(
                near,
                key=lambda x: (x.key != self.forced.get(owner.key), x.path != self.proposed.get(owner.path),
                               x.kind != owner.kind, x.order < self._cursor, -round(likeness(x.path, owner.path), 1)),
            )  # fmt: skip
            for x in best:
                moves = next(fills(x, owner), None)
                if moves is not None:
                    self._accept([owner], [x], [moves], frozenset(), "order")
                    break

    def _as_a_made(self, known: list[Found], made: list[np.ndarray]) -> list[np.ndarray | None] | None:
        """What a's layer made, in b's layout, so that what follows is recognised by value again."""
        last = _last(each.owner for each in known)
        if last is None:
            return None
        self._cursor = last.order
        arrays = [self.a.load(number) for number in last.made]
        if len(arrays) < len(made):
            return None
        return [
            array if array.shape == own.shape else _turned(array, own.shape)
            for array, own in zip(arrays, made, strict=False)
        ]


def _last(owners: Iterable[Owner]) -> Owner | None:
    """The layer that is called last, of those that are no part of one."""
    return max(
        (owner for owner in owners if owner.part < 0 and owner.made), key=lambda owner: owner.order, default=None
    )


def _columns(array: np.ndarray, rows: Sequence[Sequence[int]]) -> list[np.ndarray]:
    count = sum(map(len, rows))
    axes = [axis for axis, length in enumerate(array.shape) if axis and length == count]
    return [np.take(array, each, axes[-1]) for each in rows] if axes else [array]


def _turned(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """The array with its axes permuted into a shape, where there is one way to do it."""
    ways = [order for order in permutations(range(array.ndim)) if tuple(array.shape[axis] for axis in order) == shape]
    return array.transpose(ways[0]) if len(ways) == 1 else None
