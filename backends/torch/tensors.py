"""Tensors of PyTorch; see `contract.Tensors`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

REPEATED = 1_000_003  # a prime: no two rows of a tensor get the same numbers
is_tensor = torch.is_tensor
is_floating = torch.is_floating_point
without_gradients = torch.no_grad
stack = torch.stack


def tensor(array: np.ndarray, dtype: str, device: str, gradient: bool = False) -> Tensor:
    made = torch.from_numpy(np.asarray(array, order="C")).to(device)
    if not made.is_floating_point():
        return made
    made = made.to(getattr(torch, dtype))
    # A leaf must not be changed in place, which a model may well do with its input: so it gets a copy of one.
    return made.requires_grad_().clone() if gradient else made


def like(array: np.ndarray, tensor: Tensor) -> Tensor:
    return torch.from_numpy(np.array(array, order="C")).to(dtype=tensor.dtype, device=tensor.device)


def to_numpy(tensor: Tensor) -> np.ndarray:
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    return tensor.resolve_conj().resolve_neg().cpu().numpy()


def to_array(tensor: Tensor) -> np.ndarray:
    return np.array(to_numpy(tensor), order="C")


def as_real(tensor: Tensor) -> Tensor:
    if tensor.is_complex():
        return torch.view_as_real(tensor.resolve_conj())
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def cast_like(tensor: Tensor, other: Tensor) -> Tensor:
    return tensor.to(other.dtype)


def has_gradient(tensor: Tensor) -> bool:
    return tensor.requires_grad


def version_of(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version


def memory_of(tensor: Tensor) -> int | None:
    try:
        return tensor.untyped_storage().data_ptr() or None
    except (RuntimeError, NotImplementedError):  # a sparse tensor has no memory of its own
        return None


def lives_on(tensor: Tensor) -> bool:
    return tensor.is_leaf


def on_gradient(tensor: Tensor, write: Callable) -> Any:
    return tensor.register_hook(write)


def keeper(tensor: Tensor) -> Callable[[], None]:
    memory, values, trained = tensor.data, tensor.data.clone(), tensor.requires_grad
    gradient = tensor.grad if tensor.is_leaf else None
    if gradient is not None:
        tensor.grad = None

    def put_back() -> None:
        memory.copy_(values)
        tensor.data = memory
        if tensor.is_leaf:
            tensor.requires_grad_(trained)
            tensor.grad = gradient

    return put_back


def gather(tensor: Tensor, rows: Tensor) -> Tensor:
    return tensor.index_select(0, rows)


def noisy(tensor: Tensor, size: float, in_place: bool = False) -> Tensor:
    plain = tensor.data if in_place else tensor.detach().clone()  # `data`: the backward pass then sees what came out
    if not plain.is_contiguous():  # has no flat view; so rare that a second copy is no loss
        return tensor + torch.randn_like(plain) * (size * plain.square().mean().sqrt())
    flat = plain.view(-1)
    scale = size * flat[:: max(1, flat.numel() // REPEATED)].square().mean().sqrt()
    noise = torch.randn(min(flat.numel(), REPEATED), dtype=flat.dtype, device=flat.device) * scale
    for at in range(0, flat.numel(), REPEATED):
        piece = flat[at : at + REPEATED]
        piece += noise[: len(piece)]
    return tensor if in_place else plain
