"""The layers that own weights, and what a pass shows of them: what each was given, what it made, and when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from ....dictionary.index import MOVES
from ....dictionary.operations.normalization import COUNTER
from ....traces.reading import Call
from ....weights.rules import View
from ..graph import NEVER
from .pieces import Piece


@dataclass(frozen=True)
class Owner:
    """A layer with its own weights, or the part of a packed one that stands for one layer.

    `trained`, `kept`: name in the layer → what is carried; kept are buffers, such as running statistics. `given`: the
    values that it was called with; `made`: what its first call made.
    """

    path: str
    kind: str
    trained: dict[str, Piece]
    kept: dict[str, Piece] = field(default_factory=dict)
    order: int = NEVER
    given: frozenset[int] = frozenset()
    made: tuple[int, ...] = ()
    part: int = -1

    @property
    def key(self) -> tuple[str, int]:
        return self.path, self.part

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many elements its trained weights have: equal for layers that may be each other's."""
        return tuple(sorted(prod(piece.shape) for piece in self.trained.values()))

    @property
    def height(self) -> int:
        """How many rows all its trained weights have, as they are or turned; 0 where they do not agree."""
        shapes = [piece.shape for piece in self.trained.values()]
        first = [shape[0] for shape in sorted(shapes, key=len) if shape][:1]
        return first[0] if first and all(shape and first[0] in shape[:2] for shape in shapes) else 0

    def parts(self, rows: Sequence[Sequence[int]]) -> list[Owner]:
        """The layers that a packed one stands for, by the rows that each has."""
        height = sum(map(len, rows))
        return [
            replace(
                self,
                part=place,
                trained={leaf: piece.part(each, piece.shape[0] != height) for leaf, piece in self.trained.items()},
            )
            for place, each in enumerate(rows)
        ]


def owners_of(views: Mapping[str, View]) -> dict[str, Owner]:
    """The owners of a model's weights by path. A tensor that two layers share belongs to the first."""
    owners: dict[str, Owner] = {}
    seen = set()
    for name, view in views.items():
        tensor = (view.identity, view.rows)
        if view.leaf == COUNTER or (view.identity and tensor in seen):
            continue
        seen.add(tensor)
        owner = owners.setdefault(view.owner, Owner(view.owner, view.kind, {}))
        (owner.trained if view.trained else owner.kept)[view.leaf] = Piece.all_of(name, view.shape)
    return owners


def observed(owners: Mapping[str, Owner], views: Mapping[str, View], calls: Sequence[Call], sources: Mapping) -> dict:
    """The owners with what a pass shows of them, in the order of execution."""
    stored = defaultdict(set)
    for path, owner in owners.items():
        for piece in (*owner.trained.values(), *owner.kept.values()):
            stored[f"weight {views[piece.weight].stored_name}"].add(path)
    whole: dict[str, list[Call]] = defaultdict(list)
    inside: dict[str, list[Call]] = defaultdict(list)
    for call in calls:
        if call.module:
            whole[call.path].append(call)
        for path in {path for _, number in call.inputs for path in stored.get(sources.get(number, ""), ())}:
            inside[path].append(call)
    seen = {path: _seen(owner, whole, inside.get(path, []), sources) for path, owner in owners.items()}
    return dict(sorted(seen.items(), key=lambda item: item[1].order))


def _seen(owner: Owner, whole: Mapping[str, list[Call]], inside: list[Call], sources: Mapping) -> Owner:
    own = whole.get(owner.path, [])
    above = whole.get(unit_of(owner.path, whole) or "", []) if not own else []
    calls = own or [call for call in inside if not call.module] or above
    given = {
        number
        for call in (*calls, *above)
        for _, number in call.inputs
        if not sources.get(number, "").startswith("weight")
    }
    made = tuple(number for _, number in calls[0].outputs) if calls else ()
    order = min((call.index for call in calls), default=NEVER)
    return replace(owner, order=order, given=frozenset(given), made=made)


def unit_of(path: str, called: Iterable[str]) -> str | None:
    """The module that is called with the weights at a path: itself, or the nearest above it."""
    while path not in called:
        if not path:
            return None
        path = path.rpartition(".")[0]
    return path


def with_loose(owners: Mapping[str, Owner], calls: Sequence[Call]) -> dict[str, Owner]:
    """The owners, where those that lie beside others are taken weight by weight, under the weight's own name: a module
    that calls other owners is no layer."""
    called = {call.path for call in calls if call.module}
    apart: dict[str, Owner] = {}
    units = {path: unit_of(path, called) for path in owners}
    taken = set(units.values())
    for path, owner in owners.items():
        below = f"{path}." if path else ""
        beside = units[path] == path and any(unit != path and unit and unit.startswith(below) for unit in taken)
        if beside or (path not in called and owner.kind == "parameter"):
            for table in ("trained", "kept"):
                for piece in getattr(owner, table).values():
                    trained, kept = ({"": piece}, {}) if table == "trained" else ({}, {"": piece})
                    apart[piece.weight] = Owner(piece.weight, "parameter", trained, kept)
        else:
            apart[path] = owner
    return apart


def with_pairs(owners: Mapping[str, Owner], views: Mapping[str, View], calls: Sequence[Call], sources: Mapping) -> dict:
    """The owners, where a loose weight and the loose vector that what it makes is given next are one: a dense layer or
    a normalisation that is written out, which may well be a layer on the other side."""
    loose = {
        f"weight {views[piece.weight].stored_name}": path
        for path, owner in owners.items()
        if owner.kind == "parameter" and list(owner.trained) == [""]
        for piece in owner.trained.values()
    }
    pairs: dict[str, str] = {}
    makers: dict[int, str] = {}  # value → the loose weight that it was made with
    for call in calls:
        used = [path for _, number in call.inputs if (path := loose.pop(sources.get(number, ""), None)) is not None]
        before = [makers[number] for _, number in call.inputs if number in makers]
        first, second = (before[0], used) if before else (used[0], used[1:]) if used else (None, [])
        if first is not None and len(second) == 1 and _is_vector_beside(owners, first, second[0]):
            pairs[first] = second[0]
        elif used:
            makers |= {number: used[0] for _, number in call.outputs}
        elif before and call.kind in MOVES:
            makers |= {number: before[0] for _, number in call.outputs}
    joined = {}
    for path, owner in owners.items():
        if path in pairs:
            pieces = [owners[each].trained[""] for each in (path, pairs[path])]
            name = "+".join(piece.weight for piece in pieces)
            joined[name] = Owner(name, "parameter", dict(zip(("weight", "bias"), pieces, strict=True)))
        elif path not in pairs.values():
            joined[path] = owner
    return joined


def _is_vector_beside(owners: Mapping[str, Owner], first: str, second: str) -> bool:
    """Whether a weight and a vector may be the weight and the bias of one layer."""
    weight, bias = (owners[path].trained[""] for path in (first, second))
    return first != second and len(bias.shape) == 1 and bias.shape[0] in weight.shape


def units_of(owners: Mapping[str, Owner], calls: Sequence[Call]) -> dict[str, list[Owner]]:
    """The calls at which owners can be recognised, by the path of the module, with the owners that it is called with;
    of a module that calls other owners, none."""
    called = {call.path for call in calls if call.module}
    units: dict[str, list[Owner]] = defaultdict(list)
    for path, owner in owners.items():
        unit = unit_of(path, called)
        if unit is not None and owner.trained and (path in called or owner.kind != "parameter"):
            units[unit].append(owner)
    return {
        unit: each
        for unit, each in units.items()
        if not any(other != unit and other.startswith(f"{unit}." if unit else "") for other in units)
    }
