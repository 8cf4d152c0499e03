"""What the operations of a program are told: numbers, sizes and types, from tensors or attributes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import paddle

Inputs = Sequence[Any]  # tensors; a list of them where the operation takes a list; None where one is left out
Attributes = Mapping[str, Any]
Operation = Callable[[Inputs, Attributes], Any]


def padded(given: Inputs, count: int) -> list[Any]:
    """So many inputs; None for those that are left out at the end."""
    return [*given, *[None] * count][:count]


def number(given: Any) -> float:
    """A number that is one already, or the only element of a tensor."""
    held: Any = given.item() if isinstance(given, paddle.Tensor) else given
    return float(held)


def numbers(given: Any, otherwise: Any = ()) -> list[int]:
    """Whole numbers of an input or an attribute: a tensor, a list of tensors, or numbers already."""
    held: Any = otherwise if given is None else given
    if isinstance(held, paddle.Tensor):
        held = held.reshape([-1]).tolist()
    return [int(number(each)) for each in (held if isinstance(held, (list, tuple)) else [held])]


def type_of(name: Any) -> Any:
    """A type of values: of real numbers that of the pass, which in float64 is to stay there."""
    return paddle.get_default_dtype() if str(name) == "float32" else name


def second(given: Inputs, attributes: Attributes, *names: str) -> Any:
    """The second input, or the attribute that stands in for it."""
    if len(given) > 1 and given[1] is not None:
        return given[1]
    return next((attributes[name] for name in names if name in attributes), None)


def paddings(attributes: Attributes) -> Any:
    """How a convolution or a pool is padded, as the functions take it."""
    algorithm = attributes.get("padding_algorithm", "EXPLICIT")
    if algorithm != "EXPLICIT":
        return algorithm
    given = numbers(attributes.get("paddings", [0]))
    halves = given[::2], given[1::2]
    return given[::2] if len(given) == 4 and halves[0] == halves[1] else given
