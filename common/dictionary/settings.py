"""A layer's settings and a call's arguments as data, in one vocabulary, by the entry of what is called."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from .entry import Argument, Entry
from .index import BY_KIND, layer_entry
from .reparametrization import reparametrized

UNSAID = ("name", "inplace")  # of every function, and deciding nothing


def layer_settings(framework: str, entry: Entry, class_name: str, layer: Any) -> dict[str, Any]:
    """The settings of a layer that decide what it computes, under the entry's names and in PyTorch's conventions."""
    settings = {}
    for argument in entry.arguments:
        attribute, other = argument.attributes if framework == "torch" else argument.attributes[::-1]
        if attribute and hasattr(layer, attribute):
            value = _in_torch(framework, argument, _plain(getattr(layer, attribute)))
            if value is not None or other:
                settings[argument.name] = value
        elif framework == "torch" and argument.of_class:
            of_class = (value for start, value in argument.of_class.items() if class_name.startswith(start))
            settings[argument.name] = next(of_class, argument.default_torch)
        elif argument.absent is not None:
            settings[argument.name] = argument.absent
    return settings


def _in_torch(framework: str, argument: Argument, value: Any) -> Any:
    if framework == "torch" or argument.turned is None or value is None:
        return value
    return argument.turned.to_torch(value)


@cache
def _arguments_by_name(framework: str, kind: str) -> dict[str, Argument]:
    """What a framework calls the arguments of a kind; none where nothing is known of it."""
    arguments = BY_KIND[kind].arguments if kind in BY_KIND else ()
    named = [(argument.torch if framework == "torch" else argument.paddle, argument) for argument in arguments]
    return {name: argument for names, argument in reversed(named) for name in names}


def function_settings(framework: str, kind: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a function under the names that settings have; as they are where nothing is known of it."""
    known, settings = _arguments_by_name(framework, kind), {}
    for name, value in arguments.items():
        argument = known.get(name)
        if argument is not None:
            settings[argument.name] = _in_torch(framework, argument, value)
        elif name not in UNSAID:
            settings[name] = value
    return settings


def layer_record(
    framework: str, path: str, layer: Any, classes: list[str], library: bool, weights: dict[str, dict]
) -> dict:
    """What is known of one layer, as data: where it is, what it is, what it holds.

    Args:
        classes: the framework's own among its classes, nearest first.
        library: whether calling it runs the framework's own code alone.
    """
    name = type(layer).__name__
    entry = layer_entry(framework, classes)
    record = {
        "path": path, "class": name, "classes": classes, "library": library,
        "children": sum(1 for _ in layer.children()), "weights": weights,
        "settings": layer_settings(framework, entry, _named(framework, entry, classes), layer) if entry else {},
    }  # fmt: skip
    remade = reparametrized(framework, layer)
    return record | ({"reparametrized": remade} if remade else {})


def _named(framework: str, entry: Entry, classes: list[str]) -> str:
    """The class that an entry was found by."""
    return next(name for name in classes if layer_entry(framework, [name]) is entry)


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(element) for element in value]
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    return value.item() if hasattr(value, "item") and getattr(value, "size", 2) == 1 else str(value)
