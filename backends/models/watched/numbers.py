"""Which number a tensor's value has: the tie between what one call made and what a later one is given."""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

from ...contract import Tensors


class _Held(NamedTuple):
    tensor: Any  # a weak reference
    number: int
    version: int
    at: int


class Numbers:
    """Numbers of the values of tensors, kept beside the tensors: nothing is written into them, and none is kept alive.

    A tensor that was changed in place, itself or through another that shares its memory, has its number no more.
    """

    def __init__(self, tensors: Tensors) -> None:
        self._tensors = tensors
        self._held: dict[int, _Held] = {}
        self._changes: dict[int, tuple[int, int]] = {}  # memory → when it was changed, and by which call
        self._time = 0

    def give(self, tensor: Any, number: int) -> None:
        self._time += 1
        key = id(tensor)
        reference = weakref.ref(tensor, lambda dead: self._forget(key, dead))
        self._held[key] = _Held(reference, number, self._tensors.version_of(tensor), self._time)

    def _forget(self, key: int, dead: Any) -> None:
        held = self._held.get(key)
        if held is not None and held.tensor is dead:
            del self._held[key]

    def of(self, tensor: Any) -> int | None:
        """The number of its value; None where it has none, or has another value by now."""
        held = self._of(tensor)
        if held is None or held.version != self._tensors.version_of(tensor):
            return None
        change = self._change(tensor)
        return None if change is not None and change[0] > held.at else held.number

    def before(self, tensor: Any) -> int | None:
        """The number of the value that it had when it was seen last."""
        held = self._of(tensor)
        return None if held is None else held.number

    def note_change(self, tensor: Any, call: int) -> None:
        """A call has changed a tensor, and with it all that share its memory."""
        self._time += 1
        memory = self._tensors.memory_of(tensor)
        if memory is not None:
            self._changes[memory] = self._time, call

    def change_hands(self, first: int, to: int) -> None:
        """What the calls from `first` on have changed, the call `to` has."""
        self._changes = {memory: (at, to if call >= first else call) for memory, (at, call) in self._changes.items()}

    def changed_by(self, tensor: Any) -> int | None:
        """The call that changed it since its number was given, so far as it is known."""
        held, change = self._of(tensor), self._change(tensor)
        return change[1] if held is not None and change is not None and change[0] > held.at else None

    def _of(self, tensor: Any) -> _Held | None:
        held = self._held.get(id(tensor))
        return held if held is not None and held.tensor() is tensor else None

    def _change(self, tensor: Any) -> tuple[int, int] | None:
        if not self._changes:
            return None
        memory = self._tensors.memory_of(tensor)
        return None if memory is None else self._changes.get(memory)
