"""Devices and numerical modes of PyTorch; see `contract.Device`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import torch

from ...common.errors import EnvironmentFailed
from ..contract import Unsupported

_AMPERE = (8, 0)  # the first compute capability with TF32
_LACKING = ("not implemented for", "could not create a primitive")  # in errors of what is not there
# What `make_repeatable` changes. The last are put back first: the older names of TF32 write the newer ones too.
_SETTINGS = (
    (torch.backends.cuda.matmul, "fp32_precision"),
    (getattr(torch.backends.cudnn, "conv", None), "fp32_precision"),
    (getattr(torch.backends.cudnn, "rnn", None), "fp32_precision"),
    (torch.backends.cuda.matmul, "allow_tf32"),
    (torch.backends.cudnn, "allow_tf32"),
    (torch.backends.cudnn, "deterministic"),
    (torch.backends.cudnn, "benchmark"),
)


def choose_device(wanted: str) -> str:
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise EnvironmentFailed("PyTorch finds no CUDA GPU here: use --device cpu, or install a CUDA build of torch")
    return "cuda" if there and wanted in ("auto", "cuda") else "cpu"


def make_repeatable() -> contextlib.AbstractContextManager:
    back = contextlib.ExitStack()
    back.callback(torch.set_rng_state, torch.get_rng_state())
    if torch.cuda.is_available():
        back.callback(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all())
    for owner, name in _SETTINGS:
        # Absent from older releases; or set through newer names, after which the older ones cannot be read.
        with contextlib.suppress(AttributeError, RuntimeError):
            back.callback(setattr, owner, name, getattr(owner, name))
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False
    return back


def allow_tf32(device: str) -> None:
    if device != "cuda":
        raise Unsupported("TF32 exists on CUDA only")
    if os.environ.get("NVIDIA_TF32_OVERRIDE") == "0":
        raise Unsupported("NVIDIA_TF32_OVERRIDE=0 forbids TF32 in this process")
    if torch.cuda.get_device_capability() < _AMPERE:
        raise Unsupported("this GPU has no TF32")
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True


def refusal(error: RuntimeError, dtype: str) -> str | None:
    lines = str(error).strip().splitlines() or [""]
    return f"PyTorch has no {dtype} here: {lines[0]}" if any(sign in lines[0] for sign in _LACKING) else None


def version() -> str:
    return f"torch {torch.__version__}"


def seed_all(seed: int) -> None:
    torch.manual_seed(seed)


@contextlib.contextmanager
def default_dtype(dtype: str) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        yield
    finally:
        torch.set_default_dtype(before)
