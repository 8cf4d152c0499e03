"""Running a model of the user's own, in one framework, and leaving all of it in one file.

One file holds the same model in each precision and mode that is asked for, from the same weights and inputs; and what
rounding explains of it, where float64 and float32 are both there.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
from collections.abc import Callable, Iterator

from ...common.distance import ROUNDOFF
from ...common.errors import BadInput
from ...common.traces.inputs import describe
from ...common.traces.reading import FORMAT, VERSION
from ...common.traces.writing import ErrorsOnly, Lean, Stored, put_all
from ...common.weights.rules import to_canonical
from ..model_state import moments
from .load import telling
from .model import UserModel
from .record import Recording
from .rounding_noise import Noise


def run_pass(model: UserModel, dtype: str, mode: str, writer, noise: Noise | None = None) -> bool:
    """One precision and mode: a watched pass, and in the plan's first mode its gradients and steps, into a writer.

    Returns:
        Whether the model computes in less than float32 by itself.
    """
    _give_back_memory()
    model.prepare(dtype, mode)
    with contextlib.ExitStack() as hooks:
        recording = hooks.enter_context(contextlib.closing(model.recording(writer, noise=noise)))
        made = list(model.forward(recording, dtype))
        writer.note("outputs", made.pop())
        if mode == model.plan.modes[0]:
            _run_backward(model, dtype, recording, made, hooks)
    return any("low" in call for call in recording.calls)


def _run_backward(model: UserModel, dtype: str, recording: Recording, made: list, hooks: contextlib.ExitStack) -> None:
    """Gradients and steps. `made`: the outputs, which are taken out of it, so that they are not held."""
    plan, tensors, optimizers = model.plan, model.backend.tensors, model.backend.optimizers
    writer, noise = recording.writer, recording.noise
    optimizer = model.optimizer() if plan.steps else None
    if optimizer is not None:
        writer.note("optimiser", optimizers.described(optimizer))
    for step in range(1, max(1, plan.steps) + 1):
        if step > 1:
            recording = hooks.enter_context(contextlib.closing(model.recording(None, step, noise=noise)))
            made.append(model.forward(recording, dtype, step)[0])
        with model.precision(dtype):
            loss = model.loss(made.pop(), step)
        if loss is None or not tensors.has_gradient(loss):
            writer.note("without_gradient", True)
            return
        writer.put("loss", str(step), tensors.to_numpy(loss))
        # Parts that are run once more, to save memory, draw then what they drew.
        again = recording.randomness.again()
        with telling(f"the backward pass of {model.reference} fails"), model.precision(dtype), again:
            loss.backward()
        if noise is not None:
            noise.on_weights(tensors, model.model)
        put_all(writer, f"gradients/{step}", model.gradients())
        if optimizer is None:
            put_all(writer, "after", model.weights())  # a pass in training changes running statistics without any step
            continue
        with telling("the optimiser's step fails"):
            optimizer.step()
        model.backend.weights.clear_gradients(model.model)
        put_all(writer, f"weights/{step}", model.weights())
        for moment, arrays in moments(model.backend, optimizer, model.backend.weights.tensors(model.model)).items():
            put_all(writer, f"moments/{step}/{moment}", to_canonical(model.views, arrays))


@contextlib.contextmanager
def _old_objects_left_alone() -> Iterator[None]:
    """Within, the search for cycles looks at new objects alone: those of a framework cost 0.3 s each time."""
    frozen = gc.get_freeze_count()
    gc.freeze()
    try:
        yield
    finally:
        if not frozen:
            gc.unfreeze()


def _give_back_memory() -> None:
    """What the last pass left must not lie beside the next one: cycles, and what the allocator keeps for later."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # glibc alone can be told so
        ctypes.CDLL(None).malloc_trim(0)


def write_trace(model: UserModel, path, tell: Callable[[str], None] = lambda what: None) -> None:
    """Run the whole plan into a new HDF5 file at `path`, which is left broken where the model fails.

    Raises:
        BadInput: the model fails.
    """
    import h5py

    plan = model.plan
    with h5py.File(path, "w", rdcc_nbytes=0) as file, model.kept(), _old_objects_left_alone():
        head = Stored(file)
        head.note("modules", model.modules)
        runs, lowered, refused = file.create_group("runs"), False, {}
        for dtype in plan.dtypes:
            try:
                low = [_written(model, runs, dtype, mode, tell) for mode in plan.modes]
                lowered = lowered or (dtype == "float32" and any(low))
            except BadInput as error:  # a model with parts in half precision may not run in every other one
                if dtype == plan.dtypes[0]:
                    raise
                refused[dtype] = str(error)
                del runs[dtype]
        ran = [dtype for dtype in plan.dtypes if dtype not in refused]
        head.note("head", head_of(model) | {"dtypes": ran, "refused": refused})
        if plan.rounding:
            head.note("rounding", _rounding(model, runs, ran, lowered, tell))


def _written(model: UserModel, runs, dtype: str, mode: str, tell: Callable[[str], None]) -> bool:
    """One pass into its own group; what `run_pass` says of it."""
    first = model.plan.dtypes[0]
    for lean in (model.plan.lean and dtype != first, False):
        tell(f"{dtype} {mode}")
        writer = Stored(runs.create_group(f"{dtype}/{mode}"))
        put_all(writer, "start", model.start)
        if lean:
            writer = Lean(writer.group, runs[f"{first}/{mode}"])
        low = run_pass(model, dtype, mode, writer)
        if not (low and lean):
            break
        del runs[f"{dtype}/{mode}"]  # casts, which float64 has not, give values other numbers: they cannot be held now
    if isinstance(writer, Lean):
        writer.note("lost", writer.lost)
    return low


def _rounding(model: UserModel, runs, ran: list[str], lowered: bool, tell: Callable[[str], None]) -> dict:
    """What rounding explains, in float32 and, where an optimizer takes steps, in float64: precision → mode → errors.

    Args:
        ran: the precisions that it ran in, the highest first.
        lowered: the model computes in less than float32 by itself, which would drown what is tried: it runs in float64.
    """
    plan, errors = model.plan, {}
    exact = ran[0]
    tried = [dtype for dtype in ran if dtype == "float32" or (dtype == exact and plan.steps)] or [exact]
    for dtype in tried:
        for mode in plan.modes:
            tell(f"rounding in {dtype}, {mode}")
            model.backend.device.seed_all(plan.seed)
            into = errors.setdefault(dtype, {}).setdefault(mode, {})
            writer = ErrorsOnly(runs[f"{exact}/{mode}"], into)
            run_pass(model, exact if lowered else dtype, mode, writer, Noise(ROUNDOFF[dtype]))
    return errors


def head_of(model: UserModel) -> dict:
    """What was traced with what, for the head of a file."""
    plan = model.plan
    optimizer = getattr(plan.optimizer, "__name__", None) or str(plan.optimizer)
    loss = "projection" if plan.loss is None else plan.loss if isinstance(plan.loss, str) else plan.loss.__name__
    return {
        "format": FORMAT, "version": VERSION, "framework": model.framework, "framework_version": model.version,
        "model": model.reference, "inputs": describe(plan.inputs), "seed": plan.seed, "dtypes": list(plan.dtypes),
        "modes": list(plan.modes), "steps": plan.steps, "optimiser": optimizer, "loss": loss,
        "device": model.device,
        "left_out": model.left_out,
    }  # fmt: skip
