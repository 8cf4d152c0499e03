"""Seeing a PyTorch model's calls, functions, tensors and gradients."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from ...common.alignment.constants import (
    AVERAGES,
    HARDSIGMOID_SLOPE,
    ROUNDED_EPS,
    SELU_ALPHA,
    SELU_SCALE,
    averaging_factor,
    rounded,
    rounded_momentum,
)
from ...common.alignment.settings import layer_record

NAME = "torch"
LIBRARY = ("torch.nn.", "torch.ao.")
is_tensor = torch.is_tensor
REPEATED = 1_000_003  # a prime: no two rows of a tensor get the same numbers


class _Seen(TorchFunctionMode):
    """PyTorch's own way to see every function; inside the handler it is off, so that inner calls are not seen."""

    def __init__(self, handler: Callable) -> None:
        super().__init__()
        self.handler = handler

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name == "__get__":  # a property: the transposed tensors are steps of the computation, the rest is not
            name = getattr(getattr(func, "__self__", None), "__name__", "")
            if name not in ("T", "mT", "H", "mH"):
                return func(*args, **(kwargs or {}))
        kwargs = kwargs or {}
        if name in ROUNDED_EPS:
            kwargs = _as_in_paddle(name, args, kwargs)
        if name in ("__set__", "__setitem__", "boolean_dispatch") or name.startswith("_has") or not name:
            return func(*args, **kwargs)
        return self.handler(name, func, args, kwargs)


def _as_in_paddle(name: str, args: tuple, kwargs: dict) -> dict:
    """In float64, the constants of a normalisation as Paddle has them."""
    if not args or args[0].dtype != torch.float64:
        return kwargs
    changed = dict(kwargs)
    if isinstance(changed.get("eps"), float):
        changed["eps"] = rounded(changed["eps"])
    if isinstance(changed.get("momentum"), float) and name == "batch_norm":
        changed["momentum"] = rounded_momentum(changed["momentum"])
    return changed


def as_paddle(kind: str, tensor: torch.Tensor) -> torch.Tensor | None:
    """In float64, an activation with the constants that Paddle has; None of one that needs none."""
    if tensor.dtype != torch.float64:
        return None
    if kind == "hardsigmoid":
        return (tensor * HARDSIGMOID_SLOPE + 0.5).clamp(0, 1)
    if kind == "selu":
        return SELU_SCALE * torch.where(tensor > 0, tensor, SELU_ALPHA * torch.expm1(tensor))
    return None


def like_paddle(kind: str, settings: dict, given: torch.Tensor, made: torch.Tensor) -> None:
    """In float64, have the gradient of an average pool divided by the count as Paddle has it."""
    if kind in AVERAGES and made.dtype == torch.float64 and made.requires_grad:
        factor = averaging_factor(kind, settings, tuple(given.shape), tuple(made.shape))
        if factor is not None and factor != 1:
            made.register_hook(lambda gradient: gradient * factor)


def intercept(handler: Callable, model: nn.Module) -> contextlib.AbstractContextManager:
    """Within, `handler(name, function, args, kwargs)` is called in the place of every function of the framework."""
    return _Seen(handler)


def quiet() -> contextlib.AbstractContextManager:
    """Within, nothing is intercepted."""
    return torch._C.DisableTorchFunction()


def named_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Path and module, each module once, in the order of declaration."""
    return model.named_modules()


def structure(model: nn.Module) -> list[dict]:
    """What the model is made of, as data; see `weight_views`."""
    found, persistent = [], set(model.state_dict())
    for path, module in model.named_modules():
        weights = {
            name: {"shape": list(tensor.shape), "trained": isinstance(tensor, nn.Parameter) and tensor.requires_grad,
                   "identity": id(tensor)}
            for name, tensor in [*module._parameters.items(), *module._buffers.items()]
            if tensor is not None and (f"{path}.{name}" if path else name) in persistent
        }  # fmt: skip
        found.append(layer_record(NAME, LIBRARY, path, module, weights))
    return found


def is_floating(tensor: torch.Tensor) -> bool:
    return tensor.is_floating_point()


def has_gradient(tensor: torch.Tensor) -> bool:
    """Whether a gradient can arrive at it."""
    return tensor.requires_grad


def version_of(tensor: torch.Tensor) -> int:
    """A number that every change in place raises."""
    return tensor._version


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """The values on the CPU; not a copy where none is needed."""
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    return tensor.resolve_conj().resolve_neg().cpu().numpy()


def like(array: np.ndarray, tensor: torch.Tensor) -> torch.Tensor:
    """A tensor of the array's values, of the type and on the device of another."""
    return torch.from_numpy(np.array(array, order="C")).to(dtype=tensor.dtype, device=tensor.device)


def on_gradient(tensor: torch.Tensor, write: Callable) -> None:
    """Call `write(gradient)` once the whole gradient of a tensor is known; what it returns replaces the gradient."""
    tensor.register_hook(write)


def noisy(tensor: torch.Tensor, size: float, in_place: bool = False) -> torch.Tensor:
    """The tensor plus random numbers of `size` times its root mean square; large ones repeat a million of them.

    Args:
        in_place: the tensor is changed behind the back of the backward pass, which then sees what came out.
    """
    plain = tensor.data if in_place else tensor.detach().clone()
    if not plain.is_contiguous():  # has no flat view; so rare that a second copy is no loss
        return tensor + torch.randn_like(plain) * (size * plain.square().mean().sqrt())
    flat = plain.view(-1)
    scale = size * flat[:: max(1, flat.numel() // REPEATED)].square().mean().sqrt()
    noise = torch.randn(min(flat.numel(), REPEATED), dtype=flat.dtype, device=flat.device) * scale
    for at in range(0, flat.numel(), REPEATED):
        piece = flat[at : at + REPEATED]
        piece += noise[: len(piece)]
    return tensor if in_place else plain
