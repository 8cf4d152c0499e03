"""The content of a checkpoint as a tree: stand-ins turned into arrays, within bounds, and state dicts found in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ...dictionary.index import MOMENTS
from ...errors import listed
from .bounded_bytes import Malformed, quoted
from .pickles.resolver import Resolver, Told
from .stored import Array, is_array

MAX_NAMES = 50_000_000  # characters of all dotted names together
_OPTIMIZER_KEY = re.compile(rf"_({'|'.join(MOMENTS['paddle'])}|beta\d_pow_acc)_\d+$")
LISTED = 12  # names in one refusal
KINDS = ("weights", "optimiser")
NAME_TABLE = "StructuredToParameterName@@"


def resolve(content: Any, file_size: int, told: Told | None = None) -> Any:
    """Replace the stand-ins of `content` by arrays and text; dicts, lists and tuples become plain ones.

    What is told beside the content is put into `told`.

    Raises:
        Malformed: something that is not data, a container inside itself, more than 64 levels, or sharing that
            makes a small file large when it is printed ("billion laughs") or written.
    """
    return Resolver(file_size, told or Told()).visit(content, 0)[0]


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


def select(
    tree: Any, key: str | None, kind: str | None, aside: Collection[int] = frozenset()
) -> tuple[str | None, Any]:
    """The state dict in a checkpoint, and the dotted key where it was found (None: the whole file is one).

    `kind` is "weights" or "optimiser" where the caller wants only that. The key "." means the whole file. `aside`: the
    ids of dicts that stand for objects beside the weights, such as a callback's, and give way to others.

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
    if len(wanted) > 1 and aside:
        outside = {where for where, _ in _dicts(tree, None, aside=aside)}
        wanted = [where for where in wanted if where in outside] or wanted
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


def layers_in(tree: Any, modules: Mapping[int, Mapping[str, str]]) -> dict[str, str]:
    """Dotted path → class of each layer of the whole modules in a tree, which are given by the `id` of their dict."""
    if not modules:
        return {}
    found = [("", tree)] if id(tree) in modules else []
    found += [(name, node) for name, node in _dicts(tree, None) if id(node) in modules and node is not tree]
    return {
        ".".join(filter(None, (name, path))): kind for name, node in found for path, kind in modules[id(node)].items()
    }


def _dicts(
    node: Any, where: str | None, everywhere: bool = False, aside: Collection[int] = frozenset()
) -> Iterator[tuple[str, Any]]:
    """Every dict of a tree with its dotted key; what lies inside an optimiser's state only if asked for.

    What lies in a dict whose `id` is in `aside` is passed over.
    """
    if isinstance(node, dict):
        if id(node) in aside:
            return
        yield "." if where is None else where, node
        if is_optimizer(node) and not everywhere:
            return
    for name, value in _children(node, where):
        yield from _dicts(value, name, everywhere, aside)


def _is_state(node: dict) -> bool:
    """Whether a dict holds tensors itself. Beside other dicts, a lone number (a loss) does not count."""
    least = 2 if any(isinstance(value, dict) and key != NAME_TABLE for key, value in node.items()) else 0
    return any(is_array(value) and value.size >= least for value in node.values())


def _choices(keys: Any) -> str:
    shown = [quoted(key, 40) for key in keys]
    return f"choose with --key one of {listed(shown, LISTED)}" if shown else "there is nothing to choose from"
