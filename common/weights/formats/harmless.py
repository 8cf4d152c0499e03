"""Names that checkpoints carry beside their weights, and the plain data that stands in for what they would make.

Training scripts keep their options with the weights: an `argparse.Namespace`, a path, an enumeration. None of these is
made here: a namespace becomes a dict of its attributes, a path the text of it. One row of the table teaches another.
"""

from __future__ import annotations

from typing import Any

from .bounded_bytes import DO_NOT_LOAD, Malformed
from .pickle_reader import LONG_PAYLOAD, Attributes, Name, Ordered


def _attributes(arguments: tuple) -> Attributes:
    """An object made without arguments; its attributes arrive as a dict afterwards."""
    if arguments:
        raise _damaged("a namespace")
    return Attributes()


def _path(arguments: tuple) -> str:
    """The parts of a path, joined; "/" first where it is absolute."""
    if any(type(part) is not str for part in arguments) or sum(map(len, arguments)) > LONG_PAYLOAD:
        raise _damaged("a path")
    root = arguments[:1] == ("/",)
    return "/" * root + "/".join(arguments[root:])


def _items(arguments: tuple) -> list:
    """A set, as the list of what is in it."""
    match arguments:
        case (list() as items,):
            return items
    raise _damaged("a set")


def _default(arguments: tuple) -> Ordered:
    """A dict with a default: its items alone."""
    if len(arguments) > 1 or not all(type(argument) is Name for argument in arguments):
        raise _damaged("a dict")
    return Ordered()


def _damaged(what: str) -> Malformed:
    return Malformed(f"it holds {what} whose description is damaged", DO_NOT_LOAD)


# Module and name → what stands in for it. A kind of object that people keep beside weights is one more row.
_STAND_INS: dict[tuple[str, str], Any] = {
    ("argparse", "Namespace"): _attributes,
    ("types", "SimpleNamespace"): _attributes,
    **{
        (module, name): _path
        for module in ("pathlib", "pathlib._local")
        for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath", "Path", "PurePath")
    },
    **{(module, name): _items for module in ("builtins", "__builtin__") for name in ("set", "frozenset")},
    ("collections", "defaultdict"): _default,
}
# Types that only stand as a default of something else.
_TYPES = ("dict", "list", "int", "float", "str", "bool")


def harmless_names() -> dict[tuple[str, str], Name]:
    """The names that are read as plain data, whatever the file is."""
    names = {where: Name(f"{where[0]}.{where[1]}", call, new=call is _attributes) for where, call in _STAND_INS.items()}
    for module in ("builtins", "__builtin__"):
        for name in _TYPES:
            names[module, name] = Name(name, value=name)
    return names
