"""Devices and numerical modes of Paddle; see `contract.Device`."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import paddle
from paddle.version import full_version

from ...common.errors import EnvironmentFailed
from ..contract import Unsupported

if TYPE_CHECKING:
    from paddle._typing import DTypeLike

paddle.disable_signal_handler()  # a process that is stopped should end quietly, not with Paddle's C++ traceback

_TF32 = "NVIDIA_TF32_OVERRIDE"
_DETERMINISTIC = {"FLAGS_cudnn_deterministic": True, "FLAGS_embedding_deterministic": 1}


def choose_device(wanted: str) -> str:
    there = paddle.device.is_compiled_with_cuda() and paddle.device.cuda.device_count() > 0
    if wanted == "cuda" and not there:
        raise EnvironmentFailed("Paddle finds no CUDA GPU here: use --device cpu, or install paddlepaddle-gpu")
    device = "cuda" if there and wanted in ("auto", "cuda") else "cpu"
    paddle.device.set_device("gpu" if device == "cuda" else "cpu")
    return device


def make_repeatable() -> contextlib.AbstractContextManager:
    back = contextlib.ExitStack()
    back.callback(paddle.device.set_device, paddle.device.get_device())
    before = os.environ.get(_TF32)
    back.callback(os.environ.pop, _TF32, None) if before is None else back.callback(os.environ.update, {_TF32: before})
    os.environ[_TF32] = "0"
    kinds = ["cpu"]
    if paddle.device.is_compiled_with_cuda():
        kinds += ["gpu"] * bool(paddle.device.cuda.device_count())
        back.callback(paddle.set_flags, paddle.get_flags(list(_DETERMINISTIC)))
        paddle.set_flags(_DETERMINISTIC)
    for kind in kinds:
        back.callback(_set_random_state, paddle.get_rng_state(kind), kind)
    return back


def _set_random_state(state: list, kind: str) -> None:
    # Not `set_rng_state(state, kind)`, which Paddle 2.6 cannot do.
    before = paddle.device.get_device()
    paddle.device.set_device(kind)
    try:
        paddle.set_rng_state(state)
    finally:
        paddle.device.set_device(before)


def allow_tf32(device: str) -> None:
    # Paddle leaves TF32 to NVIDIA_TF32_OVERRIDE, which CUDA's libraries read once, when a process starts them.
    if device != "cuda":
        raise Unsupported("TF32 exists on CUDA only")
    raise Unsupported("TF32 is forbidden by NVIDIA_TF32_OVERRIDE=0, which no process that is under way can change")


def refusal(error: RuntimeError, dtype: str) -> str | None:
    # Paddle puts a C++ traceback around what it has to say.
    match = re.search(r"kernel with key \((\w+),.*of kernel `(\w+)` is not registered", str(error))
    return f"Paddle has no {match[2]} in {dtype} on {match[1]}" if match else None


def version() -> str:
    return f"paddlepaddle {full_version}"


def seed_all(seed: int) -> None:
    paddle.seed(seed)


@contextlib.contextmanager
def default_dtype(dtype: str) -> Iterator[None]:
    before = paddle.get_default_dtype()
    paddle.set_default_dtype(cast("DTypeLike", dtype))
    try:
        yield
    finally:
        paddle.set_default_dtype(before)
