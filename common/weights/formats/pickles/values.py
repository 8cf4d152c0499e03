"""What the pickle reader puts in place of Python's objects: stand-ins that hold what the file says and do nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..bounded_bytes import DO_NOT_LOAD, Malformed, quoted


def asks_to_run(what: str) -> Malformed:
    """The refusal of a name that is not one of data."""
    return Malformed(f"it asks to run {quoted(what)}, which is refused (nothing was run)", DO_NOT_LOAD)


@dataclass(frozen=True)
class Name:
    """A name that may be in a file. `call` makes a stand-in from a tuple of arguments, `new` from those of an object
    that is made without its class's own `__init__`; `value` is what the bare name means. `unread`: it is known by its
    name alone."""

    label: str
    call: Callable[[tuple], Any] | None = None
    value: Any = None
    new: Callable[[tuple], Any] | None = None
    unread: bool = False


@dataclass(frozen=True, eq=False)
class LongText:
    """Text not decoded yet: an array written by protocol 2 arrives like this, and is large."""

    raw: Any

    def text(self) -> str:
        return str(memoryview(self.raw), "utf-8", "surrogatepass")


@dataclass(frozen=True, eq=False)
class LongBytes:
    """A long byte string: the uint8 array that it was read into, or `Later` where it still is in its file."""

    raw: Any


class Ordered(dict):
    """An OrderedDict. Its attributes (torch's `_metadata`) are dropped: loading does not need them."""

    def build(self, state: object) -> None:
        if type(state) is not dict:
            raise Malformed("an OrderedDict carries something other than attributes")


class Items(list):
    """A set, as the list of what is in it."""


class Attributes:
    """An object of which only its attributes are kept, as the dict that they came in: never copied, so that a file
    cannot make much of little."""

    def __init__(self) -> None:
        self.state: dict = {}

    def build(self, state: object) -> None:
        if type(state) is not dict:
            raise Malformed("an object carries something other than attributes")
        self.state = state


class StandIn:
    """An object of a class that is not known here: the class's name and what the file gives the object, as it came.

    `entries` and `elements` are what a subclass of dict, list or set holds; `weights` names the attributes that are
    weights, where the class says so.
    """

    def __init__(self, label: str, arguments: tuple = ()) -> None:
        self.label, self.arguments = label, arguments
        self.state: Any = None
        self.entries: dict = {}
        self.elements: list = []
        self.weights: tuple[str, ...] | None = None

    def build(self, state: object) -> None:
        self.state = state

    def attributes(self) -> dict:
        """The attributes, where the state is some: a dict, or a pair of dicts where the class has slots."""
        match self.state:
            case dict() as found:
                return found
            case (dict() | None as found, dict() as slots):
                return {**(found or {}), **slots}
        return {}
