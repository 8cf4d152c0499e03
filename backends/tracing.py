"""Running a model of the user's own, in one framework, and leaving all of it in one file.

One file holds the same model in each precision and mode that is asked for, from the same weights and inputs; and what
rounding explains of it, where float64 and float32 are both there.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..common.alignment.inputs import Input, describe
from ..common.alignment.optimizers import Optimiser
from ..common.alignment.sinks import Compared, Measured, Stored
from ..common.alignment.trace_file import FORMAT, VERSION
from ..common.alignment.weight_views import View, to_canonical, to_own, weight_views
from ..common.errors import BadInput
from ..common.parity.rounding import ROUNDOFF
from ..common.random_streams import stream
from . import load_backend
from .recording import Recording
from .recording_noise import GAIN, Noise
from .recording_values import tensors_in
from .user_code import load_object, make_model, telling

PRECISIONS = ("float64", "float32")
MODES = ("train", "eval")


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
        self.stepping, self.probe = backend.stepping, backend.probing
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
        """Within, the model may change; one not ours has its type, weights and modes again afterwards, no gradients."""
        if not self.live:
            yield
            return
        tensors = self.stepping.tensors(self.model)
        before = {name: np.array(self.probe.to_numpy(one)) for name, one in tensors.items()}
        types = {str(one.dtype).rpartition(".")[2] for one in tensors.values() if self.probe.is_floating(one)}
        dropouts = [(module, module.dropout) for module in self._inner_dropout()]
        flags = [(module, module.training) for _, module in self.probe.named_modules(self.model)]
        try:
            yield
        finally:
            if len(types) == 1:
                self.stepping.to_dtype(self.model, types.pop())
            self.stepping.assign(self.model, before)
            self.stepping.clear_gradients(self.model)
            for module, training in flags:
                module.training = training
            for module, share in dropouts:
                module.dropout = share

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


def run_pass(subject: Subject, dtype: str, mode: str, sink, noise: Noise | None = None, replace=None) -> None:
    """One precision and mode: a watched pass, and in the plan's first mode its gradients and steps, into a sink."""
    plan = subject.plan
    _give_back_memory()
    subject.prepare(dtype, mode)
    recording = subject.recording(sink, noise=noise, replace=replace)
    outputs, found = subject.forward(recording, dtype)
    sink.note("outputs", found)
    del recording
    if mode != plan.modes[0] or replace is not None:
        return
    optimiser = subject.optimiser() if plan.steps else None
    if optimiser is not None:
        sink.note("optimiser", subject.stepping.described(optimiser))
    for step in range(1, max(1, plan.steps) + 1):
        if step > 1:
            outputs, _ = subject.forward(subject.recording(None, step, noise=noise), dtype, step)
        loss = subject.loss(outputs, step)
        if loss is None or not subject.probe.has_gradient(loss):
            sink.note("without_gradient", True)
            return
        sink.put("loss", str(step), subject.probe.to_numpy(loss))
        del outputs
        with telling(f"the backward pass of {subject.reference} fails"):
            loss.backward()
        if noise is not None:
            subject.stepping.perturb_gradients(subject.model, GAIN * noise.unit)
        put_all(sink, f"gradients/{step}", to_canonical(subject.views, subject.stepping.gradients(subject.model)))
        if optimiser is None:
            put_all(sink, "after", _weights(subject))  # a pass in training changes running statistics without any step
            continue
        with telling("the optimiser's step fails"):
            optimiser.step()
        subject.stepping.clear_gradients(subject.model)
        put_all(sink, f"weights/{step}", _weights(subject))
        for moment, arrays in subject.stepping.moments(optimiser, subject.model).items():
            put_all(sink, f"moments/{step}/{moment}", to_canonical(subject.views, arrays))


def _weights(subject: Subject) -> dict[str, np.ndarray]:
    return to_canonical(subject.views, subject._own(copy=False))


def _give_back_memory() -> None:
    """What the last pass left must not lie beside the next one: cycles, and what the allocator keeps for later."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # glibc alone can be told so
        ctypes.CDLL(None).malloc_trim(0)


def put_all(sink, section: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Hand named arrays to a sink."""
    for name, array in arrays.items():
        sink.put(section, name, array)


def write_trace(subject: Subject, path, tell: Callable[[str], None] = lambda what: None) -> None:
    """Run the whole plan into a new HDF5 file at `path`, which is left broken where the model fails.

    Raises:
        BadInput: the model fails.
    """
    import h5py

    plan = subject.plan
    with h5py.File(path, "w", rdcc_nbytes=0) as file, subject.kept():
        head = Stored(file)
        head.note("head", head_of(subject))
        head.note("modules", subject.modules)
        runs = file.create_group("runs")
        for dtype in plan.dtypes:
            for mode in plan.modes:
                tell(f"{dtype} {mode}")
                sink = Stored(runs.create_group(f"{dtype}/{mode}"))
                put_all(sink, "start", subject.start)
                if plan.lean and dtype != plan.dtypes[0]:
                    sink = Measured(sink.group, runs[f"{plan.dtypes[0]}/{mode}"])
                run_pass(subject, dtype, mode, sink)
                if isinstance(sink, Measured):
                    sink.note("lost", sink.lost)
        if plan.rounding:
            head.note("rounding", _rounding(subject, runs, tell))


def _rounding(subject: Subject, runs, tell: Callable[[str], None]) -> dict:
    """What rounding explains, in float32 and, where an optimiser takes steps, in float64: precision → mode → errors."""
    plan, found = subject.plan, {}
    exact = plan.dtypes[0]
    tried = [dtype for dtype in plan.dtypes if dtype == "float32" or (dtype == exact and plan.steps)] or [exact]
    for dtype in tried:
        for mode in plan.modes:
            tell(f"rounding in {dtype}, {mode}")
            subject.stepping.seed_all(plan.seed)
            errors = found.setdefault(dtype, {}).setdefault(mode, {})
            run_pass(subject, dtype, mode, Compared(runs[f"{exact}/{mode}"], errors), Noise(ROUNDOFF[dtype]))
    return found


def head_of(subject: Subject) -> dict:
    """What was traced with what, for the head of a file."""
    plan = subject.plan
    loss = "projection" if plan.loss is None else plan.loss if isinstance(plan.loss, str) else plan.loss.__name__
    return {
        "format": FORMAT, "version": VERSION, "framework": subject.framework, "framework_version": subject.version,
        "model": subject.reference, "inputs": describe(plan.inputs), "seed": plan.seed, "dtypes": list(plan.dtypes),
        "modes": list(plan.modes), "steps": plan.steps, "optimiser": _said(plan.optimiser), "loss": loss,
        "device": subject.device,
        "left_out": [one["path"] for one in subject.modules if one["settings"].get("dropout")],
    }  # fmt: skip


def _said(optimiser) -> str:
    return getattr(optimiser, "__name__", None) or str(optimiser)


def check_dtypes(dtypes: Sequence[str]) -> tuple[str, ...]:
    """Each precision once, float64 first.

    Raises:
        BadInput: an unknown one.
    """
    known = ("float64", "float32", "float16", "bfloat16")
    for one in dtypes:
        if one not in known:
            raise BadInput(f"there is no precision {one!r}: choose one of {', '.join(known)}")
    return tuple(one for one in known if one in dtypes)
