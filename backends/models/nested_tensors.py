"""Tensors inside what people return and pass: tuples, lists, dicts, named tuples, dataclasses, one in another."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

DEEPEST = 8
_POOL = ("input", "kernel_size", "stride", "padding")
# PyTorch's built-in functions have no signature.
_POSITIONS = {
    "avg_pool": (*_POOL, "ceil_mode", "count_include_pad", "divisor_override"),
    "max_pool": (*_POOL, "dilation", "ceil_mode"),
    "softmax": ("input", "dim"), "log_softmax": ("input", "dim"),
    "cat": ("tensors", "dim"), "stack": ("tensors", "dim"),
    "mean": ("input", "dim", "keepdim"), "sum": ("input", "dim", "keepdim"),
    "flatten": ("input", "start_dim", "end_dim"), "clamp": ("input", "min", "max"),
    "leaky_relu": ("input", "negative_slope"),
}  # fmt: skip


def tensors_in(content: Any, is_tensor: Callable[[Any], bool], name: str = "", depth: int = 0) -> list[tuple[str, Any]]:
    """(name, tensor) in order: "" for a tensor itself, "0", "mean", "states.1" within others."""
    if is_tensor(content):
        return [(name, content)]
    if depth > DEEPEST:
        return []
    found = []
    for key, value in _parts(content):
        found += tensors_in(value, is_tensor, f"{name}.{key}" if name else str(key), depth + 1)
    return found


def _parts(content: Any) -> list[tuple[Any, Any]]:
    if isinstance(content, Mapping):
        return list(content.items())
    if isinstance(content, (list, tuple)):
        return list(enumerate(content))
    if dataclasses.is_dataclass(content) and not isinstance(content, type):
        return [(one.name, getattr(content, one.name)) for one in dataclasses.fields(content)]
    return []


def map_tensors(content: Any, is_tensor: Callable[[Any], bool], change: Callable[[Any], Any]) -> Any:
    """The same structure with each tensor changed; what is no container of a known kind stays as it is."""
    if is_tensor(content):
        return change(content)
    if isinstance(content, tuple) and hasattr(content, "_fields"):
        return type(content)(*(map_tensors(one, is_tensor, change) for one in content))
    if type(content) in (list, tuple):
        return type(content)(map_tensors(one, is_tensor, change) for one in content)
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


@lru_cache(maxsize=4096)
def _signature(function: Callable) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


def bound_arguments(function: Callable, args: tuple, kwargs: dict, is_tensor: Callable[[Any], bool]) -> dict:
    """What a function was told beside its tensors, by the name of the argument where its signature is known."""
    signature = _signature(function) if getattr(function, "__hash__", None) else None
    named: dict[str, Any] = {}
    if signature is not None:
        try:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            named = dict(bound.arguments)
        except TypeError:
            signature = None
    if signature is None:
        known = _POSITIONS.get(getattr(function, "__name__", "").rstrip("123d").rstrip("_"), ())
        named = {
            known[place] if place < len(known) else f"argument{place}": value for place, value in enumerate(args)
        } | kwargs
    return {name: plain(value) for name, value in named.items() if _is_plain(value, is_tensor)}


def _is_plain(value: Any, is_tensor: Callable[[Any], bool]) -> bool:
    if is_tensor(value) or value is None:
        return False
    if isinstance(value, (list, tuple)):
        return all(_is_plain(one, is_tensor) for one in value)
    return isinstance(value, (bool, int, float, str, slice)) or value is Ellipsis


def plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value if isinstance(value, (bool, int, float, str)) or value is None else str(value)
