"""Running a model of the user's own, in one framework, and leaving all of it in one file.

One file holds the same model in each precision and mode that is asked for, from the same weights and inputs; and what
rounding explains of it, where float64 and float32 are both there.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ...common.compare.rounding.budgets import ROUNDOFF
from ...common.errors import BadInput
from ...common.traces.inputs import describe
from ...common.traces.reading import FORMAT, VERSION
from ...common.traces.writing import Compared, Measured, Stored
from ...common.weights.rules import to_canonical
from .load import telling
from .model import Subject
from .rounding_noise import GAIN, Noise


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
