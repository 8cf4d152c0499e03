"""In which ways the weights of one layer can be another's: which array is which, and in which order of axes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import SequenceMatcher
from itertools import islice, permutations, product
from math import prod

from .owners import Owner
from .pieces import Move, Piece

MOST = 48  # ways that are tried for one pair of layers
MOST_ALIKE = 5  # arrays of one size in a layer, all of whose orders are tried
MEANT = {"gamma": "weight", "scale": "weight", "kernel": "weight", "g": "weight", "w": "weight", "beta": "bias",
         "b": "bias", "shift": "bias", "offset": "bias"}  # fmt: skip


def likeness(one: str, other: str) -> float:
    """How alike two names are, from 0 to 1; what people call a weight and a bias is the same."""
    one, other = (MEANT.get(name.rpartition(".")[2].strip("_"), name) for name in (one, other))
    return 1.0 if one == other else 0.9 * SequenceMatcher(None, one, other, autojunk=False).ratio()


def fills(x: Owner, y: Owner) -> Iterator[list[Move]]:
    """Ways to fill y's weights with x's, the likeliest first; none where the sizes do not fit."""
    if x.sizes != y.sizes or not y.trained:
        return
    kept = _kept(x, y)
    for names in _assignments(x.trained, y.trained):
        ways = [list(turns(x.trained[one], y.trained[other])) for one, other in names]
        for chosen in islice(product(*ways), MOST):
            yield [(piece, y.trained[other]) for piece, (_, other) in zip(chosen, names, strict=True)] + kept


def _kept(x: Owner, y: Owner) -> list[Move]:
    """Buffers that both keep under one name: of one size they are carried, whatever the shape."""
    pairs = []
    for leaf, piece in y.kept.items():
        other = x.kept.get(leaf)
        if other is not None and prod(other.shape) == prod(piece.shape):
            pairs.append((replace(other, shape=piece.shape), piece))
    return pairs


def _assignments(x: Mapping[str, Piece], y: Mapping[str, Piece]) -> Iterator[list[tuple[str, str]]]:
    """Which array of x is which of y, of those of one size; likely names first."""
    alike: dict[int, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, pieces in enumerate((x, y)):
        for leaf, piece in pieces.items():
            alike[prod(piece.shape)][side].append(leaf)
    choices = [_orders(*names) for names in alike.values()]
    for chosen in islice(product(*choices), MOST):
        yield [pair for pairs in chosen for pair in pairs]


def _orders(x: list[str], y: list[str]) -> list[list[tuple[str, str]]]:
    orders = [list(zip(order, y, strict=True)) for order in (permutations(x) if len(x) <= MOST_ALIKE else [tuple(x)])]
    return sorted(orders, key=lambda pairs: -sum(likeness(one, other) for one, other in pairs))


def turns(x: Piece, y: Piece) -> Iterator[Piece]:
    """The ways in which x's elements can lie in y's shape: as they are, or with the first two axes exchanged."""
    wide, wanted = (tuple(length for length in piece.shape if length != 1) for piece in (x, y))
    if wide == wanted or (prod(x.shape) == prod(y.shape) and min(len(wide), len(wanted)) <= 1):
        yield replace(x, shape=y.shape)
    dense = len(x.shape) > 1 and min(x.shape[:2]) > 1 and not x.rows
    if dense and (wide[1], wide[0], *wide[2:]) == wanted:
        yield replace(x, turned=True, shape=y.shape)
