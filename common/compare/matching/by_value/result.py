"""What is known before layers are matched by value, and what came of it, as a matching."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ....errors import BadInput
from ..graph import NEVER
from ..layers import TRANSPOSED, Matching
from .fills import fills
from .owners import Owner
from .pieces import carries_of
from .search import Result
from .told_left import left_told
from .trial import Found

HOW = {"order": "trial"}  # what nothing but its size and place tells is held to be right where the ends agree


def settled_by_name(static: Matching, a: dict[str, Owner], b: dict[str, Owner]) -> dict[str, Found]:
    """Pairs that nobody doubts, by b's owner: as the user says, or of equal full names. A weight that the user names by
    itself is an owner of its own from here on, in `a` and `b` as well.

    Raises:
        BadInput: what the user says names no two weights that fit.
    """
    known: dict[str, Found] = {}
    for x, y in static.asked:
        known |= _asked(x, y, a, b)
    for x, y in _below(static, ("map", "name"), a, b):
        moves = next(fills(a[x], b[y]), None) if y not in known else None
        if moves is not None:
            known[y] = Found(a[x], moves, "map" if x != y else "name")
    taken = {found.owner.path for found in known.values()}
    for path in b:
        if path in a and path not in known and path not in taken and (moves := next(fills(a[path], b[path]), None)):
            whole = all(x.weight == y.weight and x.whole == y.whole for x, y in moves)
            if whole:
                known[path] = Found(a[path], moves, "name")
    return known


def _asked(x: str, y: str, a: dict[str, Owner], b: dict[str, Owner]) -> dict[str, Found]:
    """What one word of the user's map says: two weights, two layers, or all layers below two paths."""
    turned, y = y.endswith(TRANSPOSED), y.removesuffix(TRANSPOSED)
    _single_out(a, x)
    _single_out(b, y)
    found = {}
    for path in list(a):
        other = y + path[len(x) :] if path == x or path.startswith(f"{x}." if x else "") else None
        if other is None or other not in b:
            continue
        ways = list(fills(a[path], b[other]))
        ways = [moves for moves in ways if not turned or any(piece.turned for piece, _ in moves)] or ways[:0]
        if ways:
            found[other] = Found(a[path], ways[0], "map")
    if not found:
        raise BadInput(f"--map {x}={y}{TRANSPOSED * turned}: there are no two weights, or layers, of one size there")
    return found


def _single_out(owners: dict[str, Owner], name: str) -> None:
    for path, owner in list(owners.items()):
        for leaf, piece in owner.trained.items():
            if piece.weight == name and path != name:
                rest = {key: each for key, each in owner.trained.items() if key != leaf}
                owners[path] = replace(owner, trained=rest)
                owners[name] = Owner(name, "parameter", {"": piece}, {}, owner.order)
                return


def likely(static: Matching, a: Mapping[str, Owner], b: Mapping[str, Owner]) -> dict[str, str]:
    """b's owner → a's, as wiring has it."""
    return {y: x for x, y in _below(static, ("graph", "only one of its kind"), a, b)}


def _below(static: Matching, ways: Iterable[str], a: Mapping[str, Owner], b: Mapping[str, Owner]):
    for x, y, how in static.pairs:
        if how in ways:
            for path in a:
                if path == x or not x or path.startswith(f"{x}."):
                    other = (y + path[len(x) :]).lstrip(".") if x else ".".join(filter(None, (y, path)))
                    if other in b:
                        yield path, other


def matching_of(found: Result, a: Mapping[str, Owner], b: Mapping[str, Owner]) -> Matching:
    """What was found as a matching; what has no counterpart is told."""
    made = Matching()
    order = {path: place for place, path in enumerate(a)}
    for owner, each in sorted(found.pairs, key=lambda pair: (order.get(pair[1].owner.path, 0), pair[1].owner.part)):
        how = HOW.get(each.how, each.how)
        made.pairs.append((each.owner.path, owner.path, "trial" if owner.key in found.tried else how))
    made.pairs = list(dict.fromkeys(made.pairs))
    for name, carry in carries_of(found.moves).items():
        if carry.plain and carry.names[0] not in made.weights:
            made.weights[carry.names[0]] = name
        else:
            made.carries[name] = carry
    made.misfits, made.lone = left_told(found, a, b)
    made.unproven = [
        (each.owner.path, owner.path)
        for owner, each in found.pairs
        if NEVER in (owner.order, each.owner.order) and each.how not in ("map", "name")
    ]
    return made
