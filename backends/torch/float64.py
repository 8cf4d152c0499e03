"""A pass in float64 that is one throughout, in PyTorch; see `contract.Float64`.

Its kernels keep the numbers they are told in float64: tensors and types are widened, and two gradients are mended.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

NARROW = (torch.float32, torch.float16, torch.bfloat16)
ATTRIBUTES = frozenset("__get__ __set__ __delete__".split())
CHANGES = frozenset("__setitem__ __iadd__ __isub__ __imul__ __itruediv__ __ifloordiv__ __ipow__ __imod__".split())


@contextlib.contextmanager
def throughout() -> Iterator[None]:
    """Within, nothing is computed in less than float64, and no number is rounded to it."""
    with _Wide():
        yield


class _Wide(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        if name in ATTRIBUTES:
            return func(*args, **kwargs)
        in_place = name in CHANGES or (name.endswith("_") and not name.startswith("__"))
        args = (*args[:in_place], *map(_wide, args[in_place:]))
        kwargs = {key: value if key == "out" else _wide(value) for key, value in kwargs.items()}
        kernel = KERNELS.get(name.rstrip("_"))
        if kernel is None:
            made = func(*args, **kwargs)
            return made if in_place else _wide(made)
        in_place = kwargs.pop("inplace", False) or in_place
        return args[0].copy_(kernel(*args, **kwargs)) if in_place else kernel(*args, **kwargs)


def _celu(input: Tensor, alpha: float = 1.0) -> Tensor:
    """Its own gradient has alpha in float32."""
    return alpha * torch.nn.functional.elu(input / alpha)


def _hardsigmoid(input: Tensor) -> Tensor:
    """Its own gradient has a sixth in float32."""
    return torch.nn.functional.relu6(input + 3) / 6


KERNELS: dict[str, Callable] = {
    "celu": _celu, "hardsigmoid": _hardsigmoid, **dict.fromkeys(("float", "half", "bfloat16"), Tensor.double),
}  # fmt: skip


def _wide(value: Any) -> Any:
    """In float64 what is in less: a tensor, a type, some of them."""
    if isinstance(value, Tensor):
        return value.double() if value.dtype in NARROW else value
    if type(value) in (list, tuple):
        return type(value)(map(_wide, value))
    return torch.float64 if isinstance(value, torch.dtype) and value in NARROW else value
