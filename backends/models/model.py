"""A model of the user's own with its framework: what can be asked of it without knowing which framework it is."""

from __future__ import annotations

import contextlib
import functools
import inspect
import operator
import random
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...common.random_streams import stream
from ...common.traces.plan import EXACT, LOW, Plan
from ...common.weights.rules import View, to_canonical, to_framework, weight_views, with_aliases
from .. import load_backend
from ..model_state import gradients, set_training, stored_arrays, structure
from .load import load_object, make_model, telling
from .nested_tensors import dtype_of, settled, tensors_in
from .record import Recording
from .watched.as_before import Attributes


class UserModel:
    """A model with its framework: what can be asked of it without knowing which framework it is."""

    def __init__(self, framework: str, model: Any, plan: Plan, arguments: str = "") -> None:
        self.framework, self.plan = framework, plan
        self.backend = load_backend(framework)
        self.device = self.backend.device.choose_device(plan.device)
        self.backend.device.make_repeatable()
        self.version = self.backend.device.version()
        self.live = not isinstance(model, str)  # a model of the user's own process, which must be left as it was
        self.reference = model if isinstance(model, str) else type(model).__name__
        if isinstance(model, str):
            self.backend.device.seed_all(plan.seed)
            with self.backend.device.default_dtype("float32"):
                model = make_model(model, arguments, self.backend)
        self.model = self._unwrapped(model)
        self.backend.calls.refuse_unseen(self.model)
        if not self.live:
            self.backend.weights.to_device(self.model, self.device)
        with contextlib.ExitStack() as back:
            self._take_wrappers_off(back)
            if not self.live:
                back.pop_all()  # for good
            self.modules = structure(self.backend, self.model)
            self.views: dict[str, View] = weight_views(framework, self.modules)
            self.start_from(stored_arrays(self.backend, self.model, self.views))
            self.narrow = self._narrow()
            self._attributes = self._held()

    def _unwrapped(self, module: Any) -> Any:
        while (inner := self.backend.calls.inner(module)) is not None:
            module = inner
        return module

    def _take_wrappers_off(self, back: contextlib.ExitStack) -> None:
        """Within, no part of the model is compiled or spread over devices: it runs, and is named, as it was written."""
        for _, module in list(self.backend.calls.named_modules(self.model)):
            table = self.backend.calls.children(module)
            for name, child in list(table.items()):
                if child is not None and (inner := self._unwrapped(child)) is not child:
                    table[name] = inner
                    back.callback(table.__setitem__, name, child)

    def _held(self) -> Attributes:
        modules = [module for _, module in self.backend.calls.named_modules(self.model)]
        return Attributes(modules, self.backend.calls.is_library)

    def _narrow(self) -> dict[str, str]:
        """State-dict name → type of the tensors that the model keeps in half precision, where it keeps others in more:
        its own casts count on them."""
        tensors = self.backend.weights.tensors(self.model)
        floating = {name: dtype_of(each) for name, each in tensors.items() if self.backend.tensors.is_floating(each)}
        low = {name: dtype for name, dtype in floating.items() if dtype in LOW}
        return low if len(low) < len(floating) else {}

    def start_from(self, stored: dict[str, np.ndarray]) -> None:
        """Take arrays by state-dict name, all of them, as the weights that every pass begins with."""
        self.stored, self.start = stored, to_canonical(self.views, stored)

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take canonical arrays as the weights that every pass begins with; others stay as they are."""
        to_framework(self.views, with_aliases(arrays, self.views), self.stored)
        self.start_from(self.stored)

    def weights(self) -> dict[str, np.ndarray]:
        """The weights as they are now, by canonical name; good until the model changes."""
        return to_canonical(self.views, stored_arrays(self.backend, self.model, self.views, copy=False))

    def gradients(self) -> dict[str, np.ndarray]:
        """The gradients that arrived, by canonical name; good until the model changes."""
        return to_canonical(self.views, gradients(self.backend, self.model))

    @contextlib.contextmanager
    def kept(self):
        """Within, the model may change; one not ours has its tensors, gradients and modes again afterwards."""
        with contextlib.ExitStack() as back:
            if self.live:
                self._take_wrappers_off(back)
                self._put_back_after(back)
            yield

    def _put_back_after(self, back: contextlib.ExitStack) -> None:
        kept = set()
        back.callback(random.setstate, random.getstate())
        back.callback(np.random.set_state, np.random.get_state())
        for _, module in self.backend.calls.named_modules(self.model):
            held = [vars(module), module._parameters, module._buffers]
            for tensor in [each for table in held for each in table.values() if self.backend.tensors.is_tensor(each)]:
                if id(tensor) not in kept:
                    kept.add(id(tensor))
                    back.callback(self.backend.tensors.keeper(tensor))
        back.callback(self._held().put_back)  # a change of type makes new buffers, and a model may too

    @property
    def left_out(self) -> list[str]:
        """Layers that drop inside one kernel of a GPU, where no mask can be given to them."""
        inside = [about["path"] for about in self.modules if about["settings"].get("dropout")]
        return inside if self.device == "cuda" else []

    def prepare(self, dtype: str, mode: str) -> None:
        """Bring the model to where every pass begins, whatever an earlier one has left in its attributes."""
        self._attributes.put_back()
        self.backend.weights.to_dtype(self.model, dtype)
        if dtype != EXACT:
            self.backend.weights.narrow(self.model, self.narrow)
        self.backend.weights.assign(self.model, self.stored)
        set_training(self.model, mode == "train")
        left_out = set(self.left_out)
        for path, module in self.backend.calls.named_modules(self.model):
            if path in left_out:
                module.dropout = 0.0
        self.backend.weights.clear_gradients(self.model)

    def recording(self, writer=None, step: int = 1, **more) -> Recording:
        """A watcher of the model's passes; see `Recording`."""
        return Recording(self.backend, self.model, self.modules, writer, self.plan.seed, step, **more)

    def forward(self, recording: Recording, dtype: str, step: int = 1, examples: int | None = None):
        """One watched forward pass; of the first few `examples` alone where their number is given.

        Returns:
            The outputs as the model gave them, and (name, number of the value) of each tensor in them.

        Raises:
            BadInput: the model fails on the inputs; the sentence has the user's file and line.
        """
        inputs = self.plan.inputs
        arrays = [np.array(wanted.draw(self.plan.seed, place, step)) for place, wanted in enumerate(inputs)]
        arrays = arrays if examples is None else [array[:examples] for array in arrays]
        given = [self.backend.tensors.tensor(array, dtype, self.device, gradient=True) for array in arrays]
        for place, (wanted, made) in enumerate(zip(inputs, given, strict=True)):
            recording.give(wanted.name or str(place), made)
        positional, named = self._arguments(given)
        shapes = ", ".join(
            f"{wanted.name or 'input'} {list(array.shape)}" for wanted, array in zip(inputs, arrays, strict=True)
        )
        with self.precision(dtype), telling(f"{self.reference} fails on {shapes} in {dtype}"):
            with recording.watching():
                outputs = settled(self.model(*positional, **named))
            return outputs, recording.finish(outputs)

    @contextlib.contextmanager
    def precision(self, dtype: str):
        """Within, what is computed is computed in `dtype`."""
        with contextlib.ExitStack() as within:
            within.enter_context(self.backend.device.default_dtype(dtype))
            if dtype == "float64":
                within.enter_context(self.backend.float64.throughout())
            yield

    def _arguments(self, given: list) -> tuple[list, dict]:
        """Inputs by name where the model has an argument of the name, else by place."""
        try:
            known = set(inspect.signature(self.model.forward).parameters)
        except (TypeError, ValueError):
            known = set()
        positional, named = [], {}
        for wanted, made in zip(self.plan.inputs, given, strict=True):
            if wanted.name in known:
                named[wanted.name] = made
            else:
                positional.append(made)
        return positional, named

    def loss(self, outputs, step: int):
        """The number that is differentiated: the user's, the model's own where it gives a single number, or a sum of
        all outputs with fixed random weights, which no flip and no exchange of elements leaves as it was."""
        if self.plan.loss is not None:
            function = load_object(self.plan.loss, "loss") if isinstance(self.plan.loss, str) else self.plan.loss
            with telling("the loss fails"):
                return function(outputs)
        tensors, terms = self.backend.tensors, []
        for place, (_, output) in enumerate(tensors_in(outputs, tensors.is_tensor)):
            if not tensors.has_gradient(output):
                continue
            tensor = tensors.as_real(output)
            shape = tuple(tensor.shape)
            if not (count := int(np.prod(shape, dtype=np.int64))):
                continue
            weights = stream(self.plan.seed, "projection", step, place).standard_normal(shape, dtype=np.float32)
            weights = np.ones(shape, np.float32) if count == 1 else weights / np.float32(np.sqrt(count))
            terms.append((tensor * tensors.like(weights, tensor)).sum())
        if not terms:
            return None
        widest = max(terms, key=lambda term: tensors.to_numpy(term).dtype.itemsize)
        return functools.reduce(operator.add, [tensors.cast_like(term, widest) for term in terms])

    def optimizer(self):
        """A fresh one of what the plan names, for the parameters that are trained."""
        wanted = self.plan.optimizer
        if isinstance(wanted, str):
            wanted = load_object(wanted, "optimiser")
        parameters = list(filter(self.backend.tensors.has_gradient, self.model.parameters()))
        with telling("the optimiser cannot be made"):
            return self.backend.optimizers.make(wanted, parameters)
