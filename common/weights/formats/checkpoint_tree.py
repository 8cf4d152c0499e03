"""The content of a checkpoint as a tree: stand-ins turned into arrays, within bounds, and state dicts found in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...dictionary.index import MOMENTS
from ...errors import listed
from .bounded_bytes import DO_NOT_LOAD, Later, Malformed, quoted
from .pickle_reader import Attributes, LongBytes, LongText, Name, Ordered
from .pickled_numpy import PickledArray, PickledScalar, check_truths
from .stored import Array, Stored, is_array

MAX_DEPTH = 64
MAX_NODES = 1_000_000  # as they would be printed, so that sharing cannot multiply them
MAX_CONTAINERS = 200_000  # dicts, lists and tuples; they take longer than numbers to go through
MAX_NAMES = 50_000_000  # characters of all dotted names together
TEXT_NODE = 16  # characters of text that count as one node
MAX_SHARING = 8  # how many times the file's size its arrays may take when each mention is counted
_PLAIN = frozenset({int, float, bool, type(None)})
_OPTIMIZER_KEY = re.compile(rf"_({'|'.join(MOMENTS['paddle'])}|beta\d_pow_acc|mean_grad)_\d+$")
LISTED = 12  # names in one refusal
KINDS = ("weights", "optimiser")
NAME_TABLE = "StructuredToParameterName@@"


def resolve(content: Any, file_size: int) -> Any:
    """Replace the stand-ins of `content` by arrays and text; dicts, lists and tuples become plain ones.

    Raises:
        Malformed: something that is not data, a container inside itself, more than 64 levels, or sharing that
            makes a small file large when it is printed ("billion laughs") or written.
    """
    return _Resolver(MAX_SHARING * file_size + 2**20).visit(content, 0)[0]


class _Resolver:
    """Visits each node once. What a node costs when it is printed and written is added up with every mention."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.done: dict[int, tuple[Any, int, int, int]] = {}  # id -> value, nodes, bytes, levels
        self.open: set[int] = set()
        self.containers = 0

    def visit(self, node: Any, depth: int) -> tuple[Any, int, int, int]:
        kind = type(node)
        if kind in _PLAIN:
            return node, 1, 0, 0
        if kind is str:
            return node, 1 + len(node) // TEXT_NODE, 0, 0
        if kind is Attributes:
            return self.visit(node.state, depth)
        known = self.done.get(id(node))
        if known is None:
            if id(node) in self.open:
                raise Malformed("it holds a list or a dict that contains itself", DO_NOT_LOAD)
            self.open.add(id(node))
            known = self._leaf(node) if kind not in (dict, Ordered, list, tuple) else self._container(node, depth)
            self.open.remove(id(node))
            self.done[id(node)] = known
        if depth + known[3] > MAX_DEPTH:
            raise Malformed(f"it nests more than {MAX_DEPTH} levels deep", DO_NOT_LOAD)
        return known

    def _leaf(self, node: Any) -> tuple[Any, int, int, int]:
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
            case Name() if node.value is not None:
                return node.value, 1, 0, 0
        raise Malformed("it holds something that is neither a tensor nor a number, text, list or dict", DO_NOT_LOAD)

    def _container(self, node: Any, depth: int) -> tuple[Any, int, int, int]:
        if depth >= MAX_DEPTH:
            raise Malformed(f"it nests more than {MAX_DEPTH} levels deep", DO_NOT_LOAD)
        self.containers += 1
        if self.containers > MAX_CONTAINERS:
            raise Malformed(f"it holds more than {MAX_CONTAINERS:,} lists and dicts", DO_NOT_LOAD)
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
        if nodes > MAX_NODES or bytes_ > self.max_bytes:
            raise Malformed("it repeats its own content so often that it could not be written out", DO_NOT_LOAD)
        return made, nodes, bytes_, levels


def is_optimizer(node: Any) -> bool:
    """Whether a dict is an optimiser's state: torch's two keys, or Paddle's `…_moment1_0` names or LR_Scheduler."""
    if not isinstance(node, dict):
        return False
    if "state" in node and "param_groups" in node:
        return True
    if "LR_Scheduler" in node and node.keys() <= {"LR_Scheduler", "master_weights"}:
        return True
    return any(type(key) is str and is_array(value) and _OPTIMIZER_KEY.search(key) for key, value in node.items())


def flatten(node: Any) -> dict[str, Array]:
    """The arrays of a tree by their dotted names; the names of a flat state dict stay as they are."""
    return {"tensor": node} if is_array(node) else _named(_arrays(node, None))


def _named(parts: Iterator[tuple[str, Any]]) -> dict[str, Any]:
    """A dict of named parts. Names that meet are refused, and names that a long prefix would make too many of."""
    named: dict[str, Any] = {}
    length = 0
    for name, part in parts:
        length += len(name)
        if name in named:
            raise Malformed(f"two parts of it have the same name, {quoted(name)}")
        if length > MAX_NAMES:
            raise Malformed("the names of its tensors are too long")
        named[name] = part
    return named


def _children(node: Any, where: str | None) -> Iterator[tuple[str, Any]]:
    """What a container holds, with dotted names; `where` is its own, None at the top."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, (list, tuple)) else ()
    for key, value in items:
        yield (str(key) if where is None else f"{where}.{key}"), value


def _arrays(node: Any, where: str | None) -> Iterator[tuple[str, Array]]:
    for name, value in _children(node, where):
        if is_array(value):
            yield name, value
        else:
            yield from _arrays(value, name)


def select(tree: Any, key: str | None, kind: str | None) -> tuple[str | None, Any]:
    """The state dict in a checkpoint, and the dotted key where it was found (None: the whole file is one).

    `kind` is "weights" or "optimiser" where the caller wants only that. The key "." means the whole file.

    Raises:
        Malformed: `key` is not there, or several would do; the message lists them.
    """
    if key == ".":
        return None, tree
    if key is not None:
        dicts = _named(_dicts(tree, None, everywhere=True))
        if key not in dicts:
            raise Malformed(f"there is no {quoted(key)} in it", _choices(dicts))
        return key, dicts[key]
    states = state_dicts(tree)
    wanted = [where for where, optimizer in states.items() if optimizer == (kind == "optimiser")]
    if not wanted and kind is None:
        wanted = list(states)
    if len(wanted) > 1 and kind == "weights":
        wanted = _with_arrays(tree, wanted) or wanted
    if len(wanted) > 1:
        raise Malformed(f"it holds {len(wanted)} sets of tensors", _choices(wanted))
    if not wanted:
        if kind is not None and states:
            raise Malformed(f"it holds no {kind}, only {next(k for k in KINDS if k != kind)}", "give the other file")
        return None, tree
    dicts = _named(_dicts(tree, None))
    return (None if wanted[0] == "." else wanted[0]), dicts[wanted[0]]


def _with_arrays(tree: Any, keys: list[str]) -> list[str]:
    """Those of several tables that hold more than single numbers, which scores and losses are kept as."""
    dicts = _named(_dicts(tree, None))
    return [key for key in keys if any(is_array(value) and value.ndim for value in dicts[key].values())]


def part_at(tree: Any, key: str | None) -> Any:
    """The dict at a dotted key that `state_dicts` gave; the whole tree for None or "."."""
    return tree if key in (None, ".") else _named(_dicts(tree, None, everywhere=True))[key]


def state_dicts(tree: Any) -> dict[str, bool]:
    """The dotted keys of the dicts that hold tensors ("." is the top), and whether each is an optimiser's state."""
    dicts = _named(_dicts(tree, None))
    return {where: is_optimizer(node) for where, node in dicts.items() if is_optimizer(node) or _is_state(node)}


def _dicts(node: Any, where: str | None, everywhere: bool = False) -> Iterator[tuple[str, Any]]:
    """Every dict of a tree with its dotted key; what lies inside an optimiser's state only if asked for."""
    if isinstance(node, dict):
        yield "." if where is None else where, node
        if is_optimizer(node) and not everywhere:
            return
    for name, value in _children(node, where):
        yield from _dicts(value, name, everywhere)


def _is_state(node: dict) -> bool:
    """Whether a dict holds tensors itself. Beside other dicts, a lone number (a loss) does not count."""
    least = 2 if any(isinstance(value, dict) and key != NAME_TABLE for key, value in node.items()) else 0
    return any(is_array(value) and value.size >= least for value in node.values())


def _choices(keys: Any) -> str:
    shown = [quoted(key, 40) for key in keys]
    return f"choose with --key one of {listed(shown, LISTED)}" if shown else "there is nothing to choose from"
