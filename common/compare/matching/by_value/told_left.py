"""What no way was found for, told by place: which layers are each other's but differ in size, and which are alone."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from ..left import Lone, Misfit
from .leftovers import IMPOSSIBLE, alike
from .owners import Owner
from .search import Pair, Result

NEAR = 3  # known layers that may lie between counterparts of other names

Owners = Mapping[str, Owner]
Lacking = dict[str, set[str]]  # layer → its weights that are left


def left_told(found: Result, a: Owners, b: Owners) -> tuple[list[Misfit], list[Lone]]:
    """Misfits, and what has no counterpart, in the order of execution.

    Args:
        a, b: all owners of either side.
    """
    left: tuple[Lacking, Lacking] = (defaultdict(set), defaultdict(set))
    for lacking, owners in zip(left, found.left, strict=True):
        for owner in owners:
            lacking[owner.path] |= owner.trained.keys()
    known = _without_doubtful(found.pairs, left)
    layers = [[side[path] for path in lacking if path in side] for side, lacking in zip((a, b), left, strict=True)]
    misfits: list[Misfit] = []
    for x, y in _counterparts(layers[0], layers[1], known):
        for leaf in sorted(left[0][x.path] & left[1][y.path], reverse=True):  # a weight before its bias
            one, other = x.trained[leaf], y.trained[leaf]
            if one.shape != other.shape:
                misfits.append(Misfit((x.path, y.path), x.kind, (one.weight, other.weight), (one.shape, other.shape)))
            left[0][x.path].discard(leaf)
            left[1][y.path].discard(leaf)
    return misfits, [each for side, owners in enumerate((a, b)) for each in _alone(side, owners, left[side])]


def _without_doubtful(pairs: Sequence[Pair], left: tuple[Lacking, Lacking]) -> list[Pair]:
    """The pairs but for those that size alone made, of weights of two kinds of layers or of other names: where a layer
    is left in part, what was taken of it so is left as well."""
    known, doubtful = list(pairs), True
    while doubtful:
        doubtful = [
            (owner, each)
            for owner, each in known
            if (each.owner.path in left[0] or owner.path in left[1])
            and each.how not in ("map", "name", "value")
            and (each.owner.kind, each.owner.trained.keys()) != (owner.kind, owner.trained.keys())
        ]
        for owner, each in doubtful:
            left[0][each.owner.path] |= each.owner.trained.keys()
            left[1][owner.path] |= owner.trained.keys()
        known = [pair for pair in known if pair not in doubtful]
    return known


def _counterparts(a: Sequence[Owner], b: Sequence[Owner], pairs: Sequence[Pair]) -> list[tuple[Owner, Owner]]:
    """Layers that lie at one place among those that are known, the likeliest for all at once."""
    if not a or not b:
        return []
    ranks = _in_one_order([(each.owner.order, owner.order) for owner, each in pairs])
    at = [[bisect_left(rank, owner.order) for owner in side] for rank, side in zip(ranks, (a, b), strict=True)]
    costs = np.full((len(a), len(b)), IMPOSSIBLE)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            apart = abs(at[0][i] - at[1][j])
            if x.path == y.path or (apart <= NEAR and _of_one_form(x, y)):
                costs[i, j] = apart + (x.kind != y.kind) + _axes_apart(x, y) + 1 - alike(x.path, y.path)
    return [(a[i], b[j]) for i, j in zip(*linear_sum_assignment(costs), strict=True) if costs[i, j] < IMPOSSIBLE]


def _axes_apart(x: Owner, y: Owner) -> int:
    """How many axes of the weights that both have differ in length."""
    both = x.trained.keys() & y.trained.keys()
    pairs = ((x.trained[leaf].shape, y.trained[leaf].shape) for leaf in both)
    return sum(one != other for shapes in pairs for one, other in zip(*shapes, strict=False))


def _in_one_order(orders: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """The places of both sides of as many pairs as come in one order on both: what never ran has no place."""
    tails: list[int] = []  # of the shortest-lasting chain of each length, the last place on the second side
    chains: list[tuple] = []
    for x, y in sorted(set(orders), key=lambda each: (each[0], -each[1])):
        length = bisect_left(tails, y)
        chain = ((x, y), chains[length - 1] if length else None)
        tails[length : length + 1], chains[length : length + 1] = [y], [chain]
    chain = chains[-1] if chains else None
    kept: list[tuple[int, int]] = []
    while chain is not None:
        kept.append(chain[0])
        chain = chain[1]
    return sorted(x for x, _ in kept), sorted(y for _, y in kept)


def _of_one_form(x: Owner, y: Owner) -> bool:
    """Whether the weights that both have lie in as many axes, those of length one aside."""
    both = x.trained.keys() & y.trained.keys()
    axes = [[sum(length > 1 for length in owner.trained[leaf].shape) for leaf in both] for owner in (x, y)]
    return bool(both) and axes[0] == axes[1]


def _alone(side: int, owners: Owners, lacking: Lacking) -> list[Lone]:
    told: list[Lone] = []
    for path, owner in owners.items():
        leaves = lacking.get(path, set())
        if leaves and leaves >= owner.trained.keys():
            told.append(Lone(side, path, owner.kind))
        else:
            told += [Lone(side, path, owner.kind, leaf) for leaf in sorted(leaves, reverse=True)]
    return told
