"""The tensors of a pass and the gradients that arrive at them, written into a trace as they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .contract import Tensor, Tensors


class ValueRecorder:
    """Writes values under their numbers, and says which call made which.

    As the observer of a walk through a spec, whose steps are finer than calls of modules, it takes each value that it
    is shown for what a call of that name made.

    Args:
        writer: takes each array; None where only the calls are wanted.
        change: gradient → what takes its place.
    """

    def __init__(self, tensors: Tensors, writer: Any = None, change: Callable[[Tensor], Tensor] | None = None) -> None:
        self.tensors, self.writer, self.change = tensors, writer, change
        self.calls: list[dict] = []
        self.sources: dict[int, str] = {}
        self.awaited: dict[int, tuple[int, ...]] = {}  # values that no gradient has arrived at yet, with their shapes
        self._hooks: list[Any] = []  # on tensors that live on after the pass
        self._withdrawn: set[int] = set()
        self._watched: set[int] = set()
        self._still: set[int] = set()  # values that no gradient can arrive at

    def __call__(self, name: str, tensor: Tensor) -> None:
        index, number = len(self.calls), self.number(f"call {len(self.calls)}")
        self.calls.append({
            "index": index, "parent": -1, "path": name, "kind": "", "label": name, "module": False, "leaf": True,
            "turn": 0, "inputs": [], "outputs": [("", number)],
        })  # fmt: skip
        self.keep(tensor, number)

    def number(self, source: str) -> int:
        """The number of a new value."""
        number = len(self.sources)
        self.sources[number] = source
        return number

    def keep(self, tensor: Tensor, number: int) -> None:
        """Write a value now, and its gradient once it arrives."""
        if self.writer is not None:
            self.writer.put("values", str(number), self._array(tensor))
        self.watch(tensor, number)

    def watch(self, tensor: Tensor, number: int) -> None:
        """Write the gradient of a value once it arrives: of one that an operation of the user's own made, whose inside
        has none, from when it has left it."""
        if number in self._watched or not (self.writer is not None or self.change):
            return
        if not self.tensors.has_gradient(tensor):
            self._still.add(number)
        else:
            self._still.discard(number)
            self._watched.add(number)
            self.awaited[number] = tuple(tensor.shape)
            hook = self.tensors.on_gradient(tensor, lambda gradient: self._arrived(number, gradient))
            if self.tensors.lives_on(tensor):
                self._hooks.append(hook)

    def _arrived(self, number: int, gradient: Tensor | None) -> Tensor | None:
        if gradient is None or number in self._withdrawn:  # of a value that is used, but not differentiably
            return None
        if self.change is not None:
            gradient = self.change(gradient)
        if self.writer is not None:
            self.writer.put("flow", str(number), self._array(gradient))
        self.awaited.pop(number, None)
        return None if self.change is None else gradient

    def _array(self, tensor: Tensor) -> np.ndarray:
        """The values; of complex numbers, their two parts along one more axis."""
        array = self.tensors.to_numpy(tensor)
        return np.stack([np.real(array), np.imag(array)], -1) if np.iscomplexobj(array) else array

    def withdraw(self, number: int) -> None:
        """Take no gradient of a value that was changed in place: each framework has its own rule of what arrives."""
        self._withdrawn.add(number)
        self.awaited.pop(number, None)

    def close(self) -> None:
        """After the backward pass: take the hooks off the tensors that live on."""
        while self._hooks:
            self._hooks.pop().remove()

    def note_calls(self) -> None:
        """Write what is known of the calls."""
        if self.writer is not None:
            self.writer.note("calls", self.calls)
            self.writer.note("sources", {str(number): source for number, source in self.sources.items()})
            self.writer.note("withdrawn", sorted(self._withdrawn))
            self.writer.note("still", sorted(self._still))

    def note_zeros(self) -> None:
        """After the backward pass: zeros where a gradient could have arrived, and none has."""
        for number, shape in self.awaited.items():
            self.writer.put("flow", str(number), np.zeros(shape))
