"""Tensors inside what people return and pass: tuples, lists, dicts, named tuples, dataclasses, one in another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

DEEPEST = 8


def tensors_in(content: Any, is_tensor: Callable[[Any], bool], name: str = "", depth: int = 0) -> list[tuple[str, Any]]:
    """(name, tensor) in order: "" for a tensor itself, "0", "mean", "states.1" within others."""
    if is_tensor(content):
        return [(name, content)]
    if depth > DEEPEST:
        return []
    tensors = []
    for key, value in _parts(content):
        tensors += tensors_in(value, is_tensor, f"{name}.{key}" if name else str(key), depth + 1)
    return tensors


def _parts(content: Any) -> list[tuple[Any, Any]]:
    if isinstance(content, Mapping):
        return list(content.items())
    if isinstance(content, (list, tuple)):
        return list(enumerate(content))
    if dataclasses.is_dataclass(content) and not isinstance(content, type):
        return [(each.name, getattr(content, each.name)) for each in dataclasses.fields(content)]
    return []


def map_tensors(content: Any, is_tensor: Callable[[Any], bool], change: Callable[[Any], Any]) -> Any:
    """The same structure with each tensor changed; what is no container of a known kind stays as it is."""
    if is_tensor(content):
        return change(content)
    if isinstance(content, tuple) and hasattr(content, "_fields"):
        return type(content)(*(map_tensors(each, is_tensor, change) for each in content))
    if type(content) in (list, tuple):
        return type(content)(map_tensors(each, is_tensor, change) for each in content)
    if isinstance(content, dict):
        changed = {key: map_tensors(value, is_tensor, change) for key, value in content.items()}
        if type(content) is dict:
            return changed
        content.update(changed)
        return content
    if dataclasses.is_dataclass(content) and not isinstance(content, type):
        return dataclasses.replace(
            content, **{name: map_tensors(value, is_tensor, change) for name, value in _parts(content)}
        )
    return content
