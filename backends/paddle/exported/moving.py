"""Operations of a program that make, move or choose values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paddle
from paddle.nn import functional

from .arguments import Attributes, Inputs, Operation, number, numbers, padded, second, type_of


def reshape(given: Inputs, attributes: Attributes) -> Any:
    shape = second(given, attributes, "shape")
    return given[0].reshape(numbers(shape))


def flatten(given: Inputs, attributes: Attributes) -> Any:
    return given[0].flatten(int(attributes["start_axis"]), int(attributes["stop_axis"]))


def sliced(given: Inputs, attributes: Attributes) -> Any:
    x = given[0]
    starts = numbers(given[1] if len(given) > 1 else None, attributes.get("starts", ()))
    ends = numbers(given[2] if len(given) > 2 else None, attributes.get("ends", ()))
    places: list[Any] = [slice(None)] * x.ndim
    dropped = set(numbers(attributes.get("decrease_axis", ())))
    for axis, start, end in zip(numbers(attributes["axes"]), starts, ends, strict=True):
        places[axis] = start if axis in dropped else slice(start, end)
    return x[tuple(places)]


def strided_slice(given: Inputs, attributes: Attributes) -> Any:
    starts, ends, steps = (
        numbers(told, attributes.get(name, ()))
        for told, name in zip(padded(given, 4)[1:], ("starts", "ends", "strides"), strict=True)
    )
    return paddle.strided_slice(given[0], numbers(attributes["axes"]), starts, ends, steps)


def split(given: Inputs, attributes: Attributes) -> Any:
    sections = numbers(second(given, attributes, "sections"))
    axis = given[2] if len(given) > 2 and given[2] is not None else attributes.get("axis", 0)
    return paddle.split(given[0], sections or int(attributes["num"]), int(number(axis)))


def split_evenly(given: Inputs, attributes: Attributes) -> Any:
    return paddle.split(given[0], int(attributes["num"]), int(number(second(given, attributes, "axis"))))


def concat(given: Inputs, attributes: Attributes) -> Any:
    return paddle.concat(given[0], int(number(second(given, attributes, "axis") or 0)))


def expand(given: Inputs, attributes: Attributes) -> Any:
    return given[0].expand(numbers(second(given, attributes, "shape")))


def tile(given: Inputs, attributes: Attributes) -> Any:
    return given[0].tile(numbers(second(given, attributes, "repeat_times")))


def squeeze(function: Callable) -> Operation:
    def made(given: Inputs, attributes: Attributes) -> Any:
        return function(given[0], numbers(second(given, attributes, "axis", "axes")))

    return made


def gather(given: Inputs, attributes: Attributes) -> Any:
    return paddle.gather(given[0], given[1], int(number(given[2] if len(given) > 2 else attributes.get("axis", 0))))


def bordered(given: Inputs, attributes: Attributes) -> Any:
    """Of five axes, as all padding is written."""
    sides = numbers(second(given, attributes, "paddings"))
    value = attributes.get("pad_value", attributes.get("value", 0.0))
    return functional.pad(given[0], sides, attributes["mode"], value, attributes.get("data_format", "NCDHW"))


def bordered_all(given: Inputs, attributes: Attributes) -> Any:
    value = second(given, attributes, "pad_value")
    return functional.pad(given[0], numbers(attributes["paddings"]), "constant", number(value or 0.0),
                          pad_from_left_axis=True)  # fmt: skip


def triangle(function: Callable) -> Operation:
    return lambda given, attributes: function(given[0], int(attributes.get("diagonal", 0)))


def full(given: Inputs, attributes: Attributes) -> Any:
    told = attributes.get("str_value")
    value = float(told) if told else attributes["value"]
    shape = numbers(given[0] if given and given[0] is not None else attributes["shape"])
    real = str(attributes["dtype"]).startswith("float")
    return paddle.full(shape, value if real else int(value), type_of(attributes["dtype"]))


def filled(given: Inputs, attributes: Attributes) -> Any:
    return paddle.full(numbers(given[1]), given[0].item(), type_of(attributes["dtype"]))


def held(given: Inputs, attributes: Attributes) -> Any:
    """An array that the program holds itself."""
    values = next((attributes[name] for name in ("values", "fp32_values", "int32_values", "int64_values", "bool_values")
                   if attributes.get(name)), [])  # fmt: skip
    return paddle.to_tensor(values, dtype=type_of(attributes["dtype"])).reshape(numbers(attributes["shape"]))


def cast(given: Inputs, attributes: Attributes) -> Any:
    return given[0].astype(type_of(attributes.get("dtype", attributes.get("out_dtype"))))


def arange(given: Inputs, attributes: Attributes) -> Any:
    told: list[Any] = [each.item() if isinstance(each, paddle.Tensor) else each for each in given[:3]]
    return paddle.arange(*told, dtype=attributes.get("dtype"))


def top(given: Inputs, attributes: Attributes) -> Any:
    count, axis = int(number(second(given, attributes, "k"))), int(attributes.get("axis", -1))
    return paddle.topk(given[0], count, axis, bool(attributes["largest"]), bool(attributes["sorted"]))


def argmax(given: Inputs, attributes: Attributes) -> Any:
    axis = None if attributes.get("flatten") else int(number(second(given, attributes, "axis")))
    return paddle.argmax(given[0], axis, bool(attributes.get("keepdims", False)))
