"""A pickle reader that can only make data: dicts, lists, tuples, text, numbers, and stand-ins of the caller's own.

The `pickle` module is not used. A pickle is a program for a small stack machine; this is that machine with the
opcodes left out that weight files do not need (INST, OBJ, EXT, PERSID, STRING, PUT, BYTEARRAY8, …). A name
in the file is looked up in the caller's table and nowhere else, so nothing can be imported or called. Large byte
strings are read from the file straight into arrays of their own: one pass, one copy.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .bounded_bytes import DO_NOT_LOAD, Malformed, Source, quoted

MAX_STEPS = 600_000  # opcodes; a checkpoint of 10,000 tensors takes about 300,000
LONG_PAYLOAD = 4096  # bytes; longer ones are kept as arrays, and decoded only if they turn out to be text
MAX_NAME = 256  # characters of a module's or a function's name
_PROTOCOLS = (2, 3, 4, 5)
_KEY_TYPES = frozenset({str, int, float, bool, type(None)})  # a tuple as key could take for ever to hash


@dataclass(frozen=True)
class Name:
    """An allowed name. `call` makes a stand-in from a tuple of arguments; `value` is what the bare name means."""

    label: str
    call: Callable[[tuple], Any] | None = None
    value: Any = None
    new: bool = False  # whether it may also stand before NEWOBJ, as a class does


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


class Attributes:
    """An object of which only its attributes are kept, as the dict that they came in: never copied, so that a file
    cannot make much of little."""

    def __init__(self) -> None:
        self.state: dict = {}

    def build(self, state: object) -> None:
        if type(state) is not dict:
            raise Malformed("an object carries something other than attributes")
        self.state = state


def load(
    source: Source, allowed: Mapping[tuple[str, str], Name], persistent: Callable[[Any], Any] | None = None
) -> tuple[Any, int]:
    """Read one pickle that fills `source` to its last byte; return its content, stand-ins in place, and its protocol.

    Raises:
        Malformed: damage, a name that is not in `allowed`, an opcode that is left out, or more work than is sane.
    """
    machine = _Machine(source, allowed, persistent)
    try:
        content = machine.run()
    except (IndexError, KeyError):  # an empty stack, an unknown memo entry
        raise Malformed("the pickle in it is damaged") from None
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise Malformed("the pickle in it holds text that cannot be decoded") from None
    if source.file.read(1):
        raise Malformed("there is more after the end of its pickle", DO_NOT_LOAD)
    return content, machine.protocol


class _Machine:
    """The stack machine: `stack` since the last MARK, `marks` the stacks below it, `memo` what may be used again."""

    def __init__(self, source: Source, allowed: Mapping, persistent: Callable | None) -> None:
        self.source, self.allowed, self.persistent = source, allowed, persistent
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.steps = 0
        self.protocol = 0
        self.frame_end = 0  # where the frame ends that is being read; 0 outside of frames

    def run(self) -> Any:
        read, push = self.source.file.read, _PUSH
        for self.steps in range(MAX_STEPS):
            if self.frame_end:
                self.leave_frame()
            code = read(1)
            if code in push:
                value = push[code](self)  # first: it may put another stack in place
                self.stack.append(value)
            elif code in _ACT:
                _ACT[code](self)
            elif code == b".":
                content = self.stack.pop()
                if self.stack or self.marks:
                    raise Malformed("the pickle in it is damaged")
                return content
            elif not code:
                raise Malformed("the file ends in the middle of its content")
            else:
                raise Malformed(f"it holds the pickle opcode {code!r}, which no weight file needs", DO_NOT_LOAD)
        raise Malformed(f"its pickle takes more than {MAX_STEPS:,} steps", DO_NOT_LOAD)

    def number(self, layout: struct.Struct) -> Any:
        return layout.unpack(self.source.exact(layout.size))[0]

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.marks.pop()
        return items

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def start(self) -> None:
        self.protocol = self.source.exact(1)[0]
        if self.steps or self.protocol not in _PROTOCOLS:
            raise Malformed("the pickle in it is damaged, or of a protocol that weight files do not use")

    def frame(self) -> None:
        length = self.number(_U8)
        if length > self.source.left():
            raise Malformed("a frame of its pickle claims more bytes than the file has")
        if self.frame_end:
            raise Malformed("a frame of its pickle lies in another")
        self.frame_end = self.source.file.tell() + length

    def leave_frame(self) -> None:
        """A frame ends between two opcodes; Python's readers differ on what one that does not would mean."""
        at = self.source.file.tell()
        if at > self.frame_end:
            raise Malformed("a frame of its pickle ends inside an opcode")
        if at == self.frame_end:
            self.frame_end = 0

    def payload(self, length: int) -> bytes | LongBytes:
        return self.source.exact(length) if length <= LONG_PAYLOAD else LongBytes(self.source.content(length))

    def text(self, length: int) -> str | LongText:
        if length > LONG_PAYLOAD:
            return LongText(self.source.array(length))
        return self.source.exact(length).decode("utf-8", "surrogatepass")

    def long(self) -> int:
        return int.from_bytes(self.source.exact(self.source.exact(1)[0]), "little", signed=True)

    def tuple_of(self, count: int) -> tuple:
        items = [self.stack.pop() for _ in range(count)]
        return tuple(reversed(items))

    def put(self, index: int) -> None:
        if index > self.steps:  # a writer numbers its entries from 0, so none can be ahead of the opcodes
            raise Malformed("a memo index of its pickle is out of range", DO_NOT_LOAD)
        self.memo[index] = self.stack[-1]

    def append(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise Malformed("the pickle in it is damaged")
        self.stack[-1].extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) not in (dict, Ordered) or len(items) % 2:
            raise Malformed("the pickle in it is damaged")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if type(key) not in _KEY_TYPES:
                raise Malformed("a key of one of its dicts is neither short text nor a number")
            if key in target:
                raise Malformed(f"the name {quoted(key)} is in it twice")
            target[key] = value

    def line(self) -> str:
        line = self.source.file.readline(MAX_NAME)
        if not line.endswith(b"\n"):
            raise Malformed("a name in its pickle has no end")
        return line[:-1].decode("utf-8")

    def find(self, module: Any, name: Any) -> Name:
        target = self.allowed.get((module, name)) if type(module) is str and type(name) is str else None
        if target is None:
            what = f"{module}.{name}" if type(module) is str and type(name) is str else "something without a name"
            raise Malformed(f"it asks to run {quoted(what)}, which is refused (nothing was run)", DO_NOT_LOAD)
        return target

    def named(self) -> Name:
        name, module = self.stack.pop(), self.stack.pop()
        return self.find(module, name)

    def reduce(self) -> Any:
        arguments, function = self.stack.pop(), self.stack.pop()
        if type(function) is not Name or function.call is None or type(arguments) is not tuple:
            raise Malformed("its pickle calls something that is not a function", DO_NOT_LOAD)
        return function.call(arguments)

    def new(self) -> Any:
        arguments, function = self.stack.pop(), self.stack.pop()
        if type(function) is not Name or not function.new or function.call is None or type(arguments) is not tuple:
            what = function.label if type(function) is Name else "something without a name"
            raise Malformed(f"it asks to run the class {quoted(what)}, which is refused (nothing was run)", DO_NOT_LOAD)
        return function.call(arguments)

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not hasattr(type(target), "build"):
            raise Malformed("its pickle sets attributes of something that has none", DO_NOT_LOAD)
        target.build(state)

    def persist(self) -> Any:
        if self.persistent is None:
            raise Malformed("it refers to content outside itself", DO_NOT_LOAD)
        return self.persistent(self.stack.pop())


_U1, _U2, _U4, _U8 = struct.Struct("<B"), struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<Q")
_I4, _F8 = struct.Struct("<i"), struct.Struct(">d")

# opcode -> the value that it puts on the stack
_PUSH: dict[bytes, Callable[[_Machine], Any]] = {
    b"N": lambda m: None,
    b"\x88": lambda m: True,
    b"\x89": lambda m: False,
    b"K": lambda m: m.number(_U1),
    b"M": lambda m: m.number(_U2),
    b"J": lambda m: m.number(_I4),
    b"\x8a": _Machine.long,
    b"G": lambda m: m.number(_F8),
    b"\x8c": lambda m: m.text(m.number(_U1)),
    b"X": lambda m: m.text(m.number(_U4)),
    b"\x8d": lambda m: m.text(m.number(_U8)),
    b"C": lambda m: m.payload(m.number(_U1)),
    b"B": lambda m: m.payload(m.number(_U4)),
    b"\x8e": lambda m: m.payload(m.number(_U8)),
    b"]": lambda m: [],
    b"}": lambda m: {},
    b")": lambda m: (),
    b"\x85": lambda m: m.tuple_of(1),
    b"\x86": lambda m: m.tuple_of(2),
    b"\x87": lambda m: m.tuple_of(3),
    b"t": lambda m: tuple(m.since_mark()),
    b"h": lambda m: m.memo[m.number(_U1)],
    b"j": lambda m: m.memo[m.number(_U4)],
    b"c": lambda m: m.find(m.line(), m.line()),
    b"\x93": _Machine.named,
    b"R": _Machine.reduce,
    b"\x81": _Machine.new,
    b"Q": _Machine.persist,
}

# opcode -> what it does to the machine
_ACT: dict[bytes, Callable[[_Machine], None]] = {
    b"\x80": _Machine.start,
    b"\x95": _Machine.frame,
    b"(": _Machine.mark,
    b"q": lambda m: m.put(m.number(_U1)),
    b"r": lambda m: m.put(m.number(_U4)),
    b"\x94": lambda m: m.put(len(m.memo)),
    b"a": lambda m: m.append([m.stack.pop()]),
    b"e": lambda m: m.append(m.since_mark()),
    b"s": lambda m: m.set_items(list(m.tuple_of(2))),
    b"u": lambda m: m.set_items(m.since_mark()),
    b"b": _Machine.build,
}
