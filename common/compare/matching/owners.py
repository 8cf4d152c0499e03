"""Which weights a called module owns, and when each is first used: what is matched by value.

Unlike the nodes of a graph, owners do not depend on the kind of a layer: a normalisation written by hand owns a weight
and a bias as the library's does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ...traces.reading import Call
from ...weights.rules import View

NEVER = 2**31


@dataclass
class Owner:
    """A module with weights of its own.

    Attributes:
        path: of the module in whose calls they are used; it is where the tensors lie, or above it.
        weights: canonical name → view, in the order of declaration. first: index of its first call, or of the first
            call that is given one of its weights. given, made: numbers of the values of its first call.
        called: whether the module itself was called, and calls no other owner inside.
    """

    path: str
    weights: dict[str, View] = field(default_factory=dict)
    first: int = NEVER
    called: bool = False
    given: tuple[int, ...] = ()
    made: tuple[int, ...] = ()

    @property
    def trained(self) -> dict[str, View]:
        return {name: view for name, view in self.weights.items() if view.trained}

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of elements of its trained weights, sorted: equal for what may be the same layer."""
        return tuple(sorted(size_of(view) for view in self.trained.values()))


def size_of(view: View) -> int:
    size = 1
    for length in view.shape:
        size *= length
    return size


def owners_of(views: Mapping[str, View], calls: Sequence[Call], sources: Mapping[int, str]) -> dict[str, Owner]:
    """The owners of a model by path, in the order of execution; those that are never called last."""
    first_calls: dict[str, Call] = {}
    for call in calls:
        if call.module:
            first_calls.setdefault(call.path, call)
    owners: dict[str, Owner] = {}
    for name, view in views.items():
        path = view.stored_name.rpartition(".")[0]
        owners.setdefault(path, Owner(path)).weights[name] = view
    used = _first_uses(calls, sources)
    for path, owner in owners.items():
        call = first_calls.get(path)
        if call is not None:
            owner.called = not any(other != path and inside(other, path) for other in owners)
            owner.first, owner.given = call.index, tuple(number for _, number in call.inputs)
            owner.made = tuple(number for _, number in call.outputs)
        else:
            uses = [used.get(view.stored_name, NEVER) for view in owner.weights.values()]
            above = [call.index for at, call in first_calls.items() if inside(path, at)]
            owner.first = min([*uses, max(above, default=NEVER)])
    return dict(sorted(owners.items(), key=lambda item: item[1].first))


def inside(path: str, above: str) -> bool:
    """Whether a module lies below another."""
    return path != above and (not above or path.startswith(f"{above}."))


def _first_uses(calls: Sequence[Call], sources: Mapping[int, str]) -> dict[str, int]:
    """Stored name of a weight → index of the first call that is given it."""
    uses: dict[str, int] = {}
    for call in calls:
        for _, number in call.inputs:
            word, _, name = sources.get(number, "").partition(" ")
            if word == "weight":
                uses.setdefault(name, call.index)
    return uses


def in_order_of_use(views: Mapping[str, View], owners: Mapping[str, Owner], calls, sources) -> list[str]:
    """Canonical names of what is trained, in the order in which they are first used, then declared."""
    uses = _first_uses(calls, sources)
    place = {name: at for at, name in enumerate(views)}

    def first(name: str) -> tuple[int, int]:
        stored = views[name].stored_name
        return uses.get(stored, owners[stored.rpartition(".")[0]].first), place[name]

    return sorted((name for name, view in views.items() if view.trained), key=first)
