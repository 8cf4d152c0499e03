"""A model of the user's own with its framework: what can be asked of it without knowing which framework it is."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...common.random_streams import stream
from ...common.traces.inputs import Input
from ...common.traces.optimizer import Optimiser
from ...common.weights.rules import View, to_canonical, to_own, weight_views
from .. import load_backend
from .load import load_object, make_model, telling
from .nested_tensors import tensors_in
from .record import Recording

PRECISIONS = ("float64", "float32")
MODES = ("train", "eval")
KEPT = {"training", "dropout", "_dtype"}  # attributes of modules that a pass sets


@dataclass(frozen=True)
class Plan:
    """What is done with a model. `loss` is the user's function of the outputs; by default a fixed random projection.

    In the first of `modes` there is a backward pass and `steps` steps of the optimiser; in the second one a forward
    pass alone. `lean`: of large arrays, lower precisions leave only how far they are from the first one.
    """

    inputs: Sequence[Input]
    seed: int = 1
    dtypes: tuple[str, ...] = PRECISIONS
    modes: tuple[str, ...] = MODES
    steps: int = 0
    optimiser: Optimiser | str | Callable = field(default_factory=Optimiser)
    loss: str | Callable | None = None
    device: str = "cpu"
    rounding: bool = True
    lean: bool = False


class Subject:
    """A model with its framework: what can be asked of it without knowing which framework it is."""

    def __init__(self, framework: str, model: Any, plan: Plan, arguments: str = "") -> None:
        self.framework, self.plan = framework, plan
        backend = load_backend(framework)
        self.stepping, self.probe = backend.stepping, backend.calls
        self.device = backend.choose_device(plan.device)
        backend.make_repeatable()
        self.version = backend.version()
        self.live = not isinstance(model, str)  # a model of the user's own process, which must be left as it was
        self.reference = model if isinstance(model, str) else type(model).__name__
        if isinstance(model, str):
            self.stepping.seed_all(plan.seed)
            with self.stepping.default_dtype("float32"):
                model = make_model(model, arguments, backend.MODEL, framework)
            self.stepping.to_device(model, self.device)
        self.model = model
        self.modules = self.probe.structure(model)
        self.views: dict[str, View] = weight_views(framework, self.modules)
        self.own = self._own()
        self.start = to_canonical(self.views, self.own)

    def _own(self, copy: bool = True) -> dict[str, np.ndarray]:
        """The model's tensors by own name; without a copy they are good until the model changes."""
        wanted = {view.own for view in self.views.values()}
        tensors = self.stepping.tensors(self.model)
        found = {name: self.probe.to_numpy(one) for name, one in tensors.items() if name in wanted}
        return {name: np.array(array) for name, array in found.items()} if copy else found

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take canonical arrays as the weights to start from; others stay as they are."""
        to_own(self.views, arrays, self.own)
        self.start = to_canonical(self.views, self.own)

    @contextlib.contextmanager
    def kept(self):
        """Within, the model may change; one not ours has its tensors, gradients and modes again afterwards."""
        with contextlib.ExitStack() as back:
            if self.live:
                self._put_back_after(back)
            yield

    def _put_back_after(self, back: contextlib.ExitStack) -> None:
        held = set()
        for _, module in self.probe.named_modules(self.model):
            for name in KEPT & vars(module).keys():
                back.callback(setattr, module, name, getattr(module, name))
            for table in (module._parameters, module._buffers):
                back.callback(table.update, dict(table))  # a change of type makes new buffers, and a model may too
                for tensor in table.values():
                    if tensor is not None and id(tensor) not in held:
                        held.add(id(tensor))
                        back.callback(self.stepping.keeper(tensor))

    def _inner_dropout(self) -> list:
        """Recurrent and attention layers that drop inside, where no mask can be given to both frameworks."""
        inner = {one["path"] for one in self.modules if one["settings"].get("dropout")}
        return [module for path, module in self.probe.named_modules(self.model) if path in inner]

    def prepare(self, dtype: str, mode: str) -> None:
        """Bring the model to where every pass begins."""
        self.stepping.to_dtype(self.model, dtype)
        self.stepping.assign(self.model, self.own)
        self.stepping.set_training(self.model, mode == "train")
        for module in self._inner_dropout():
            module.dropout = 0.0
        self.stepping.clear_gradients(self.model)

    def recording(self, sink=None, step: int = 1, **more) -> Recording:
        return Recording(
            self.probe, self.model, self.modules, self.stepping.tensors(self.model), sink, self.plan.seed, step, **more
        )

    def forward(self, recording: Recording, dtype: str, step: int = 1, examples: int | None = None):
        """One watched forward pass; of the first few `examples` alone where their number is given.

        Returns:
            The outputs as the model gave them, and (name, number of the value) of each tensor in them.

        Raises:
            BadInput: the model fails on the inputs; the sentence has the user's file and line.
        """
        arrays = [one.draw(self.plan.seed, place, step) for place, one in enumerate(self.plan.inputs)]
        arrays = [array if examples is None else array[:examples] for array in arrays]
        given = [self.stepping.tensor(array, dtype, self.device) for array in arrays]
        for one, made, place in zip(self.plan.inputs, given, range(len(given)), strict=True):
            recording.give(one.name or str(place), made)
        positional, named = self._arguments(given)
        shapes = ", ".join(
            f"{one.name or 'input'} {list(a.shape)}" for one, a in zip(self.plan.inputs, arrays, strict=True)
        )
        with self.stepping.default_dtype(dtype), telling(f"{self.reference} fails on {shapes} in {dtype}"):
            with recording.watching():
                outputs = self.model(*positional, **named)
            return outputs, recording.finish(outputs)

    def _arguments(self, given: list) -> tuple[list, dict]:
        """Inputs by name where the model has an argument of the name, else by place."""
        try:
            known = set(inspect.signature(type(self.model).forward).parameters)
        except (TypeError, ValueError):
            known = set()
        positional, named = [], {}
        for one, made in zip(self.plan.inputs, given, strict=True):
            if one.name in known:
                named[one.name] = made
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
        terms = []
        for place, (_, tensor) in enumerate(tensors_in(outputs, self.probe.is_tensor)):
            if not self.probe.is_floating(tensor) or not self.probe.has_gradient(tensor):
                continue
            shape = tuple(tensor.shape)
            count = int(np.prod(shape, dtype=np.int64))
            weights = stream(self.plan.seed, "projection", step, place).standard_normal(shape, dtype=np.float32)
            weights = np.ones(shape, np.float32) if count == 1 else weights / np.float32(np.sqrt(count))
            terms.append((tensor * self.probe.like(weights, tensor)).sum())
        if not terms:
            return None
        total = terms[0]
        for term in terms[1:]:
            total = total + term
        return total

    def optimiser(self):
        wanted = self.plan.optimiser
        if isinstance(wanted, str):
            wanted = load_object(wanted, "optimiser")
        with telling("the optimiser cannot be made"):
            return self.stepping.make_optimiser(wanted, self.model)
