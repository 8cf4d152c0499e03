"""Layers whose names cross: what feeds them pairs them otherwise, and with that pairing the outputs agree."""

from __future__ import annotations

from collections.abc import Mapping

from ..facts import About
from ..matching.graph import Node
from ..matching.layers import Matching, match_nodes
from ..models import Comparison
from .evidence import Explanation


def mapping_by_graph(a: Mapping[str, Node], b: Mapping[str, Node], matching: Matching) -> dict[str, str]:
    """Layers that what feeds them pairs otherwise than their names do: a's path → b's."""
    named = {x: y for x, y, how in matching.pairs if how == "name"}
    renamed = {f"\0{name}": _renamed(node) for name, node in a.items()}
    other = {x.removeprefix("\0"): y for x, y, how in match_nodes(renamed, b).pairs if how == "graph"}
    return {x: y for x, y in other.items() if x in named and named[x] != y}


def _renamed(node: Node) -> Node:
    """A node whose name matches nothing, so that only its place in the graph can."""
    edges = {part: {(f"\0{name}" if not name.startswith(("input", "output", "constant")) else name, through)
                    for name, through in getattr(node, part)} for part in ("before", "after")}  # fmt: skip
    return Node(f"\0{node.name}", node.kind, node.weights, edges["before"], edges["after"], node.order)


def crossed_explanation(others: Mapping[str, str], again: Comparison) -> list[Explanation]:
    """What came of comparing with the layers taken for those that are fed alike."""
    forward = next(iter(again.forwards.values()))
    if not all(row.same for row in forward.rows):
        return []
    after = max((row.error64 for row in forward.rows if row.error64 is not None), default=0.0)
    pairs = ", ".join(f"{x} as {y}" for x, y in others.items())
    names = f"{again.names[0]} taken as these of {again.names[1]}"
    text = f"the names cross layers: with {pairs} ({names}), the outputs agree; say so with --map, or rename them"
    return [Explanation(text, float("nan"), after, "float64 forward", About("call", next(iter(others))))]
