"""What was not recognised, matched by names, sizes and order together: the cheapest way for all at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from .fills import fills, likeness
from .owners import Owner
from .pieces import Piece
from .trial import Found

NAME, KIND, ORDER = 1.0, 0.3, 0.5  # what other names, kinds and places of two layers cost at most
IMPOSSIBLE = 1e6
Matched = tuple[list[tuple[Owner, Found]], list[Owner], list[Owner]]  # pairs, and what is left on either side


def match_leftovers(a: Iterable[Owner], b: Iterable[Owner]) -> Matched:
    """Pairs, as b's owner and what was found for it; and what is left on either side.

    Layers as a whole first, then weight by weight, then several layers in one: grouped against separate convolutions.
    """
    (a, bare_a), (b, bare_b) = _layers_and_bare(a), _layers_and_bare(b)
    pairs, left, right = _cheapest(a, b)
    more, left, right = _cheapest(_in_order([*_singly(left), *bare_a]), _in_order([*_singly(right), *bare_b]))
    packed, left, right = _packed(left, right)
    return pairs + more + packed, left, right


def _cheapest(a: list[Owner], b: list[Owner]) -> Matched:
    if not a or not b:
        return [], a, b
    costs = np.full((len(a), len(b)), IMPOSSIBLE)
    for x, first in enumerate(a):
        for y, second in enumerate(b):
            if first.sizes == second.sizes and next(fills(first, second), None) is not None:
                apart = abs(x / len(a) - y / len(b))
                other_kind = first.kind != second.kind
                costs[x, y] = NAME * (1 - alike(first.path, second.path)) + KIND * other_kind + ORDER * apart
    pairs, gone = [], (set(), set())
    for x, y in zip(*linear_sum_assignment(costs), strict=True):
        if costs[x, y] < IMPOSSIBLE:
            choices = min(np.sum(costs[x] < IMPOSSIBLE), np.sum(costs[:, y] < IMPOSSIBLE))
            how = "name" if a[x].path == b[y].path else "only one of its kind" if choices == 1 else "order"
            pairs.append((b[y], Found(a[x], next(fills(a[x], b[y])), how)))
            gone[0].add(x)
            gone[1].add(y)
    left, right = ([each for n, each in enumerate(side) if n not in gone[at]] for at, side in enumerate((a, b)))
    return pairs, left, right


def alike(one: str, other: str) -> float:
    """How alike two paths are, from 0 to 1; their last parts count most."""
    if one == other:
        return 1.0
    if one.rpartition(".")[2].isdigit() and other.rpartition(".")[2].isdigit():  # places in lists tell nothing
        return 0.5
    parts, others = one.split("."), other.split(".")
    return 0.6 * likeness(parts[-1], others[-1]) + 0.35 * likeness(".".join(parts[:-1]), ".".join(others[:-1]))


def _layers_and_bare(owners: Iterable[Owner]) -> tuple[list[Owner], list[Owner]]:
    """Layers, and weights that lie by themselves: one of these may well be a part of a layer on the other side."""
    each = [owner for owner in owners if owner.trained]
    bare = [owner for owner in each if owner.kind == "parameter" and len(owner.trained) == 1]
    return [owner for owner in each if owner not in bare], bare


def _in_order(owners: list[Owner]) -> list[Owner]:
    return sorted(owners, key=lambda owner: owner.order)


def _singly(owners: Iterable[Owner]) -> Iterator[Owner]:
    for owner in owners:
        for leaf, piece in owner.trained.items():
            yield replace(owner, trained={leaf: piece}, kept={})


def _packed(a: list[Owner], b: list[Owner]) -> Matched:
    """Weights of one side that are several of the other in a row, one below the other, in the order of execution."""
    pairs: list[tuple[Owner, Found]] = []
    for whole, parts, turned in ((a, b, True), (b, a, False)):
        for owner in list(whole):
            ((leaf, piece),) = owner.trained.items()
            run = _run_of(piece, parts)
            if not run:
                continue
            whole.remove(owner)
            height = piece.shape[0] // len(run)
            for place, other in enumerate(run):
                parts.remove(other)
                rows = piece.part(range(place * height, (place + 1) * height), piece.turned)
                (its,) = other.trained.values()
                mine = replace(owner, trained={leaf: rows}, part=place)
                x, y = (mine, other) if turned else (other, mine)
                pairs.append((y, Found(x, [(rows, its) if turned else (its, rows)], "order")))
    return pairs, a, b


def _run_of(piece: Piece, parts: list[Owner]) -> list[Owner]:
    """Those that together have the shape, all alike; the first of them in order."""
    alike: dict[tuple, list[Owner]] = {}
    for owner in parts:
        (its,) = owner.trained.values()
        if its.shape and piece.shape and its.shape[1:] == piece.shape[1:] and piece.shape[0] % its.shape[0] == 0:
            alike.setdefault(its.shape, []).append(owner)
    for shape, owners in alike.items():
        count = piece.shape[0] // shape[0]
        if 1 < count <= len(owners):
            return sorted(owners, key=lambda owner: owner.order)[:count]
    return []
