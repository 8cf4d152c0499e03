"""The stack machine of pickles, with only the opcodes that make data.

Large byte strings are read from the file straight into arrays of their own: one pass, one copy.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Any

from ..bounded_bytes import DO_NOT_LOAD, Malformed, Source, quoted
from .values import Items, LongBytes, LongText, Name, Ordered, StandIn, asks_to_run

MAX_STEPS = 600_000  # opcodes; a checkpoint of 10,000 tensors takes about 300,000
Persistent = Callable[[Any], Any] | None
LONG_PAYLOAD = 4096  # bytes; longer ones are kept as arrays, and decoded only if they turn out to be text
MAX_NAME = 256  # characters of a module's or a function's name
_PROTOCOLS = (2, 3, 4, 5)
MAX_KEY = 8  # parts of a tuple that is a key
_COPIED = frozenset({list, dict, Ordered, Items})
_KEY_TYPES = frozenset({str, int, float, bool, bytes, type(None)})  # a tuple of tuples could take for ever to hash


class Machine:
    """The stack machine: `stack` since the last MARK, `marks` the stacks below it, `memo` what may be used again."""

    def __init__(
        self, source: Source, allowed: Mapping, persistent: Persistent, other: Callable | None, encoding: str
    ) -> None:
        self.source, self.persistent, self.other, self.encoding = source, persistent, other, encoding
        self.names = dict(allowed)
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.steps = self.work = 0
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

    def old_text(self, length: int) -> str | LongText | LongBytes:
        """Text of Python 2, which are bytes where they are an array's."""
        if length > LONG_PAYLOAD:
            return (LongBytes if self.encoding == "latin1" else LongText)(self.source.array(length))
        return self.source.exact(length).decode(self.encoding)

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
        target = self.stack[-1]
        if type(target) is StandIn:
            target = target.elements
        if type(target) is not list:
            raise Malformed("the pickle in it is damaged")
        target.extend(items)

    def add(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is StandIn:
            target = target.elements
        elif type(target) is not Items:
            raise Malformed("the pickle in it is damaged")
        target.extend(items)

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is StandIn:
            target = target.entries
        if type(target) not in (dict, Ordered) or len(items) % 2:
            raise Malformed("the pickle in it is damaged")
        for given, value in zip(items[::2], items[1::2], strict=True):
            key = given if type(given) in _KEY_TYPES else _key(given)
            if key in target:
                raise Malformed(f"the name {quoted(key)} is in it twice")
            target[key] = value

    def line(self) -> str:
        line = self.source.file.readline(MAX_NAME)
        if not line.endswith(b"\n"):
            raise Malformed("a name in its pickle has no end")
        return line[:-1].decode("utf-8")

    def find(self, module: Any, name: Any) -> Name:
        if type(module) is not str or type(name) is not str:
            raise asks_to_run("something without a name")
        target = self.names.get((module, name))
        if target is None and self.other:
            target = self.other(module, name)
        if target is None:
            raise asks_to_run(f"{module}.{name}")
        self.names[module, name] = target
        return target

    def named(self) -> Name:
        name, module = self.stack.pop(), self.stack.pop()
        return self.find(module, name)

    def reduce(self) -> Any:
        arguments, function = self.stack.pop(), self.stack.pop()
        if type(function) is Name and function.call is None and function.unread:
            raise asks_to_run(function.label)
        if type(function) is not Name or function.call is None or type(arguments) is not tuple:
            raise Malformed("its pickle calls something that is not a function", DO_NOT_LOAD)
        self.work += len(arguments) + sum(len(part) for part in arguments[:MAX_KEY] if type(part) in _COPIED)
        if self.work > MAX_STEPS:  # what a pickle makes is made of what it has spelled out, once
            raise Malformed("its pickle copies its own content again and again", DO_NOT_LOAD)
        return function.call(arguments)

    def new(self) -> Any:
        arguments, function = self.stack.pop(), self.stack.pop()
        if type(function) is not Name or function.new is None or type(arguments) is not tuple:
            raise asks_to_run(f"the class {function.label}" if type(function) is Name else "something without a name")
        return function.new(arguments)

    def new_with_names(self) -> Any:
        if type(self.stack[-1]) is not dict:
            raise Malformed("the pickle in it is damaged")
        named = self.stack.pop()
        if named:
            self.stack[-1] = (*self.stack[-1], named)
        return self.new()

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not hasattr(type(target), "build"):
            raise Malformed("its pickle sets attributes of something that has none", DO_NOT_LOAD)
        target.build(state)

    def persist(self) -> Any:
        if self.persistent is None:
            raise Malformed("it refers to content outside itself", DO_NOT_LOAD)
        return self.persistent(self.stack.pop())


def _key(key: Any) -> Any:
    """A key that is neither text nor a number as one that can be hashed: a short tuple, or the name of a class."""
    if type(key) is tuple and 1 < len(key) <= MAX_KEY and all(type(part) in _KEY_TYPES for part in key):
        return key
    if isinstance(key, (Name, StandIn)):
        return key.label
    raise Malformed("a key of one of its dicts is neither short text nor a number")


_U1, _U2, _U4, _U8 = struct.Struct("<B"), struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<Q")
_I4, _F8 = struct.Struct("<i"), struct.Struct(">d")

# opcode -> the value that it puts on the stack
_PUSH: dict[bytes, Callable[[Machine], Any]] = {
    b"N": lambda m: None,
    b"\x88": lambda m: True,
    b"\x89": lambda m: False,
    b"K": lambda m: m.number(_U1),
    b"M": lambda m: m.number(_U2),
    b"J": lambda m: m.number(_I4),
    b"\x8a": Machine.long,
    b"G": lambda m: m.number(_F8),
    b"\x8c": lambda m: m.text(m.number(_U1)),
    b"X": lambda m: m.text(m.number(_U4)),
    b"\x8d": lambda m: m.text(m.number(_U8)),
    b"U": lambda m: m.old_text(m.number(_U1)),
    b"T": lambda m: m.old_text(m.number(_U4)),
    b"C": lambda m: m.payload(m.number(_U1)),
    b"B": lambda m: m.payload(m.number(_U4)),
    b"\x8e": lambda m: m.payload(m.number(_U8)),
    b"\x96": lambda m: m.payload(m.number(_U8)),
    b"\x8f": lambda m: Items(),
    b"\x91": lambda m: Items(m.since_mark()),
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
    b"\x93": Machine.named,
    b"R": Machine.reduce,
    b"\x81": Machine.new,
    b"\x92": Machine.new_with_names,
    b"Q": Machine.persist,
}

# opcode -> what it does to the machine
_ACT: dict[bytes, Callable[[Machine], None]] = {
    b"\x80": Machine.start,
    b"\x95": Machine.frame,
    b"(": Machine.mark,
    b"q": lambda m: m.put(m.number(_U1)),
    b"r": lambda m: m.put(m.number(_U4)),
    b"\x94": lambda m: m.put(len(m.memo)),
    b"a": lambda m: m.append([m.stack.pop()]),
    b"e": lambda m: m.append(m.since_mark()),
    b"\x90": lambda m: m.add(m.since_mark()),
    b"s": lambda m: m.set_items(list(m.tuple_of(2))),
    b"u": lambda m: m.set_items(m.since_mark()),
    b"b": Machine.build,
}
