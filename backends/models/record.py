"""Watching a model of the user's own while it runs: every call of a module, every operation between them, in order.

What is the same for both frameworks is here; how to see a call is in each one's `calls.py`, a tensor and its gradient
in `tensors.py`. Arrays go to the writer at once, so that nothing is held in memory; `watched.numbers` has the number of
each tensor's value, which tells where the input of a later call comes from.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from ...common.dictionary.draws import MEMORY
from ...common.dictionary.index import WITH_STEPS, layer_entry, operation_kind
from ...common.dictionary.settings import function_settings
from ...common.traces.plan import LOW
from ..contract import Framework
from ..value_recorder import ValueRecorder
from .arguments import bound_arguments, positions
from .nested_tensors import dtype_of, map_tensors, tensors_in
from .randomness import Randomness
from .rounding_noise import Noise
from .users_lines import users_line
from .watched.as_before import exchange_forwards
from .watched.values import Open, Values


class KeepsCalls(Protocol):
    """Is shown each call before it is made."""

    def keep(self, index: int, make: Callable, args: tuple, kwargs: dict, number_of: Callable) -> None: ...


@dataclass
class Recording:
    """Watches passes of one model.

    Args:
        modules: what the model is made of, as `model_state.structure` gives it.
        writer: takes each array; None where only the calls are wanted.
        noise: adds rounding to what each call makes and to each gradient. again: keeps what each call is made with.
    """

    backend: Framework
    model: Any
    modules: list[dict]
    writer: Any = None
    seed: int = 0
    step: int = 1
    noise: Noise | None = None
    again: KeepsCalls | None = None

    def __post_init__(self) -> None:
        self._stack: list[Open] = []
        self._muted = 0
        self._inside = -1  # the opened call that is under way
        self._calls, self._tensors = self.backend.calls, self.backend.tensors
        noise = self.noise
        self.randomness = Randomness(self.backend.draws, self.seed, self.step)
        change = None if noise is None else self._noisy_gradient
        self._recorder = ValueRecorder(self._tensors, self.writer, change)
        self._values = Values(self._tensors, self._recorder)
        self.calls, self.sources = self._recorder.calls, self._recorder.sources
        self._turns: dict[str, int] = {}
        self._about = {module["path"]: module for module in self.modules}

    @contextlib.contextmanager
    def watching(self) -> Iterator[Recording]:
        """Within, calls of the model and of functions are seen. The model is afterwards as it was."""
        for name, tensor in self.backend.weights.tensors(self.model).items():
            self._values.name(tensor, f"weight {name}")
        modules = {path: module for path, module in self._calls.named_modules(self.model) if path in self._about}
        watchers = {id(module): self._watcher(path, module) for path, module in modules.items()}
        with contextlib.ExitStack() as back:
            exchange_forwards(watchers, modules.values(), back)
            back.enter_context(self.randomness.shared([module for _, module in self._calls.named_modules(self.model)]))
            back.enter_context(self._calls.intercept(self._function, self.model))
            yield self

    def close(self) -> None:
        """After the backward pass: take the hooks off the tensors that live on."""
        self._recorder.close()

    def give(self, name: str, tensor) -> None:
        """Name an input of the model, and keep it with its gradient."""
        self._values.keep(tensor, f"input {name}")

    def finish(self, outputs) -> list[tuple[str, int]]:
        """Write what is known of the calls; return the model's outputs as values."""
        values = [(name, self._values.number(tensor)) for name, tensor in self._in(outputs)]
        self._recorder.note_calls()
        if self.writer is not None:
            self.writer.note("draws", {"drawn": self.randomness.drawn, "unshared": self.randomness.unshared})
        return values

    def _noisy_gradient(self, gradient):
        assert self.noise is not None
        with self.randomness.pausing():
            return self.noise.gradient(self._tensors, gradient)

    def _watcher(self, path: str, module) -> Callable:
        about = self._about[path]
        entry = layer_entry(self._calls.NAME, about["classes"])
        kind = entry.kind if entry else f"own {about['class'].lower()}"
        if entry is None and about["library"]:
            kind = operation_kind(self._calls.NAME, about["class"].lower())
        opaque = about["library"] and (entry is not None or not about["children"])

        def watched(forward: Callable, args: tuple, kwargs: dict):
            if self._muted:
                return forward(*args, **kwargs)
            with self._calls.quiet():
                call = self._begin(path, kind, about["class"], (args, kwargs), about["settings"], opaque, module=True)

            return self._finish_call(call, forward, args, kwargs)

        return watched

    def _function(self, name: str, function: Callable, args: tuple, kwargs: dict):
        """A function or method that the framework was asked for; its own inner calls are not seen."""
        kind = operation_kind(self._calls.NAME, name)
        if self._muted:
            return function(*args, **kwargs)
        arguments = bound_arguments(function, args, kwargs, self._tensors.is_tensor, positions(kind, name))
        bound = function_settings(self._calls.NAME, kind, arguments)
        call = self._begin(
            self._stack[-1].content["path"] if self._stack else "", kind, name, (args, kwargs), bound, True
        )
        if call.opened:
            function = self._calls.opened(function)
        return self._finish_call(call, function, args, kwargs)

    @contextlib.contextmanager
    def unseen(self) -> Iterator[None]:
        """Within, calls are made as in a watched pass, and not recorded."""
        self._muted += 1
        try:
            yield
        finally:
            self._muted -= 1

    def _finish_call(self, call: Open, run: Callable, args: tuple, kwargs: dict):
        if self.again is not None:
            with self._calls.quiet():
                self.again.keep(call.content["index"], run, args, kwargs, self._kept_as)
        muted, inside = int(call.opaque and not call.opened), self._inside
        if call.opened and inside < 0:
            self._inside = call.content["index"]
        self._muted += muted
        self._stack.append(call)
        try:
            out = run(*args, **kwargs)
        finally:
            self._stack.pop()
            self._muted -= muted
            self._inside = inside
        with self._calls.quiet():
            return self._end(call, out)

    def _begin(self, path, kind, label, given, settings, opaque, module=False) -> Open:
        tensors = [(name, tensor, self._tensors.version_of(tensor)) for name, tensor in self._in(given)]
        numbers = [(name, self._values.number(tensor)) for name, tensor, _ in tensors]
        inputs = [(name, number) for name, number in numbers if number not in self._values.empty]
        held = [(*each, number) for each, (_, number) in zip(tensors, numbers, strict=True)]
        turn = self._turns.get(path, 0) if module else 0
        if module:
            self._turns[path] = turn + 1
        content = {
            "index": len(self.calls), "parent": self._stack[-1].content["index"] if self._stack else -1, "path": path,
            "kind": kind, "label": label, "module": module, "leaf": opaque, "turn": turn, "inputs": inputs,
            "outputs": [], "settings": settings, "where": users_line(), "inside": self._inside,
        }  # fmt: skip
        if asked := self._calls.autocast():
            content["autocast"] = asked
        self.calls.append(content)
        opened = opaque and kind in WITH_STEPS
        return Open(content, opaque, opened, held, len(self.calls), len(self.sources))

    def _end(self, call: Open, out):
        content, index = call.content, call.content["index"]
        tensors, changed = self._in(out), self._values.changed_in_place(call)
        if call.opened:
            self._values.close_opened(call, tensors)
        if not tensors and not changed and not content["module"]:  # a question, such as the size: no step
            if len(self.calls) == call.made_before:
                self.calls.pop()
            return out
        if content["kind"] in MEMORY:  # there is nothing in it until something is written
            self._values.empty |= {self._values.name(tensor, "constant") for _, tensor in tensors}
            self.calls.pop()
            return out
        content["leaf"] = call.opaque or len(self.calls) == call.made_before
        if content["leaf"] and self.noise:
            with self.randomness.pausing():
                out = self._changed(call, out, tensors)
            tensors = self._in(out)
        self._values.note_changes(changed, index)
        made = {id(tensor) for _, tensor in tensors}
        tensors += [(name, tensor) for name, tensor in changed if id(tensor) not in made]
        if low := min(filter(None, map(_low, (tensor for _, tensor in tensors))), default=""):
            content["low"] = low
        content["outputs"] = [(name, self._values.number(tensor, index)) for name, tensor in tensors]
        return out

    def _in(self, content) -> list[tuple[str, Any]]:
        return tensors_in(content, self._tensors.is_tensor)

    def _changed(self, call: Open, out, tensors):
        """The outputs with rounding added; only of what this call made."""
        noise, fresh = self.noise, {id(tensor) for _, tensor in tensors if self._values.of(tensor) is None}
        assert noise is not None
        return map_tensors(
            out, self._tensors.is_tensor,
            lambda t: noise.output(self._tensors, call.content, t, self._sizes(call)) if id(t) in fresh else t,
        )  # fmt: skip

    def _kept_as(self, tensor) -> tuple[str | None, int]:
        """Where a tensor that a call is given comes from, and its number; None of memory that nobody has written to."""
        number = self._values.number(tensor)
        return None if number in self._values.empty else self.sources[number].partition(" ")[0], number

    def _sizes(self, call: Open) -> list[tuple[int, ...]]:
        """Shapes of the weights of a module that is called, which tell the length of its sums."""
        about = self._about.get(call.content["path"]) if call.content["module"] else None
        return [tuple(weight["shape"]) for weight in about["weights"].values()] if about else []


def _low(tensor: Any) -> str:
    """The type of a tensor where it is narrower than float32."""
    name = dtype_of(tensor)
    return name if name in LOW else ""
