"""What a function was told beside its tensors, by the name of each argument."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any

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
        return all(_is_plain(each, is_tensor) for each in value)
    return isinstance(value, (bool, int, float, str, slice)) or value is Ellipsis


def plain(value: Any) -> Any:
    """As JSON has it."""
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value if isinstance(value, (bool, int, float, str)) or value is None else str(value)
