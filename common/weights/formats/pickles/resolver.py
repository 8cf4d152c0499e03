"""From what a pickle was read into to a tree of plain data and arrays, within bounds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..bounded_bytes import DO_NOT_LOAD, Later, Malformed
from ..stored import Stored
from .modules import Module, is_module
from .pickled_numpy import PickledArray, PickledDtype, PickledScalar, check_truths
from .values import Attributes, Items, LongBytes, LongText, Name, Ordered, StandIn

MAX_DEPTH = 64
MAX_NODES = 1_000_000  # as they would be printed, so that sharing cannot multiply them
MAX_CONTAINERS = 200_000  # dicts, lists and tuples; they take longer than numbers to go through
TEXT_NODE = 16  # characters of text that count as one node
MAX_SHARING = 8  # how many times the file's size its arrays may take when each mention is counted
SHOWN = 4  # arguments of an object in the text that stands for it
_PLAIN = frozenset({int, float, bool, type(None)})
_CONTAINERS = frozenset({dict, Ordered, list, tuple, Items, Module})
Visited = tuple[Any, int, int, int]  # value, nodes, bytes, levels


@dataclass
class Told:
    """What a pickle tells beside its content.

    `objects`: class or function → how often it occurs, where nothing is known but what the file gives it. `modules`:
    the id of a state dict that a whole module was read as → path of a layer → its class. `left_out`: tensors of modules
    that are neither parameters nor buffers. `aside`: the ids of dicts that stand for other objects.
    """

    objects: Counter[str] = field(default_factory=Counter)
    modules: dict[int, dict[str, str]] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    aside: set[int] = field(default_factory=set)


class _Endless(Malformed):
    """A container inside itself, or too deep; an object's attribute that is one is left out."""


class Resolver:
    """Visits each node once. What a node costs when it is printed and written is added up with every mention."""

    def __init__(self, file_size: int, told: Told) -> None:
        self.max_bytes = MAX_SHARING * file_size + 2**20
        self.told = told
        self.done: dict[int, Visited] = {}
        self.open: set[int] = set()
        self.kept: list[Any] = []  # what is made on the way and is known by its id
        self.failed: set[int] = set()
        self.objects = 0  # that are open
        self.containers = 0

    def visit(self, node: Any, depth: int) -> Visited:
        kind = type(node)
        if kind in _PLAIN:
            return node, 1, 0, 0
        if kind is str:
            return node, 1 + len(node) // TEXT_NODE, 0, 0
        if kind is Attributes:
            return self.visit(node.state, depth)
        known = self.done.get(id(node))
        if known is None:
            known = self._first_visit(node, kind, depth)
        if depth + known[3] > MAX_DEPTH:
            raise _Endless(f"it nests more than {MAX_DEPTH} levels deep", DO_NOT_LOAD)
        return known

    def _first_visit(self, node: Any, kind: type, depth: int) -> Visited:
        if id(node) in self.open or (self.objects and id(node) in self.failed):
            raise _Endless("it holds a list or a dict that contains itself", DO_NOT_LOAD)
        self.open.add(id(node))
        try:
            if kind is StandIn:
                known = self._object(node, depth)
            else:
                known = self._container(node, depth) if kind in _CONTAINERS else self._leaf(node)
        except _Endless:
            self.failed.add(id(node))
            raise
        finally:
            self.open.remove(id(node))
        self.done[id(node)] = known
        return known

    def _leaf(self, node: Any) -> Visited:
        match node:
            case LongText():
                try:
                    return node.text(), 1 + len(node.raw) // TEXT_NODE, 0, 0
                except UnicodeDecodeError:
                    raise Malformed("it holds text that cannot be decoded") from None
            case PickledArray():
                array = node.content()
                return array, 1, array.nbytes, 0
            case PickledScalar():
                return node.content, 1, 0, 0
            case PickledDtype():
                return str(node.dtype), 1, 0, 0
            case np.ndarray():  # a tensor that the torch reader has made
                check_truths(node)
                return node, 1, node.nbytes, 0
            case Stored():
                return node, 1, node.nbytes, 0
            case LongBytes():
                raw = node.raw.read() if type(node.raw) is Later else node.raw
                return raw.tobytes(), 1 + len(raw) // TEXT_NODE, 0, 0
            case bytes():
                return node, 1 + len(node) // TEXT_NODE, 0, 0
            case Name(unread=True):
                self.told.objects[node.label] += 1
                return node.label, 1 + len(node.label) // TEXT_NODE, 0, 0
            case Name() if node.value is not None:
                return node.value, 1, 0, 0
        raise Malformed("it holds something that is neither a tensor nor a number, text, list or dict", DO_NOT_LOAD)

    def _container(self, node: Any, depth: int) -> Visited:
        if depth >= MAX_DEPTH:
            raise _Endless(f"it nests more than {MAX_DEPTH} levels deep", DO_NOT_LOAD)
        self._count()
        children = node.values() if isinstance(node, dict) else node
        values, nodes, bytes_, levels = [], 1, 0, 1
        for child in children:  # one loop: hostile files hold a great many small containers
            value, its_nodes, its_bytes, its_levels = self.visit(child, depth + 1)
            values.append(value)
            nodes, bytes_ = nodes + its_nodes, bytes_ + its_bytes
            levels = max(levels, 1 + its_levels)
        if isinstance(node, dict):
            nodes += sum(1 + (len(key) // TEXT_NODE if type(key) is str else 0) for key in node)
            made: Any = dict(zip(node, values, strict=True))
        else:
            made = tuple(values) if type(node) is tuple else values
        self._within(nodes, bytes_)
        return made, nodes, bytes_, levels

    def _object(self, node: StandIn, depth: int) -> Visited:
        """A module as its state dict, a configuration as what it says; of another object what can be shown of it."""
        if depth >= MAX_DEPTH:
            raise _Endless(f"it nests more than {MAX_DEPTH} levels deep", DO_NOT_LOAD)
        self._count()
        if is_module(node):
            return self._module(node, depth)
        state = node.attributes()
        if node.label.startswith("omegaconf."):
            for held in ("_content", "_val"):
                if held in state:
                    return self.visit(state[held], depth)
        self.told.objects[node.label] += 1
        self.objects += 1
        try:
            content, nodes, bytes_, levels = self._parts(node, state, depth)
        finally:
            self.objects -= 1
        if not content:
            shown = ", ".join(map(str, node.arguments[:SHOWN])) if self._all_plain(node.arguments) else ""
            text = f"{node.label}({shown})"
            return text, 1 + len(text) // TEXT_NODE, 0, 0
        self._within(nodes, bytes_)
        self.told.aside.add(id(content))
        return content, nodes, bytes_, levels

    def _parts(self, node: StandIn, state: dict, depth: int) -> Visited:
        """The arguments that are more than numbers and words, the attributes and the items of an object."""
        parts: list[tuple[Any, Any]] = []
        if not self._all_plain(node.arguments):
            parts += [(f"argument {at}", part) for at, part in enumerate(node.arguments)]
        parts += [*state.items(), *enumerate(node.elements), *node.entries.items()]
        if node.state is not None and not state:
            parts.append(("state", node.state))
        content: dict[Any, Any] = {}
        nodes, bytes_, levels = 1, 0, 1
        for key, part in parts:
            try:
                value, its_nodes, its_bytes, its_levels = self.visit(part, depth + 1)
            except _Endless:  # objects refer to their parents and to one another
                value, its_nodes, its_bytes, its_levels = (part.label if type(part) is StandIn else "…"), 4, 0, 0
            content[key] = value
            nodes += 1 + its_nodes + (len(key) // TEXT_NODE if type(key) is str else 0)
            bytes_, levels = bytes_ + its_bytes, max(levels, 1 + its_levels)
        return content, nodes, bytes_, levels

    def _module(self, node: StandIn, depth: int) -> Visited:
        module = Module(node)
        self.kept.append(module)
        known = self._container(module, depth)
        self.told.modules[id(known[0])] = module.kinds
        self.told.left_out += module.left_out
        return known

    @staticmethod
    def _all_plain(arguments: tuple) -> bool:
        return all(type(part) in _PLAIN or (type(part) is str and len(part) < 100) for part in arguments[: SHOWN + 1])

    def _count(self) -> None:
        self.containers += 1
        if self.containers > MAX_CONTAINERS:
            raise Malformed(f"it holds more than {MAX_CONTAINERS:,} lists and dicts", DO_NOT_LOAD)

    def _within(self, nodes: int, bytes_: int) -> None:
        if nodes > MAX_NODES or bytes_ > self.max_bytes:
            raise Malformed("it repeats its own content so often that it could not be written out", DO_NOT_LOAD)
