"""The ends decide: what parts between ends that agree is another way to compute the same, and no failure."""

from __future__ import annotations

from collections.abc import Sequence

from ..facts import Rewritten
from ..matching.calls import CallPair
from ..row import Row
from ..rungs.sides import Sides
from ..verdict import Rung
from .backward import mark_backward
from .cuts import Cuts

INNER = ("call", "call gradient")


def parted_inside(rung: Rung) -> list[Row]:
    """Rows of calls, not of ends, that do not agree."""
    return [row for row in rung.rows if row.about.what in INNER and not row.same]


def ends_agree(rungs: Sequence[Rung]) -> bool:
    """Whether all that the models return, and all gradients of parameters and inputs, agree."""
    return all(row.same for rung in rungs for row in rung.rows if row.about.what not in INNER)


def cuts_of(sides: Sides, forward: Rung, inside: bool = False) -> Cuts:
    """The values that both passes have; those that rounding was seen to move so far are not further apart than that."""
    agreed = [row.place.names for row in forward.rows if row.same and row.place.section == "values"]
    a, b = sides.main
    return Cuts(a, b, {(int(x), int(y)) for x, y in agreed}, inside)


def fold_forward(sides: Sides, forward: Rung) -> Cuts | None:
    """Where the outputs agree, take what parts before them for a rewriting, but for what was made small on the way.

    Returns:
        The values of both passes, where they had to be found.
    """
    inside = parted_inside(forward)
    if not inside or not ends_agree([forward]):
        return None
    cuts = cuts_of(sides, forward)
    if not cuts.jumps:
        fold(inside)
    return cuts


def fold_backward(sides: Sides, rungs: Sequence[Rung], forward: Rung, pairs: Sequence[CallPair]) -> None:
    """Take inner gradients that part for a rewriting where those of parameters and inputs agree.

    Where they do not, only gradients of values that both sides have, and give to the same, can tell where they part.
    """
    if ends_agree(rungs):
        for rung in rungs:
            fold(parted_inside(rung))
        return
    cuts = cuts_of(sides, forward, inside=True)
    for rung in rungs:
        fold([row for row in parted_inside(rung) if not _comparable(row, cuts)])
        if not ends_agree([rung]) and rung.key == "gradients":
            mark_backward(rung, (sides.names[0], sides.names[1]), cuts, pairs)


def fold(rows: Sequence[Row]) -> None:
    """Show rows, and judge them no more."""
    for row in rows:
        row.bound64, row.by_itself, row.cause = None, False, Rewritten()


def _comparable(row: Row, cuts: Cuts) -> bool:
    """Whether a value whose gradient a row is of is one value on both sides, given to calls that make the same."""
    x, y = (int(name) for name in row.place.names)
    of = cuts.pairing.of
    if of[0].get(x, -1) != of[1].get(y, -2):
        return False
    made = [
        {of[side].get(number, -1 - side) for call, _ in each.consumers.get(number_of, ()) for _, number in call.outputs}
        for side, (each, number_of) in enumerate(zip(cuts.sides, (x, y), strict=True))
    ]
    return made[0] == made[1]
