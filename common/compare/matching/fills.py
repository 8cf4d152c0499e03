"""How the weights of one layer may be filled with those of another: by name, by size, transposed, row by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import permutations, product

from ...weights.rules import View
from .carry import Carry
from .owners import size_of

MOST_FILLS = 32  # of one layer with the weights of another
MOST_HEADS = 16  # by which packed rows may be interleaved
Fill = dict[str, Carry]  # canonical name of side b → what it is made of


def fills(given: Mapping[str, View], wanted: Mapping[str, View]) -> Iterator[Fill]:
    """Every way in which the trained weights of one layer of side a fill those of one of side b, the likely ones first.

    What is not trained, such as a running mean, goes where it has one name and shape on both sides.
    """
    beside = {
        name: Carry((other,))
        for name, view in wanted.items()
        for other, theirs in given.items()
        if not view.trained and not theirs.trained and view.leaf == theirs.leaf and view.shape == theirs.shape
    }
    sources = [(name, view) for name, view in given.items() if view.trained]
    targets = [(name, view) for name, view in wanted.items() if view.trained]
    if len(sources) != len(targets):
        return
    orders = sorted(permutations(sources), key=lambda order: _misnamed(order, targets)) if len(targets) < 5 else [
        tuple(sources)
    ]  # fmt: skip
    made = 0
    for order in orders:
        choices = [ways(x, theirs, ours) for (x, theirs), (_, ours) in zip(order, targets, strict=True)]
        for carries in product(*choices):
            yield {name: carry for (name, _), carry in zip(targets, carries, strict=True)} | beside
            made += 1
            if made >= MOST_FILLS:
                return


def ways(name: str, given: View, wanted: View) -> list[Carry]:
    """How one weight may be another: as it is, transposed."""
    as_it_is = [Carry((name,))] if given.shape == wanted.shape else []
    dense = len(given.shape) == len(wanted.shape) == 2
    return as_it_is + ([Carry((name,), turned=True)] if dense and given.shape == wanted.shape[::-1] else [])


def _misnamed(order: tuple, targets: list) -> int:
    return sum(theirs.leaf != ours.leaf for (_, theirs), (_, ours) in zip(order, targets, strict=True))


def leftovers(given: list[tuple[str, View]], wanted: list[tuple[str, View]]) -> Fill:
    """What is left, weight by weight, in the order of use: equal shapes first, then transposed ones, then rows of one
    that are the rows of several others."""
    made: Fill = {}
    given, wanted = list(given), list(wanted)
    for turned in (False, True):
        for name, view in list(wanted):
            shape = view.shape[::-1] if turned and len(view.shape) == 2 else view.shape
            at = next((place for place, (_, theirs) in enumerate(given) if theirs.shape == shape), None)
            if at is not None and not (turned and len(view.shape) != 2):
                made[name] = Carry((given.pop(at)[0],), turned)
                wanted.remove((name, view))
    return made | _packed(given, wanted)


def _packed(given: list[tuple[str, View]], wanted: list[tuple[str, View]]) -> Fill:
    """Rows: one weight for several that follow one another, or several for one."""
    made: Fill = {}
    for name, view in list(wanted):
        names = _run_of(given, view)
        if names:
            made[name] = Carry(tuple(names), turned=dict(given)[names[0]].shape[1:] != view.shape[1:])
            given[:] = [pair for pair in given if pair[0] not in names]
            wanted.remove((name, view))
    for name, view in list(given):
        names = _run_of(wanted, view)
        start = 0
        for target in names:
            height = dict(wanted)[target].shape[0]
            made[target] = Carry((name,), rows=tuple(range(start, start + height)))
            start += height
        if names:
            wanted[:] = [pair for pair in wanted if pair[0] not in names]
    return made


def _run_of(pieces: list[tuple[str, View]], whole: View) -> list[str]:
    """The pieces that make up the rows of a whole, in order; the first such run."""
    fitting = [(name, view) for name, view in pieces if view.shape[1:] == whole.shape[1:]]
    for start in range(len(fitting)):
        height, names = 0, []
        for name, view in fitting[start:]:
            height += view.shape[0]
            names.append(name)
            if height >= whole.shape[0]:
                break
        if len(names) > 1 and height == whole.shape[0]:
            return names
    return []


def rearranged(fill: Fill, views: Mapping[str, View]) -> Iterator[Fill]:
    """Other ways to pack what is packed in a fill: the parts in another order, their rows interleaved by head. Weights
    and biases of one layer go together."""
    groups: dict[tuple, list[str]] = {}
    for name, carry in fill.items():
        owner = views[name].stored_name.rpartition(".")[0]
        if len(carry.names) > 1:
            groups.setdefault(("together", owner, len(carry.names)), []).append(name)
    taken: dict[str, list[str]] = {}
    for name, carry in fill.items():
        if len(carry.names) == 1 and carry.rows is not None:
            taken.setdefault(carry.names[0], []).append(name)
    for parts in taken.values():
        groups.setdefault(("apart", "", len(parts)), []).extend(parts)
    for (how, _, count), names in groups.items():
        part = views[names[0]].shape[0] // (count if how == "together" else 1)
        for heads in [1, *(number for number in range(2, MOST_HEADS + 1) if part % number == 0)]:
            for order in permutations(range(count)):
                if how == "together":
                    yield {name: _packed_by(fill[name], order, views[name].shape[0] // count, heads) for name in names}
                else:
                    yield {
                        name: Carry(fill[name].names, rows=_rows_apart(order[at % count], count, part, heads))
                        for at, name in enumerate(names)
                    }


def _packed_by(carry: Carry, order: tuple[int, ...], part: int, heads: int) -> Carry:
    names, size = tuple(carry.names[at] for at in order), part // heads
    if heads == 1:
        return Carry(names, carry.turned)
    rows = [
        place * part + head * size + row for head in range(heads) for place in range(len(order)) for row in range(size)
    ]
    return Carry(names, carry.turned, tuple(rows))


def _rows_apart(place: int, count: int, part: int, heads: int) -> tuple[int, ...]:
    size = part // heads
    return tuple((head * count + place) * size + row for head in range(heads) for row in range(size))


def sizes_fit(given: Mapping[str, View], wanted: Mapping[str, View]) -> bool:
    """Whether the trained weights of one layer have as many elements each as those of another."""
    x, y = (sorted(size_of(view) for view in views.values() if view.trained) for views in (given, wanted))
    return bool(y) and x == y
