"""Why drawn numbers that both sides share make other masks, where a forward pass does not agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ..traces.reading import Run
from . import wording
from .matching.calls import call_name
from .rungs.sides import Sides

DRAWN = ("random_uniform", "uniform")  # kinds of calls that give numbers between two bounds
BELOW = ("less", "less_equal")


def notes_on_masks(sides: Sides) -> list[str]:
    return [*_in_other_orders(sides), *_below(sides)]


def _in_other_orders(sides: Sides) -> Iterator[str]:
    """Draws of one size that lie along other axes: they get the same numbers, which then stand for other elements."""
    draws = [_by_size(run) for run in sides.main]
    for key in draws[0].keys() & draws[1].keys():
        for one, other in zip(draws[0][key], draws[1][key], strict=False):
            if _wide(one[0]) != _wide(other[0]):
                told = [
                    f"{name}'s {wording.placed(str(list(shape)), where)}"
                    for name, (shape, where) in zip(sides.names, (one, other), strict=True)
                ]
                yield wording.NOTES["drawn over other axes"].format(key[0], *told)


def _by_size(run: Run) -> dict[tuple[str, int], list[tuple[list[int], str]]]:
    found = defaultdict(list)
    for purpose, size, where, shape in (run.note("draws") or {}).get("drawn", []):
        found[purpose, size].append((shape, where))
    return found


def _wide(shape: list[int]) -> list[int]:
    return [length for length in shape if length != 1]


def _below(sides: Sides) -> Iterator[str]:
    """One side keeps where its numbers are below a chance: so often as a Bernoulli draw does, and elsewhere."""
    each = [list(_compared(run)) for run in sides.main]
    for name, mine, others in zip(sides.names, each, each[::-1], strict=True):
        if len(mine) > len(others):
            yield wording.NOTES["kept below"].format(name, ", ".join(dict.fromkeys(mine)))


def _compared(run: Run) -> Iterator[str]:
    kinds = {f"call {call.index}": call.kind for call in run.calls}
    for call in run.calls:
        if call.kind in BELOW and call.inputs and kinds.get(run.sources.get(call.inputs[0][1], "")) in DRAWN:
            yield call_name(call)
