"""A part of a weight, as layers are matched by: some of its rows, its axes exchanged, in a shape."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..carry import Carry


@dataclass(frozen=True)
class Piece:
    """One canonical weight, its first two axes exchanged if `turned`; then some of its rows, all where there are none;
    in a shape. `whole` is the shape of the weight."""

    weight: str
    whole: tuple[int, ...]
    shape: tuple[int, ...]
    rows: tuple[int, ...] = ()
    turned: bool = False

    @classmethod
    def all_of(cls, weight: str, shape: Iterable[int]) -> Piece:
        whole = tuple(shape)
        return cls(weight, whole, whole)

    @property
    def laid(self) -> tuple[int, ...]:
        """The shape of the weight once it is turned."""
        return (self.whole[1], self.whole[0], *self.whole[2:]) if self.turned else self.whole

    def part(self, rows: Iterable[int], turned: bool = False) -> Piece:
        """Some rows of a whole weight."""
        made, chosen = replace(self, turned=turned), tuple(rows)
        return replace(made, rows=chosen, shape=(len(chosen), *made.laid[1:]))


Move = tuple[Piece, Piece]  # what is taken of a, and where in b it goes; both of one shape


def carries_of(moves: Iterable[Move]) -> dict[str, Carry]:
    """How each weight of b is made, of those that are made whole."""
    into: dict[str, list[Move]] = defaultdict(list)
    for x, y in moves:
        into[y.weight].append((x, y))
    return {name: carry for name, each in into.items() if (carry := _carry(each)) is not None}


def _carry(moves: list[Move]) -> Carry | None:
    (x, y), *more = moves
    if not more and not y.rows:
        taken = (len(x.rows), *x.laid[1:]) if x.rows else x.laid
        return Carry((x.weight,), x.turned, x.rows or None, None if taken == y.shape else y.shape)
    at: dict[int, int] = {}  # row of b → row of all that it is made of, one below the other
    start = 0
    for piece, part in moves:
        for place, row in enumerate(part.rows):
            at[row] = start + (piece.rows[place] if piece.rows else place)
        start += piece.laid[0]
    if len(at) != y.laid[0] or len({piece.turned for piece, _ in moves}) > 1:
        return None
    rows = tuple(at[row] for row in range(y.laid[0]))
    names = tuple(piece.weight for piece, _ in moves)
    return Carry(names, x.turned, None if rows == tuple(range(start)) else rows, back=y.turned)
