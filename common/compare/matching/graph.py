"""Which layer feeds which, read off the calls of a pass: what lets layers be matched that have other names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...dictionary.index import MOVES, ORDERED
from ...dictionary.operations.normalization import COUNTER
from ...weights.rules import View

Edge = tuple[str, tuple]  # the other end, and the operations in between that compute
NEVER = 2**31  # where a layer comes that was never called
NEAREST = 4  # of these operations are kept: enough to tell, and no more for a network of many skips


@dataclass
class Node:
    """What is matched as one: a layer that is called as a whole, with all its weights, or one bare parameter.

    `weights`: canonical names, under the part of the name that does not depend on where the layer sits.
    """

    name: str
    kind: str
    weights: dict[str, View] = field(default_factory=dict)
    before: set[Edge] = field(default_factory=set)
    after: set[Edge] = field(default_factory=set)
    order: int = NEVER

    @property
    def signature(self) -> tuple:
        """Kind and shapes: what must be equal for two nodes to be the same layer."""
        trained = sorted((leaf, view.shape) for leaf, view in self.weights.items() if view.trained)
        return self.kind, tuple(trained)


def nodes_of(
    views: Mapping[str, View], calls: Sequence, sources: Mapping[int, str], outputs: Iterable
) -> dict[str, Node]:
    """The nodes of a model by name, in the order of execution; those that were never called come last.

    Args:
        calls: of one pass, as `Call`. outputs: (name, value) of what the model returned.
    """
    calls = [call for call in calls if call.inside < 0]
    nodes, home = _bare_and_whole(views, calls)
    places = {f"weight {view.stored_name}": home[name] for name, view in views.items()}
    walk = _Walk(calls, sources, nodes, places)
    for call in calls:
        for node in walk.nodes_called(call):
            node.order = min(node.order, call.index)
            for place, (_, number) in enumerate(call.inputs):
                for edge in walk.origins(number, _step(call, place) if node.name != call.path else ()):
                    if edge[0] != node.name:
                        node.before.add(edge)
    for node in nodes.values():
        for origin, through in node.before:
            if origin in nodes:
                nodes[origin].after.add((node.name, through))
    for place, (_, number) in enumerate(outputs):
        for origin, through in walk.origins(number, ()):
            if origin in nodes:
                nodes[origin].after.add((f"output {place}", through))
    return dict(sorted(nodes.items(), key=lambda item: item[1].order))


def _bare_and_whole(views: Mapping[str, View], calls: Sequence) -> tuple[dict[str, Node], dict[str, str]]:
    """Nodes with their weights; and weight → name of its node."""
    whole = {call.path: call.kind for call in calls if call.module and call.leaf}
    nodes: dict[str, Node] = {}
    home = {}
    for name, view in views.items():
        if view.leaf == COUNTER:
            home[name] = view.owner
            continue
        path = _called_as_whole(view.owner, whole)
        if path is None and view.kind == "parameter":
            nodes[name] = Node(name, "parameter", {"": view})
            home[name] = name
            continue
        path = view.owner if path is None else path
        node = nodes.setdefault(path, Node(path, whole.get(path, view.kind)))
        node.weights[name[len(path) :].lstrip(".")] = view
        home[name] = path
    return nodes, home


def _called_as_whole(owner: str, whole: Mapping[str, str]) -> str | None:
    """The layer at `owner`, or above it, that was called without its inner calls being seen."""
    while True:
        if owner in whole:
            return owner
        if not owner:
            return None
        owner = owner.rpartition(".")[0]


def _step(call, place: int) -> tuple:
    """An operation on the way from layer to layer; the place of the input, where their order matters: it tells apart
    the layers that feed them."""
    if call.kind in MOVES or (call.module and not call.leaf):
        return ()
    return ((call.kind, place if call.kind in ORDERED else -1),)


class _Walk:
    """From a value back to the nearest nodes that it comes from."""

    def __init__(self, calls: Sequence, sources: Mapping[int, str], nodes: dict[str, Node], places: Mapping[str, str]):
        self.calls = {call.index: call for call in calls}
        self.sources, self.nodes, self.places = sources, nodes, places
        self.known: dict[int, frozenset[Edge]] = {}

    def nodes_called(self, call) -> list[Node]:
        """The layer that is called as a whole, or the bare parameters that a function is given."""
        if call.module:
            return [self.nodes[call.path]] if call.leaf and call.path in self.nodes else []
        names = [self.places.get(self.sources[number], "") for _, number in call.inputs]
        return [self.nodes[name] for name in names if name in self.nodes]

    def origins(self, number: int, through: tuple) -> set[Edge]:
        return {(name, (more + through)[-NEAREST:]) for name, more in self._origins(number)}

    def _origins(self, number: int) -> frozenset[Edge]:
        if number not in self.known:
            self.known[number] = frozenset()  # against a loop, which an in-place change could make
            self.known[number] = frozenset(self._edges(self.sources[number]))
        return self.known[number]

    def _edges(self, source: str) -> set[Edge]:
        word, _, rest = source.partition(" ")
        if word == "weight":
            home = self.places.get(source)
            return {(home, ())} if home in self.nodes else set()
        if word != "call":
            return {(source, ())}
        call = self.calls.get(int(rest))
        if call is None:
            return set()
        if call.module and call.leaf and call.path in self.nodes:
            return {(call.path, ())}
        edges: set[Edge] = set()
        for place, (_, number) in enumerate(call.inputs):
            edges |= self.origins(number, _step(call, place))
        return edges
