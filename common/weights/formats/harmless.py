"""Names that checkpoints carry beside their weights, and the plain data that stands in for what they would make.

Training scripts keep their options with the weights: an `argparse.Namespace`, a path, a date. None of these is made
here: a namespace becomes a dict of its attributes, a path the text of it. One row of the table teaches another.
"""

from __future__ import annotations

import datetime
from typing import Any

from .bounded_bytes import DO_NOT_LOAD, Malformed, quoted
from .pickles.machine import LONG_PAYLOAD
from .pickles.names import member
from .pickles.values import Attributes, Items, LongBytes, Name, Ordered, StandIn


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
        case ():
            return Items()
        case (list() as items,):
            return items
    raise _damaged("a set")


def _queue(arguments: tuple) -> list:
    """A deque, as the list of what is in it."""
    match arguments:
        case () | ([],) | ((),) | ([] | (), int() | None):
            return []
    raise _damaged("a deque")


def _default(arguments: tuple) -> Ordered:
    """A dict with a default: its items alone."""
    if len(arguments) > 1 or not all(type(argument) in (Name, StandIn, type(None)) for argument in arguments):
        raise _damaged("a dict")
    return Ordered()


def _plain(arguments: tuple) -> str:
    """Something that is made of a few numbers or words, as the text of them."""
    if len(arguments) > 8 or any(type(part) not in (str, int, float, bool, type(None)) for part in arguments):
        raise _damaged("a value")
    return quoted(", ".join(map(str, arguments)), LONG_PAYLOAD)[1:-1]


def _moment(arguments: tuple) -> str:
    """A date, a time or both, from the bytes that Python's own classes are pickled as; a zone is left out."""
    match arguments:
        case (bytes() as raw, *zone) if len(raw) in (4, 6, 10) and len(zone) <= 1:
            try:
                if len(raw) == 6:
                    return str(_time(raw))
                date = datetime.date(int.from_bytes(raw[:2], "big"), raw[2], raw[3])
                return str(date) if len(raw) == 4 else f"{date} {_time(raw[4:])}"
            except ValueError:
                pass
    raise _damaged("a date")


def _time(raw: bytes) -> datetime.time:
    return datetime.time(raw[0], raw[1], raw[2], int.from_bytes(raw[3:], "big"))


def _duration(arguments: tuple) -> str:
    match arguments:
        case (int() as days, int() as seconds, int() as micros):
            try:
                return str(datetime.timedelta(days, seconds, micros))
            except OverflowError:
                pass
    raise _damaged("a duration")


def _remade(arguments: tuple) -> StandIn:
    """`copyreg._reconstructor(class, base, state of the base)`: an object as the first protocols have it."""
    match arguments:
        case (Name(new=make), Name(), _) if make is not None:
            made = make(())
            if type(made) is StandIn:
                return made
    raise _damaged("an object")


def _bytes(arguments: tuple) -> bytes | LongBytes:
    match arguments:
        case ():
            return b""
        case (bytes() | LongBytes() as content,):
            return content
    raise _damaged("bytes")


def _called(label: str) -> Name:
    """A function of which a call is harmless, and what it gives is not read."""
    return Name(label, lambda arguments: StandIn(label, arguments), unread=True)


def _damaged(what: str) -> Malformed:
    return Malformed(f"it holds {what} whose description is damaged", DO_NOT_LOAD)


_BUILTINS = ("builtins", "__builtin__")
# Module and name → what stands in for it. A kind of object that people keep beside weights is one more row.
_STAND_INS: dict[tuple[str, str], Any] = {
    ("argparse", "Namespace"): _attributes,
    ("types", "SimpleNamespace"): _attributes,
    **{
        (module, name): _path
        for module in ("pathlib", "pathlib._local")
        for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath", "Path", "PurePath")
    },
    **{(module, name): _items for module in _BUILTINS for name in ("set", "frozenset")},
    **{(module, name): _plain for module in _BUILTINS for name in ("complex", "slice", "range", "xrange")},
    **{(module, "bytearray"): _bytes for module in _BUILTINS},
    **{(module, "getattr"): member for module in _BUILTINS},
    ("collections", "defaultdict"): _default,
    ("collections", "deque"): _queue,
    ("datetime", "datetime"): _moment,
    ("datetime", "date"): _moment,
    ("datetime", "time"): _moment,
    ("datetime", "timedelta"): _duration,
    ("datetime", "timezone"): _plain,
    ("decimal", "Decimal"): _plain,
    ("fractions", "Fraction"): _plain,
    ("re", "_compile"): _plain,
    ("copyreg", "_reconstructor"): _remade,
    ("copy_reg", "_reconstructor"): _remade,
}
# Types that only stand as a default of something else.
_TYPES = ("dict", "list", "int", "float", "str", "bool", "long", "unicode")
_CALLED = (
    "functools.partial", "logging.getLogger", "numpy.random.__RandomState_ctor",
    "numpy.random._pickle.__randomstate_ctor", "numpy.random._pickle.__generator_ctor",
    "numpy.random._pickle.__bit_generator_ctor",
)  # fmt: skip


def harmless_names() -> dict[tuple[str, str], Name]:
    """The names that are read as plain data, whatever the file is."""
    names = {
        where: Name(f"{where[0]}.{where[1]}", call, new=call if call is _attributes else None)
        for where, call in _STAND_INS.items()
    }
    for module in _BUILTINS:
        for name in _TYPES:
            names[module, name] = Name(name, value=name)
    for label in _CALLED:
        module, _, name = label.rpartition(".")
        names[module, name] = _called(label)
    return names
