"""`.pdmodel` and `__model__`: a ProgramDesc, the message in which Paddle kept programs up to 2.x."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..bounded_bytes import Malformed, Source, quoted
from .program import TYPES, Operation, Program, Variable, checked_sizes
from .wire import Budget, Message, read_message

MAX_PROGRAM = 64_000_000  # bytes
MAX_BLOCKS = 10_000
_TENSOR, _FEED, _FETCH, _READER, _RAW = 7, 9, 10, 15, 17  # kinds of variables; tables of sparse rows are another
# Attributes for Paddle's own use: where a call stands in Python, which device and pass it belongs to.
_INTERNAL = frozenset(("op_callstack", "op_namescope", "op_role", "op_role_var", "op_device", "with_quant_attr"))


def read_program_desc(source: Source) -> Program:
    """Raises `Malformed` where it is damaged, too large, or stores something other than tensors."""
    if source.size > MAX_PROGRAM:
        raise Malformed(f"it is a program of more than {MAX_PROGRAM // 10**6} MB")
    whole = read_message(memoryview(source.exact(source.size)), Budget())
    if not 0 < len(whole.parts(1)) <= MAX_BLOCKS:
        raise Malformed("it is a program of no blocks, or of too many")
    blocks = whole.messages(1)
    version = whole.message(4)
    variables: dict[str, Variable] = {}
    operations: list[Operation] = []
    fed: dict[int, str] = {}
    given: dict[int, str] = {}
    for number, block in enumerate(blocks):
        if block.signed(1) != number:
            raise Malformed("the blocks of its program are out of order")
        for variable in _variables(block, main=number == 0):
            variables.setdefault(variable.name, variable)
        for operation in map(lambda call, number=number: _operation(call, number), block.messages(4)):
            column = operation.attributes.get("col", 0)
            if operation.kind == "feed" and column not in fed:
                fed[column] = next((name for names in operation.outputs.values() for name in names), "")
            elif operation.kind == "fetch" and column not in given:
                given[column] = next((name for names in operation.inputs.values() for name in names), "")
            else:
                operations.append(operation)
    return Program(
        "ProgramDesc", _version(version.signed(1, 0) if version else 0), tuple(operations), variables,
        tuple(fed[column] for column in sorted(fed)), tuple(given[column] for column in sorted(given)),
    )  # fmt: skip


def _version(number: int) -> str:
    """2006002 is 2.6.2; builds of no release say 0."""
    if number <= 0:
        return "of no release"
    return f"{number // 10**6}.{number // 1000 % 1000}.{number % 1000}"


def _variables(block: Message, main: bool) -> Iterator[Variable]:
    seen: set[str] = set()
    for described in block.messages(3):
        name, kind = described.text(1), described.message(2)
        if kind is None:
            raise Malformed("a variable of its program is of no type")
        if name in seen:
            raise Malformed(f"the variable {quoted(name)} is in its program twice")
        seen.add(name)
        code = kind.number(1)
        stored = main and bool(described.number(3, 0)) and code not in (_FEED, _FETCH, _READER, _RAW)
        if stored and code != _TENSOR:
            raise Malformed(f"its program stores {quoted(name)}, which is no tensor (type {code})", "save it without")
        yield Variable(name, *_tensor(kind), stored)


def _tensor(kind: Message) -> tuple[str | None, tuple[int, ...] | None]:
    holder = kind.message(3)
    tensor = holder.message(1) if holder else None
    if tensor is None:
        return None, None
    return TYPES.get(tensor.number(1)), checked_sizes(tensor.numbers(2))


def _operation(call: Message, block: int) -> Operation:
    return Operation(call.text(3), _slots(call, 1), _slots(call, 2), dict(_attributes(call)), block)


def _slots(call: Message, side: int) -> dict[str, tuple[str, ...]]:
    slots = {slot.text(1): tuple(slot.texts(2)) for slot in call.messages(side)}
    return {slot: names for slot, names in slots.items() if names}


def _attributes(call: Message) -> Iterator[tuple[str, Any]]:
    for attribute in call.messages(4):
        name = attribute.text(1)
        reader = _READ.get(attribute.number(2))
        if reader and name not in _INTERNAL:
            yield name, reader(attribute)


def _one(values: list) -> Any:
    if not values:
        raise Malformed("an attribute in its program has no value")
    return values[-1]


# The kind of an attribute → how its value is read.
_READ = {
    0: lambda attribute: attribute.signed(3),
    1: lambda attribute: _one(attribute.floats(4, "f")),
    2: lambda attribute: attribute.text(5),
    3: lambda attribute: attribute.numbers(6),
    4: lambda attribute: attribute.floats(7, "f"),
    5: lambda attribute: attribute.texts(8),
    6: lambda attribute: bool(attribute.number(10)),
    7: lambda attribute: [bool(number) for number in attribute.numbers(11)],
    8: lambda attribute: attribute.signed(12),
    9: lambda attribute: attribute.signed(13),
    10: lambda attribute: attribute.numbers(14),
    11: lambda attribute: attribute.numbers(15),
    12: lambda attribute: attribute.floats(16, "d"),
    13: lambda attribute: attribute.text(17),
    14: lambda attribute: attribute.texts(18),
    15: lambda attribute: _one(attribute.floats(19, "d")),
}
