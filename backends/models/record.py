"""Watching a model of the user's own while it runs: every call of a module, every operation between them, in order.

What is the same for both frameworks is here; how to see a call, a tensor and its gradient is in each one's
`calls.py`. Arrays go to the sink at once, so that nothing is held in memory; a tensor carries the number of its
value as an attribute, which tells where the input of a later call comes from.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...common.alignment.constants import AVERAGES, CONSTANT_INSIDE
from ...common.alignment.kinds import layer_kind
from ...common.alignment.operations import RANDOM, operation_kind
from ...common.alignment.settings import function_settings
from ...common.random_streams import stream
from .nested_tensors import bound_arguments, map_tensors, tensors_in
from .rounding_noise import Noise

TAG = "_dualport_value"
HOUSE = Path(__file__).parents[2]
# Beginnings of the names of files that are not the user's: of dualport's, of Python's own, and of code in no file.
OURS = tuple(f"{HOUSE / folder}{os.sep}" for folder in ("backends", "common", "scripts", "src/dualport"))
NOT_THE_USERS = ("<", *OURS, f"{Path(os.__file__).parent}{os.sep}")
DROPOUT = ("dropout", "channel_dropout")


@dataclass
class Open:
    """A call that is under way."""

    content: dict
    opaque: bool
    made_before: int = 0
    averaged: Any = None  # what an average pool is given


@dataclass
class Recording:
    """Watches passes of one model.

    Args:
        probe: the `calls` module of the framework.
        modules: the model's structure, as `probe.structure` gives it.
        weights: the model's tensors, by own name; what is computed from them needs no array of its own.
        sink: takes each array; None where only the calls are wanted.
        noise: adds rounding to what each call makes and to each gradient. replace: call → the arrays that its outputs
            become, so that each call has the inputs of another model's pass; what it made before goes to the sink.
    """

    probe: Any
    model: Any
    modules: list[dict]
    weights: Mapping[str, Any]
    sink: Any = None
    seed: int = 0
    step: int = 1
    noise: Noise | None = None
    replace: Mapping[int, list] | None = None
    calls: list[dict] = field(default_factory=list)
    sources: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._stack: list[Open] = []
        self._muted = 0
        self._drawn: dict[str, int] = {}
        self._turns: dict[str, int] = {}
        self._key = object()  # tags of an earlier recording mean nothing to this one
        self._about = {one["path"]: one for one in self.modules}

    @contextlib.contextmanager
    def watching(self) -> Iterator[Recording]:
        """Within, calls of the model and of functions are seen. The model is afterwards as it was."""
        for name, tensor in self.weights.items():
            self._tag(tensor, f"weight {name}")
        wrapped = []
        try:
            for path, module in self.probe.named_modules(self.model):
                if path in self._about:
                    module.__dict__["forward"] = self._wrapper(path, module, module.forward)
                    wrapped.append(module)
            with self.probe.intercept(self._function, self.model):
                yield self
        finally:
            for module in wrapped:
                module.__dict__.pop("forward", None)

    def give(self, name: str, tensor) -> None:
        """Name an input of the model, and keep it with its gradient."""
        self._keep(tensor, f"input {name}")

    def finish(self, outputs) -> list[tuple[str, int]]:
        """Write what is known of the calls; return the model's outputs as values."""
        found = [(name, self._number(tensor)) for name, tensor in tensors_in(outputs, self.probe.is_tensor)]
        if self.sink is not None:
            self.sink.note("calls", self.calls)
            self.sink.note("sources", {str(number): source for number, source in self.sources.items()})
        return found

    def _wrapper(self, path: str, module, forward: Callable) -> Callable:
        about = self._about[path]
        kind = layer_kind(self.probe.NAME, tuple(about["classes"]))
        name = kind.name if kind else operation_kind(about["class"].lower())
        opaque = about["library"] and (kind is not None or not about["children"])

        def watched(*args, **kwargs):
            if self._muted:
                return forward(*args, **kwargs)
            with self.probe.quiet():
                call = self._begin(path, name, about["class"], (args, kwargs), about["settings"], opaque, module=True)

            def run():
                if name in DROPOUT:
                    return self._dropout(name, about["settings"], args, kwargs, module.training, forward)
                if name in CONSTANT_INSIDE:
                    return self._with_constants(name, forward, args, kwargs)
                return forward(*args, **kwargs)

            return self._finish_call(call, run)

        return watched

    def _function(self, name: str, function: Callable, args: tuple, kwargs: dict):
        """A function or method that the framework was asked for; its own inner calls are not seen."""
        if self._muted:
            return function(*args, **kwargs)
        kind = operation_kind(name)
        bound = function_settings(self.probe.NAME, bound_arguments(function, args, kwargs, self.probe.is_tensor))
        call = self._begin(
            self._stack[-1].content["path"] if self._stack else "", kind, name, (args, kwargs), bound, True
        )

        def run():
            if kind in DROPOUT:
                return self._dropout(kind, bound, args, kwargs, bool(bound.get("training", True)), function)
            if kind in CONSTANT_INSIDE:
                return self._with_constants(kind, function, args, kwargs)
            if kind in RANDOM:
                return self._drawn_here(kind, function(*args, **kwargs), args)
            return function(*args, **kwargs)

        return self._finish_call(call, run)

    def _finish_call(self, call: Open, run: Callable):
        self._muted += call.opaque
        self._stack.append(call)
        try:
            out = run()
        finally:
            self._stack.pop()
            self._muted -= call.opaque
        with self.probe.quiet():
            return self._end(call, out)

    def _begin(self, path, kind, label, given, settings, opaque, module=False) -> Open:
        inputs = [(name, self._number(tensor)) for name, tensor in tensors_in(given, self.probe.is_tensor)]
        turn = self._turns.get(path, 0) if module else 0
        if module:
            self._turns[path] = turn + 1
        content = {
            "index": len(self.calls), "parent": self._stack[-1].content["index"] if self._stack else -1, "path": path,
            "kind": kind, "label": label, "module": module, "leaf": opaque, "turn": turn, "inputs": inputs,
            "outputs": [], "settings": settings, "where": users_line(),
        }  # fmt: skip
        self.calls.append(content)
        averaged = tensors_in(given, self.probe.is_tensor)[0][1] if kind in AVERAGES and inputs else None
        return Open(content, opaque, len(self.calls), averaged)

    def _end(self, call: Open, out):
        content = call.content
        found = tensors_in(out, self.probe.is_tensor)
        if not found and not content["module"]:  # a question, such as the size: not a step of the computation
            if len(self.calls) == call.made_before:
                self.calls.pop()
            return out
        content["leaf"] = call.opaque or len(self.calls) == call.made_before
        if content["leaf"] and (self.noise or self.replace):
            out = self._changed(call, out, found)
            found = tensors_in(out, self.probe.is_tensor)
        content["outputs"] = [(name, self._number(tensor, content["index"])) for name, tensor in found]
        if call.averaged is not None and found:
            self.probe.like_paddle(content["kind"], content["settings"], call.averaged, found[0][1])
        return out

    def _changed(self, call: Open, out, found):
        """The outputs with rounding added, or with another pass's in their place; only of what this call made."""
        index, fresh = call.content["index"], {id(tensor) for _, tensor in found if not self._known(tensor)}
        if self.noise:
            return map_tensors(
                out, self.probe.is_tensor,
                lambda t: self.noise.output(self.probe, call.content, t, self._sizes(call)) if id(t) in fresh else t,
            )  # fmt: skip
        others = iter(self.replace.get(index, []))

        def exchanged(tensor):
            array = next(others, None)
            if array is None or tuple(array.shape) != tuple(tensor.shape) or not self.probe.is_floating(tensor):
                return tensor
            self.sink.put("own", f"{index}", self.probe.to_numpy(tensor))
            return self.probe.like(array, tensor)

        return map_tensors(out, self.probe.is_tensor, exchanged)

    def _sizes(self, call: Open) -> list[tuple[int, ...]]:
        """Shapes of the weights of a module that is called, which tell the length of its sums."""
        about = self._about.get(call.content["path"]) if call.content["module"] else None
        return [tuple(weight["shape"]) for weight in about["weights"].values()] if about else []

    def _known(self, tensor) -> bool:
        tag = getattr(tensor, TAG, None)
        return tag is not None and tag[0] is self._key and tag[2] == self.probe.version_of(tensor)

    def _number(self, tensor, made_by: int | None = None) -> int:
        """The number of a tensor's value; a value that was not seen before, or has changed since, is kept now."""
        if self._known(tensor):
            return getattr(tensor, TAG)[1]
        return self._keep(tensor, "constant" if made_by is None else f"call {made_by}")

    def _keep(self, tensor, source: str) -> int:
        number = self._tag(tensor, source)
        if self.sink is not None:
            self.sink.put("values", str(number), self.probe.to_numpy(tensor))
        if (self.sink is not None or self.noise) and self.probe.has_gradient(tensor):
            self.probe.on_gradient(tensor, self._gradient_writer(number))
        return number

    def _gradient_writer(self, number: int) -> Callable:
        def write(gradient):
            if self.noise:
                gradient = self.noise.gradient(self.probe, gradient)
            if self.sink is not None:
                self.sink.put("flow", str(number), self.probe.to_numpy(gradient))
            return gradient if self.noise else None

        return write

    def _tag(self, tensor, source: str) -> int:
        number = len(self.sources)
        self.sources[number] = source
        setattr(tensor, TAG, (self._key, number, self.probe.version_of(tensor)))
        return number

    def _count(self, kind: str) -> int:
        self._drawn[kind] = self._drawn.get(kind, -1) + 1
        return self._drawn[kind]

    def _dropout(self, kind: str, settings: Mapping, args: tuple, kwargs: dict, training: bool, original: Callable):
        """Dropout with a mask of ours, the same in both frameworks, and the scale of the framework's own mode.

        Where nothing is dropped, the framework does it; Paddle's scale of evaluation is exact here, not float32.
        """
        p, later = float(settings.get("p") or 0.0), settings.get("mode") == "downscale_in_infer"
        if not p or (not training and not later):
            return original(*args, **kwargs)
        tensor = tensors_in((args, kwargs), self.probe.is_tensor)[0][1]
        shape = tuple(tensor.shape)
        if not training:
            return tensor * self.probe.like(np.full((1,) * len(shape), 1 - p), tensor)
        shape = shape[:2] + (1,) * (len(shape) - 2) if kind == "channel_dropout" else shape
        kept = self._uniform("mask", shape) >= p
        return tensor * self.probe.like(kept * (1.0 if later or p == 1 else 1 / (1 - p)), tensor)

    def _with_constants(self, kind: str, original: Callable, args: tuple, kwargs: dict):
        changed = self.probe.as_paddle(kind, args[0]) if args and self.probe.is_tensor(args[0]) else None
        return original(*args, **kwargs) if changed is None else changed

    def _uniform(self, purpose: str, shape: tuple[int, ...]):
        return stream(self.seed, purpose, self.step, self._count(purpose)).random(shape)

    def _drawn_here(self, kind: str, out, args: tuple):
        """Numbers that a model draws itself come from the kit's streams, the same in both frameworks."""
        shape = tuple(out.shape)
        if kind == "bernoulli":  # as a dropout layer draws its mask
            chance = self.probe.to_numpy(args[0]) if args and self.probe.is_tensor(args[0]) else 0.5
            return self.probe.like(self._uniform("mask", shape) >= 1 - chance, out)
        if kind == "random_uniform":
            return self.probe.like(self._uniform(kind, shape), out)
        draw = stream(self.seed, kind, self.step, self._count(kind))
        return self.probe.like(draw.standard_normal(shape, dtype=np.float32), out)


def users_line() -> str:
    """The line of the user's own code that is running: `model.py:12`; empty where there is none."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not is_library(name):
            return f"{Path(name).name}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def is_library(filename: str) -> bool:
    """Whether a file belongs to a framework, to an installed package, to Python or to dualport."""
    return filename.startswith(NOT_THE_USERS) or (
        f"{os.sep}site-packages{os.sep}" in filename and f"{os.sep}paddle{os.sep}vision{os.sep}" not in filename
    )
