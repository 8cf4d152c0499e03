"""Protocol Buffers as they lie in a file, read by hand: one flat loop, each length checked, each field counted.

A message is read by whoever knows what its fields mean, so nothing here goes deeper than its caller asks.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from ..bounded_bytes import Malformed, quoted

MAX_FIELDS = 600_000  # and messages, of one file; a program of 1,000 operations has about 80,000
_DAMAGED = "the message in it is damaged"


@dataclass
class Budget:
    """How many fields may still be read, so that a small file cannot make much work."""

    left: int = MAX_FIELDS

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Malformed(f"it holds more than {MAX_FIELDS:,} fields, which no program of an export does")


@dataclass
class Message:
    """The fields of one message by number, each with its values in order: whole numbers, or bytes not read yet."""

    fields: dict[int, list[int | memoryview]]
    budget: Budget = field(default_factory=Budget)

    def number(self, field_number: int, default: int | None = None) -> int:
        """The last value of a field, as protobuf wants it."""
        values = self.fields.get(field_number)
        if not values:
            if default is None:
                raise Malformed(_DAMAGED)
            return default
        if not isinstance(values[-1], int):
            raise Malformed(_DAMAGED)
        return values[-1]

    def signed(self, field_number: int, default: int | None = None) -> int:
        return as_signed(self.number(field_number, default))

    def numbers(self, field_number: int) -> list[int]:
        """A repeated field of signed whole numbers, packed into one value or not."""
        found: list[int] = []
        for value in self.fields.get(field_number, ()):
            if isinstance(value, int):
                found.append(as_signed(value))
                continue
            at = 0
            while at < len(value):
                self.budget.take()
                number, at = varint(value, at)
                found.append(as_signed(number))
        return found

    def floats(self, field_number: int, layout: str) -> list[float]:
        """A repeated field of float ("f") or double ("d"), packed or not."""
        item = struct.Struct(f"<{layout}")
        found: list[float] = []
        for value in self.fields.get(field_number, ()):
            raw = value.to_bytes(8, "little")[: item.size] if isinstance(value, int) else value
            if len(raw) % item.size:
                raise Malformed(_DAMAGED)
            self.budget.left -= len(raw) // item.size
            found += [number for (number,) in item.iter_unpack(raw)]
        return found

    def parts(self, field_number: int) -> list[memoryview]:
        values = self.fields.get(field_number, [])
        if any(isinstance(value, int) for value in values):
            raise Malformed(_DAMAGED)
        return values  # type: ignore[return-value]

    def messages(self, field_number: int) -> list[Message]:
        return [read_message(part, self.budget) for part in self.parts(field_number)]

    def message(self, field_number: int) -> Message | None:
        parts = self.parts(field_number)
        return read_message(parts[-1], self.budget) if parts else None

    def texts(self, field_number: int) -> list[str]:
        try:
            return [str(part, "utf-8") for part in self.parts(field_number)]
        except UnicodeDecodeError:
            raise Malformed("it holds text that cannot be decoded") from None

    def text(self, field_number: int, default: str | None = None) -> str:
        texts = self.texts(field_number)
        if not texts and default is None:
            raise Malformed(_DAMAGED)
        return texts[-1] if texts else str(default)


def read_message(data: memoryview, budget: Budget) -> Message:
    """Split a message into its fields.

    Raises:
        Malformed: a number or a length that does not end within it, a kind of field that is not used, too many fields.
    """
    budget.take()
    fields: dict[int, list[int | memoryview]] = {}
    at, end = 0, len(data)
    while at < end:
        budget.take()
        key, at = varint(data, at)
        number, wire = key >> 3, key & 7
        if not 0 < number < 2**29:
            raise Malformed(_DAMAGED)
        value: int | memoryview
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 2:
            length, at = varint(data, at)
            value, at = data[at : at + length], at + length
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
            value, at = int.from_bytes(data[at : at + length], "little"), at + length
        else:
            raise Malformed(f"it holds a field of the kind {quoted(wire)}, which Paddle does not write")
        if at > end:
            raise Malformed("the file ends in the middle of its content, or a length in it is damaged")
        fields.setdefault(number, []).append(value)
    return Message(fields, budget)


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """A whole number of up to 64 bits from the bytes at `at`, and where it ends."""
    result = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise Malformed("the file ends in the middle of its content, or a length in it is damaged")
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            if result >= 2**64:
                break
            return result, at
    raise Malformed(_DAMAGED)


def as_signed(number: int) -> int:
    """An int32 or int64 of a varint, which keeps negative numbers as 64 bits."""
    return number - 2**64 if number >= 2**63 else number
