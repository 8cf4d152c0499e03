"""What a function was told beside its tensors, by the name of each argument."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

from ...common.dictionary.index import BY_KIND


@lru_cache(maxsize=4096)
def _signature(function: Callable) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):
        return None


@cache
def positions(kind: str, name: str) -> tuple[str, ...]:
    """The arguments of a function without a signature, in order, after its input, by the entry of its kind."""
    return tuple(BY_KIND[kind].positions.get(name.strip("_"), "").split()) if kind in BY_KIND else ()


def bound_arguments(
    function: Callable, args: tuple, kwargs: dict, is_tensor: Callable[[Any], bool], places: tuple[str, ...] = ()
) -> dict:
    """What a function was told beside its tensors, by the name of each argument.

    Args:
        places: the arguments after its input, for a function whose signature cannot be read.
    """
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
        known = ("argument0", *places)
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
