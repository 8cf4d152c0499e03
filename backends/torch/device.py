"""Devices and numerical modes of PyTorch."""

from __future__ import annotations

import torch

from ...common.errors import EnvironmentFailed


def choose_device(wanted: str) -> str:
    """`auto` takes a GPU where there is one.

    Raises:
        EnvironmentFailed: `cuda` was asked for and PyTorch finds none.
    """
    there = torch.cuda.is_available()
    if wanted == "cuda" and not there:
        raise EnvironmentFailed("PyTorch finds no CUDA GPU here: use --device cpu, or install a CUDA build of torch")
    return "cuda" if there and wanted in ("auto", "cuda") else "cpu"


def make_repeatable() -> None:
    """Full float32 products and deterministic algorithms: two runs, and two frameworks, can be compared."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    torch.backends.cudnn.benchmark = False


def version() -> str:
    """The framework's version, and CUDA's where there is one."""
    return f"torch {torch.__version__}"
