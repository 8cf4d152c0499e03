"""Which layer of one model is which layer of the other: by name, else by what feeds it and what it feeds.

Two layers that nothing but chance tells apart are not matched: they are listed, and the user says which is which.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ...errors import BadInput, listed
from .carry import Carry, carried_arrays
from .graph import NEVER, Node
from .left import LISTED, Lone, Misfit, defaults_told, lone_told, misfits_told

MOST_PARTS = 10  # of a complaint
TRANSPOSED = ":transpose"  # behind what --map says: the weight lies the other way round


@dataclass
class Matching:
    """Pairs of nodes (name on side a, on side b, how they were found), and what is left."""

    pairs: list[tuple[str, str, str]] = field(default_factory=list)
    ambiguous: list[tuple[list[str], list[str]]] = field(default_factory=list)
    misfits: list[Misfit] = field(default_factory=list)
    lone: list[Lone] = field(default_factory=list)
    weights: dict[str, str] = field(default_factory=dict)  # canonical names, a → b
    carries: dict[str, Carry] = field(default_factory=dict)  # canonical name of b → how it is made, where not as it is
    asked: list[tuple[str, str]] = field(default_factory=list)  # what the user maps that are not two layers of one kind
    unproven: list[tuple[str, str]] = field(default_factory=list)  # pairs that never ran, and have other names
    idle: list[str] = field(default_factory=list)  # what never ran and one side alone has, which nothing rests on
    proved: bool = False  # whether the ends agreed with it in a run

    @property
    def whole(self) -> bool:
        return not (self.ambiguous or self.misfits or self.asked or self.lone)

    @property
    def certain(self) -> bool:
        """Whether it is whole, and rests on names and wiring: the only two of one kind need not be each other's, where
        one is written in another way."""
        return self.whole and all(how != "only one of its kind" for _, _, how in self.pairs)

    def unless_better(self, tried: Matching | None) -> Matching:
        """What a run found, where it is proved or this is not whole; else this."""
        return tried if tried is not None and (tried.proved or not self.whole) else self

    @property
    def unmatched(self) -> tuple[list[str], list[str]]:
        """The names of what has no counterpart, of either side."""
        left, right = ([each.name for each in self.lone if each.side == side] for side in (0, 1))
        return left, right

    def as_json(self) -> dict:
        """A whole matching, for the other process."""
        carries = {name: carry.as_json() for name, carry in self.carries.items()}
        told = {"pairs": self.pairs, "weights": self.weights, "carries": carries, "unproven": self.unproven}
        return told | {"idle": self.idle}

    @classmethod
    def from_json(cls, content: Mapping) -> Matching:
        carries = {name: Carry.from_json(carry) for name, carry in content["carries"].items()}
        pairs = [(x, y, how) for x, y, how in content["pairs"]]
        unproven = [(x, y) for x, y in content["unproven"]]
        return cls(pairs, weights=dict(content["weights"]), carries=carries, unproven=unproven, idle=content["idle"])

    def leave_idle(self, sides: Sequence[Mapping[str, Node]], names: Sequence[str]) -> None:
        """Go on without the layers that one side alone has and that its pass, of which there is one, never called."""
        idle = [
            {name for name, node in nodes.items() if node.order == NEVER} if _has_run(nodes) else set()
            for nodes in sides
        ]
        left = [each for each in self.lone if each.layer in idle[each.side]]
        self.lone = [each for each in self.lone if each not in left]
        self.idle += [f"{each.name} of {names[each.side]}" for each in left]

    def require(self, names: tuple[str, str], why: str) -> None:
        """Refuse to go on where a weight would have to be guessed.

        Raises:
            BadInput: with every layer that is in question.
        """
        if not self.whole:
            raise BadInput(f"{why}: {self.complaint(names)}")

    def complaint(self, names: tuple[str, str]) -> str:
        """What keeps the matching from being whole, what is surely wrong first, in few parts."""
        parts = [*misfits_told(self.misfits, names)]
        parts += [f"--map {x}={y} names no two weights that fit" for x, y in self.asked]
        parts += [*lone_told(self.lone, names), *dict.fromkeys(defaults_told(self.lone, names))]
        for left, right in self.ambiguous:
            parts.append(
                f"{_listed(left)} in {names[0]} could each be any of {_listed(right)} in {names[1]}: "
                f"say which, such as --map {left[0]}={right[0]}"
            )
        return listed(parts, MOST_PARTS, "; ")


def _listed(names: Sequence[str]) -> str:
    return listed([name or "the model itself" for name in names], LISTED)


def _has_run(nodes: Mapping[str, Node]) -> bool:
    return any(node.order < NEVER for node in nodes.values())


def match_nodes(a: Mapping[str, Node], b: Mapping[str, Node], layer_map: Mapping[str, str] | None = None) -> Matching:
    """Match the layers of two models.

    Args:
        layer_map: what the user says, path in a → path in b; a path stands for all that is below it too.

    Raises:
        BadInput: what the user says names no layer, or two that cannot be the same.
    """
    matching = Matching()
    left, right = dict(a), dict(b)

    def pair(x: str, y: str, how: str) -> None:
        matching.pairs.append((x, y, how))
        del left[x], right[y]

    for x, y in _pairs_of_map(a, b, layer_map or {}, matching.asked).items():
        if x in left and y in right:
            _fits(a[x], b[y], matching)
            pair(x, y, "map")
    for name in list(left):
        if name in right and left[name].kind == right[name].kind:
            _fits(a[name], b[name], matching)
            pair(name, name, "name")
    while True:
        before = len(left)
        # What computes between two layers tells more than what feeds what; a port may well have it otherwise.
        for ordered_only in (False, True):
            for x, y in _by_graph(a, b, left, right, matching.pairs, ordered_only):
                pair(x, y, "graph")
        for x, y in _alone(left, right):
            pair(x, y, "only one of its kind")
        if len(left) == before:
            break
    _leftovers(left, right, matching)
    order = {name: place for place, name in enumerate(a)}
    matching.pairs.sort(key=lambda matched: order[matched[0]])
    for x, y, _ in matching.pairs:
        matching.weights |= {
            a[x].weights[leaf].name: b[y].weights[leaf].name for leaf in a[x].weights if leaf in b[y].weights
        }
    return matching


def _pairs_of_map(
    a: Mapping[str, Node], b: Mapping[str, Node], layer_map: Mapping[str, str], asked: list[tuple[str, str]]
) -> dict[str, str]:
    """The pairs of layers of one kind that a map names; what it says else is noted in `asked`."""
    pairs = {}
    for x, y in layer_map.items():
        below = {name: y + name[len(x) :] for name in a if name == x or name.startswith(f"{x}." if x else "")}
        known = {name: other for name, other in below.items() if other in b and a[name].signature == b[other].signature}
        if not known or len(known) < len(below):
            asked.append((x, y))
        pairs |= known
    return pairs


def _fits(x: Node, y: Node, matching: Matching) -> None:
    for leaf, view in x.weights.items():
        other = y.weights.get(leaf)
        if other is not None and view.shape != other.shape:
            shapes = tuple(view.shape), tuple(other.shape)
            matching.misfits.append(Misfit((x.name, y.name), x.kind, (view.name, other.name), shapes))
    for side, (node, others) in enumerate(((x, y), (y, x))):
        for leaf, view in node.weights.items():
            if leaf not in others.weights and view.trained:
                matching.lone.append(Lone(side, node.name, node.kind, leaf))


def _by_graph(a, b, left, right, pairs, ordered_only: bool) -> list[tuple[str, str]]:
    """Pairs that are told apart by their neighbours: colours, refined by those of what is before and after."""
    fixed = {("a", x): f"pair {n}" for n, (x, _, _) in enumerate(pairs)}
    fixed |= {("b", y): f"pair {n}" for n, (_, y, _) in enumerate(pairs)}
    nodes = {("a", name): node for name, node in a.items()} | {("b", name): node for name, node in b.items()}
    colours = {key: hash((fixed.get(key), node.signature)) for key, node in nodes.items()}
    count = len(set(colours.values()))
    while True:
        colours = {key: hash((colours[key], _around(key, node, colours, ordered_only))) for key, node in nodes.items()}
        if len(set(colours.values())) == count:
            break
        count = len(set(colours.values()))
    classes = defaultdict(lambda: ([], []))
    for name in left:
        classes[colours["a", name]][0].append(name)
    for name in right:
        classes[colours["b", name]][1].append(name)
    return [(x[0], y[0]) for x, y in classes.values() if len(x) == len(y) == 1]


def _around(key: tuple[str, str], node: Node, colours: Mapping, ordered_only: bool) -> tuple:
    """The colours of the neighbours, with the operations in between or with those alone whose inputs have an order."""

    def look(edge) -> tuple:
        name, through = edge
        kept = tuple(operation for operation in through if operation[1] >= 0) if ordered_only else through
        return colours.get((key[0], name), hash(name)), hash(kept)

    return tuple(tuple(sorted({look(edge) for edge in edges})) for edges in (node.before, node.after))


def _alone(left: Mapping[str, Node], right: Mapping[str, Node]) -> list[tuple[str, str]]:
    """Pairs of which there is no second one of the same kind and shapes."""
    counts = [Counter(node.signature for node in side.values()) for side in (left, right)]
    single = {node.signature: name for name, node in right.items() if counts[1][node.signature] == 1}
    return [
        (name, single[node.signature])
        for name, node in left.items()
        if counts[0][node.signature] == 1 and node.signature in single
    ]


def _leftovers(left: dict[str, Node], right: dict[str, Node], matching: Matching) -> None:
    groups = defaultdict(lambda: ([], []))
    for place, side in enumerate((left, right)):
        for name, node in side.items():
            groups[node.signature][place].append(name)
    for x, y in groups.values():
        if x and y:
            matching.ambiguous.append((x, y))
        else:
            matching.lone += [Lone(0, name, left[name].kind) for name in x]
            matching.lone += [Lone(1, name, right[name].kind) for name in y]


def carried(matching: Matching, arrays: Mapping) -> dict:
    """Canonical arrays of side a as side b has them, by its names."""
    return {y: arrays[x] for x, y in matching.weights.items() if x in arrays} | carried_arrays(matching.carries, arrays)


def of_both(names_a: Sequence[str], to_b: Mapping[str, str], names_b: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pairs of canonical names that are there on either side."""
    there = set(names_b)
    for name in names_a:
        if name in to_b:
            yield name, to_b[name]
            there.discard(to_b[name])
    back = {y: x for x, y in to_b.items()}
    for name in names_b:
        if name in there and name in back:
            yield back[name], name


def inverted(layer_map: Mapping[str, str]) -> dict[str, str]:
    """A map of layers the other way round; what is transposed stays so."""
    turned = {True: TRANSPOSED, False: ""}
    return {y.removesuffix(TRANSPOSED): x + turned[y.endswith(TRANSPOSED)] for x, y in layer_map.items()}


def parse_map(texts: Sequence[str]) -> dict[str, str]:
    """`["fc1=head.0", …]` → a dict.

    Raises:
        BadInput: a word without `=`, or a name given twice.
    """
    mapping: dict[str, str] = {}
    for word in (word.strip() for text in texts for word in text.split(",")):
        x, equal, y = word.partition("=")
        if not equal:
            raise BadInput(f"--map {word}: write the path in the first model, =, the path in the second")
        if x in mapping:
            raise BadInput(f"--map gives {x} twice")
        mapping[x] = y
    return mapping
