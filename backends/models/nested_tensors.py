"""Tensors inside what people return and pass: tuples, lists, dicts, dataclasses, objects, one in another."""

from __future__ import annotations

import copy
import dataclasses
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

DEEPEST = 8
PLAIN = (bool, int, float, complex, str, bytes, type(None))


def tensors_in(content: Any, is_tensor: Callable[[Any], bool], name: str = "") -> list[tuple[str, Any]]:
    """(name, tensor) in order: "" for a tensor itself, "0", "mean", "states.1" within others."""
    if is_tensor(content):
        return [(name, content)]
    return _within(content, is_tensor, name, DEEPEST, set())


def _within(content: Any, is_tensor: Callable[[Any], bool], name: str, depth: int, seen: set[int]) -> list:
    if isinstance(content, PLAIN) or not depth:
        return []
    parts = _parts(content)
    if parts is None:
        if id(content) in seen:  # objects may well hold one another
            return []
        seen.add(id(content))
        parts = _held(content)
    tensors = []
    for key, value in parts:
        inner = f"{name}.{key}" if name else str(key)
        if is_tensor(value):
            tensors.append((inner, value))
        else:
            tensors += _within(value, is_tensor, inner, depth - 1, seen)
    return tensors


def _parts(content: Any) -> list[tuple[Any, Any]] | None:
    """What a container of a known kind holds; None of anything else."""
    if isinstance(content, Mapping):
        return list(content.items())
    if isinstance(content, (list, tuple)):
        return list(enumerate(content))
    if dataclasses.is_dataclass(content) and not isinstance(content, type):
        return [(each.name, getattr(content, each.name, None)) for each in dataclasses.fields(content)]
    return None


def _held(content: Any) -> list[tuple[Any, Any]]:
    """The public attributes of an object, such as a distribution or a cache; none of a module, a class, a function."""
    if callable(content) or isinstance(content, types.ModuleType):
        return []
    return [(key, value) for key, value in getattr(content, "__dict__", {}).items() if not str(key).startswith("_")]


def settled(content: Any, depth: int = 0) -> Any:
    """What a model gave, with lists in the place of iterators: what is yet to be computed is computed now."""
    if isinstance(content, Iterator):
        return [settled(each, depth + 1) for each in content]
    if depth <= DEEPEST and type(content) in (list, tuple):
        return type(content)([settled(each, depth + 1) for each in content])
    if depth <= DEEPEST and type(content) is dict:
        return {key: settled(value, depth + 1) for key, value in content.items()}
    return content


def map_tensors(content: Any, is_tensor: Callable[[Any], bool], change: Callable[[Any], Any]) -> Any:
    """The same structure with each tensor changed; what is no container of a known kind stays as it is."""
    if is_tensor(content):
        return change(content)
    parts = None if isinstance(content, PLAIN) else _parts(content)
    if not parts or not tensors_in(content, is_tensor):
        return content
    changed = {key: map_tensors(value, is_tensor, change) for key, value in parts}
    if isinstance(content, tuple):
        # Not by the constructor of a named tuple, which may check or compute its fields.
        make = getattr(content, "_make", None) or type(content)
        return make(list(changed.values()))
    if isinstance(content, (list, Mapping)):
        made = copy.copy(content)
        for key, value in changed.items():
            made[key] = value  # type: ignore[index]
        return made
    made = copy.copy(content)
    for key, value in changed.items():
        object.__setattr__(made, key, value)  # a frozen one too, and without what is computed from the fields
    return made


def dtype_of(tensor: Any) -> str:
    """What either framework calls the type of a tensor's elements, such as "bfloat16"."""
    return str(tensor.dtype).rpartition(".")[2]
