"""One proof of an entry, made in either framework: built, given weights and inputs, called, and its gradients taken."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
import torch
from dualport.common.dictionary import index
from dualport.common.dictionary.entry import Argument, Entry, Names, as_in_float32
from dualport.common.dictionary.proof import Input, Proof

ROOTS = {"torch": torch, "paddle": paddle}


@contextmanager
def float64():
    """Within, both frameworks make numbers of double precision, from fixed seeds."""
    before = torch.get_default_dtype(), paddle.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    paddle.set_default_dtype("float64")
    torch.manual_seed(1)
    paddle.seed(1)
    try:
        yield
    finally:
        torch.set_default_dtype(before[0])
        paddle.set_default_dtype(before[1])


def resolved(framework: str, path: str) -> Any:
    """What a name of an entry stands for."""
    place = ROOTS[framework]
    for part in path.split("."):
        place = getattr(place, part)
    return place


def signature(thing: Callable) -> Mapping[str, inspect.Parameter]:
    """Parameters by name; none where the framework tells none."""
    try:
        return inspect.signature(thing).parameters
    except (TypeError, ValueError):
        return {}


def tensor(framework: str, array: np.ndarray, wants_gradient: bool):
    if framework == "torch":
        return torch.tensor(array, requires_grad=wants_gradient)
    return paddle.to_tensor(array, stop_gradient=not wants_gradient)


def array_of(tensor: Any) -> np.ndarray:
    return tensor.detach().resolve_conj().numpy() if torch.is_tensor(tensor) else np.asarray(tensor.numpy())


def tensors_in(result: Any) -> list:
    """The tensors of a result in order, however deep in tuples and lists."""
    if torch.is_tensor(result) or isinstance(result, paddle.Tensor):
        return [result]
    return [one for part in result for one in tensors_in(part)] if isinstance(result, (list, tuple)) else []


@dataclass(frozen=True)
class Made:
    """What a call made: its outputs, and the gradients of inputs (by place) and weights (by name)."""

    outputs: list[np.ndarray]
    gradients: dict[Any, np.ndarray]


class Side:
    """One proof in one framework."""

    def __init__(self, framework: str, entry: Entry, proof: Proof, build: bool = True) -> None:
        """
        Args:
            build: whether a proof of a layer is built at once.
        """
        self.framework, self.entry, self.proof = framework, entry, proof
        told = proof.names[framework == "paddle"]
        names = Names.of(told) if told else entry.names(framework)
        methods = tuple(f".{one}" for one in names.methods)
        chosen = (*names.functions, *methods) if build and not proof.layer else (*names.classes, *names.functions)
        self.path = chosen[0]
        self.layer = self.call = None
        if not self.path.startswith("."):
            self.call = resolved(framework, self.path)
        if build and proof.layer:
            self.layer = self.call = self.call(**self.keywords())
            if framework == "torch":
                self.layer.double()

    def keywords(self) -> dict[str, Any]:
        """The arguments under this framework's names and in its conventions."""
        known = {one.name: one for one in self.entry.arguments}
        given: dict[str, Any] = {}
        for name, value in self.told_arguments().items():
            theirs, _, place = self._name(known[name]).partition("[")
            one = self._value(known[name], value)
            given[theirs] = (*given.get(theirs, ()), one) if place else one  # `betas[0]` and `betas[1]` are one
        return given | dict(self.proof.torch if self.framework == "torch" else self.proof.paddle)

    def told_arguments(self) -> dict[str, Any]:
        """The proof's arguments; PyTorch is given the numbers that Paddle rounds to float32 as it rounds them."""
        told = dict(self.proof.arguments)
        if self.framework == "torch":
            told |= rounded_settings(self.entry, self.proof)
        return told

    def _name(self, argument: Argument) -> str:
        names = argument.torch if self.framework == "torch" else argument.paddle
        assert names, f"{self.entry.kind}: {self.framework} has no argument {argument.name}"
        there = signature(self.call) if self.call is not None else {}
        return next((name for name in names if name in there), names[0])

    def _value(self, argument: Argument, value: Any) -> Any:
        if self.framework == "torch":
            return getattr(torch, value) if argument.name == "dtype" else value
        return argument.turned.to_paddle(value) if argument.turned else value

    def weights(self) -> dict[str, tuple[Any, bool, tuple[int, int] | None]]:
        """Name of each weight → tensor, whether it is kept transposed, and which of its rows."""
        found = {}
        if self.layer is None:
            return found
        inside = ()
        for path, part in self._parts():
            if inside and path.startswith(inside):
                continue
            entry = index.layer_entry(self.framework, [one.__name__ for one in type(part).__mro__])
            if entry is not None and entry.inner_layers:
                inside += (f"{path}." if path else "",)
            for name, one in self._tensors(part).items():
                for row, transposed, share in _rows(entry, self.framework, name):
                    found[f"{path}.{row}" if path else row] = one, transposed, share
        return found

    def _parts(self):
        if self.framework == "torch":
            return self.layer.named_modules()
        return self.layer.named_sublayers(include_self=True)

    def _tensors(self, part) -> dict[str, Any]:
        if self.framework == "torch":
            return {**dict(part.named_parameters(recurse=False)), **dict(part.named_buffers(recurse=False))}
        return {**part._parameters, **part._buffers}

    def set_weights(self, arrays: Mapping[str, np.ndarray]) -> None:
        for name, (one, transposed, share) in self.weights().items():
            whole = array_of(one).copy()
            part = _share(whole, share)
            part[...] = (arrays[name].T if transposed else arrays[name]).reshape(part.shape)
            if self.framework == "torch":
                with torch.no_grad():
                    one.copy_(torch.from_numpy(whole))
            else:
                one.set_value(whole)

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes = {}
        for name, (one, transposed, share) in self.weights().items():
            shape = _share(array_of(one), share).shape
            shapes[name] = shape[::-1] if transposed else shape
        return shapes

    def run(
        self, inputs: list[np.ndarray], cotangents: Callable[[int, tuple[int, ...]], np.ndarray], mode: str
    ) -> Made:
        """Outputs, and the gradients of the sum of each output times its cotangent."""
        if self.layer is not None:
            self.layer.train() if mode == "training" else self.layer.eval()
            for one, _, _ in self.weights().values():
                one.grad = None
        given = [self._given(one, array) for one, array in zip(self.proof.inputs, inputs, strict=True)]
        results = tensors_in(self._called(given))
        places = self.proof.outputs[self.framework == "paddle"]
        results = results if places is None else [results[place] for place in places]
        if self.framework == "paddle" and self.proof.axes:
            results = [one.transpose(list(np.argsort(self.proof.axes))) for one in results]
        outputs = [array_of(one) for one in results]
        if not self.proof.gradients:
            return Made(outputs, {})
        total = sum((one * tensor(self.framework, cotangents(place, tuple(one.shape)), False)).sum()
                    for place, one in enumerate(results) if outputs[place].dtype.kind == "f")  # fmt: skip
        total.backward()
        return Made(outputs, self._gradients(given))

    def _given(self, one: Input, array: np.ndarray):
        array = one.for_paddle(array) if self.framework == "paddle" else array
        wants_gradient = array.dtype.kind == "f" and not one.fixed
        return tensor(self.framework, np.array(array, order="C"), wants_gradient)

    def _called(self, given: list):
        known = {one.name: one for one in self.entry.arguments}
        named = {self._name(known[one.name]) if one.name in known else one.name: value
                 for one, value in zip(self.proof.inputs, given, strict=True) if one.name}  # fmt: skip
        plain = [value for one, value in zip(self.proof.inputs, given, strict=True) if not one.name]
        plain = [plain] if self.proof.listed else plain
        more = self.keywords() if self.layer is None else {}
        if self.call is not None:
            return self.call(*plain, **named, **more)
        method = getattr(plain[0], self.path[1:])
        return method(*plain[1:], **named, **more) if callable(method) else method

    def _gradients(self, given: list) -> dict[Any, np.ndarray]:
        found = {}
        for place, (one, value) in enumerate(zip(self.proof.inputs, given, strict=True)):
            if value.grad is not None:
                gradient = array_of(value.grad)
                found[place] = one.back(gradient) if self.framework == "paddle" else gradient
        for name, (one, transposed, share) in self.weights().items():
            if one.grad is not None:
                gradient = _share(array_of(one.grad), share)
                found[name] = gradient.T if transposed else gradient
        return found


def rounded_settings(entry: Entry, proof: Proof) -> dict[str, float]:
    """The arguments that Paddle keeps in float32, as it has them."""
    known = {one.name: one for one in entry.arguments}
    told = {name: proof.arguments.get(name, known[name].default_torch)
            for name, constant in entry.float32.items() if constant is None}  # fmt: skip
    kept = {name: as_in_float32(known[name], value) for name, value in told.items() if isinstance(value, float)}
    return {name: value for name, value in kept.items() if value != told[name]}


def _share(array: np.ndarray, share: tuple[int, int] | None) -> np.ndarray:
    if share is None:
        return array
    place, count = share
    width = len(array) // count
    return array[place * width : (place + 1) * width]


def _rows(entry: Entry | None, framework: str, name: str) -> list[tuple[str, bool, tuple[int, int] | None]]:
    """The canonical weights that a tensor of a layer holds; none of one that only this framework has."""
    rows = entry.weights if entry else ()
    ours = [one for one in rows if (one.torch if framework == "torch" else one.paddle) == name]
    if any(not (one.torch and one.paddle) for one in ours):
        return []
    if framework == "torch":
        return [(one.name, False, one.part) for one in ours] or [(name, False, None)]
    return [(one.name, one.transposed, None) for one in ours] or [(name, False, None)]
