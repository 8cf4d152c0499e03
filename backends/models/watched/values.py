"""The values that pass between calls: their numbers, who made them, and what changes in place do to both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...contract import Tensors
from ...value_recorder import ValueRecorder
from .numbers import Numbers

Named = list[tuple[str, Any]]  # tensors by name
CHANGING = ("__setitem__", "set_value", "copy_")  # these change what they are called on, whatever its version says


@dataclass
class Open:
    """A call that is under way.

    `opaque`: it is one step to most readers; `opened`: and what is called inside it is recorded beside it.
    """

    content: dict
    opaque: bool
    opened: bool
    given: list[tuple[str, Any, int, int]]  # each tensor: its name, itself, its version and its value's number before
    made_before: int = 0
    values_before: int = 0


class Values:
    """The values of a pass.

    Attributes:
        empty: numbers of memory which nobody has written to yet.
    """

    def __init__(self, tensors: Tensors, recorder: ValueRecorder) -> None:
        self._tensors, self._recorder, self._numbers = tensors, recorder, Numbers(tensors)
        self._calls, self._sources = recorder.calls, recorder.sources
        self.of = self._numbers.of
        self.empty: set[int] = set()

    def number(self, tensor: Any, made_by: int | None = None) -> int:
        """The number of a tensor's value; a value that was not seen before, or has changed since, is kept now."""
        number = self.of(tensor)
        if number is not None:
            if self._sources[number].startswith("call"):
                self._recorder.watch(tensor, number)
            return number
        if made_by is None and (changed_by := self._numbers.changed_by(tensor)) is not None:
            return self._changed_by_another(tensor, changed_by)
        return self.keep(tensor, "constant" if made_by is None else f"call {made_by}")

    def keep(self, tensor: Any, source: str) -> int:
        """Give a tensor's value a number, and keep it with its gradient."""
        number = self.name(tensor, source)
        self._recorder.keep(tensor, number)
        return number

    def name(self, tensor: Any, source: str) -> int:
        """Give a tensor's value a number, and no more."""
        number = self._recorder.number(source)
        self._numbers.give(tensor, number)
        return number

    def _changed_by_another(self, tensor: Any, index: int) -> int:
        """The number of a value that a call has changed through another tensor, a view of it; that call made it."""
        self._withdraw(tensor)
        before, number = self._numbers.before(tensor), self.keep(tensor, f"call {index}")
        call = self._calls[index]
        if before not in self.empty and before not in [known for _, known in call["inputs"]]:
            call["inputs"].append(("of which it is a part", before))
        call["outputs"].append(("of which it is a part", number))
        return number

    def _withdraw(self, tensor: Any) -> None:
        if (before := self._numbers.before(tensor)) is not None:
            self._recorder.withdraw(before)

    def changed_in_place(self, call: Open) -> Named:
        """What a call was given and has changed, but for weights: running statistics are no step of the computation."""
        if not call.content["leaf"] or call.made_before != len(self._calls):
            return []
        label = call.content["label"]
        return [
            (f"{name} afterwards", tensor)
            for place, (name, tensor, version, number) in enumerate(call.given)
            if (self._tensors.version_of(tensor) != version or (place == 0 and label in CHANGING))
            and not self._sources[number].startswith("weight")
        ]

    def note_changes(self, changed: Named, index: int) -> None:
        """Have it known that a call has changed tensors, and with them all that share their memory."""
        for _, tensor in changed:
            self._withdraw(tensor)
            self._numbers.note_change(tensor, index)

    def close_opened(self, call: Open, tensors: Named) -> None:
        """What an opened call gives is its own to most readers. Where nothing inside was seen to make it, it is a step
        by itself, and what was seen is dropped."""
        index, known = call.content["index"], [self.of(tensor) for _, tensor in tensors]
        numbers = {number for number in known if number is not None}
        if None in known:
            del self._calls[call.made_before :]
            self._numbers.change_hands(call.made_before, index)
            numbers = set(range(call.values_before, len(self._sources)))
        for number in numbers:
            word, _, maker = self._sources[number].partition(" ")
            if word == "call" and int(maker) > index:
                self._sources[number] = f"call {index}"
