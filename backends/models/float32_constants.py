"""In float64, the numbers of one framework as the other has them, which keeps them in float32: see `Entry.float32`.

Only for the framework that does not round (`rounds_constants` of the contract): so what is compared is the mathematics.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...common.dictionary.entry import Argument, as_in_float32
from ...common.dictionary.index import AVERAGES, BY_KIND, OPERATIONS
from ..contract import Tensor, Tensors
from .arguments import positions

# Kind → the arguments that are kept in float32, by their first name: `clamp` has other names, and its numbers whole.
ROUNDED: dict[str, dict[str, Argument]] = {
    entry.kind: {argument.torch[0]: argument for argument in rounded}
    for entry in OPERATIONS
    if (
        rounded := [
            argument for argument in entry.arguments if argument.torch and entry.float32.get(argument.name, 0) is None
        ]
    )
}


def _is_float64(tensor: Any) -> bool:
    return str(getattr(tensor, "dtype", "")).endswith("float64")


def with_rounded_numbers(kind: str, name: str, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """What a function is given, with the arguments rounded that the other framework rounds.

    Args:
        name: of the function, as the framework calls it.
    """
    named = ROUNDED.get(kind)
    if named is None or not args or not _is_float64(args[0]):
        return args, kwargs

    def rounded(name: str, value: Any) -> Any:
        return as_in_float32(named[name], value) if name in named and isinstance(value, float) else value

    places = positions(kind, name)[: len(args) - 1]
    after = (rounded(place, value) for place, value in zip(places, args[1:], strict=False))
    args = (args[0], *after, *args[1 + len(places) :])
    return args, {name: rounded(name, value) for name, value in kwargs.items()}


def with_rounded_constants(kind: str, function: Callable, args: tuple, kwargs: dict) -> Tensor:
    """What a function makes, in float64 with rounded constants inside."""
    entry = BY_KIND[kind]
    if entry.on_tensors is None or not _is_float64(args[0]):
        return function(*args, **kwargs)
    return entry.on_tensors(args[0], **entry.float32)


def round_averaging(tensors: Tensors, kind: str, settings: dict, given: Tensor, made: Tensor) -> None:
    """Have the gradient of an average pool divided by a rounded count."""
    rule = BY_KIND[kind].gradient_factor if kind in AVERAGES else None
    if rule is not None and _is_float64(made) and tensors.has_gradient(made):
        factor = rule(settings, tuple(given.shape), tuple(made.shape))
        if factor is not None and factor != 1:
            tensors.on_gradient(made, lambda gradient: gradient * factor)
