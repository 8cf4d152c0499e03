"""What a PyTorch model is made of, and what it asks the framework for; see `contract.Calls`."""

from __future__ import annotations

import contextlib
import functools
import types
from collections.abc import Callable, Iterator

import torch
from torch.nn import Module as Model
from torch.overrides import TorchFunctionMode

NAME = "torch"


class _Seen(TorchFunctionMode):
    """PyTorch's own way to see every function; inside the handler it is off, so that inner calls are not seen."""

    current: _Seen | None = None

    def __init__(self, handler: Callable) -> None:
        super().__init__()
        self.handler = handler
        _Seen.current = self

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name == "__get__":  # a property: the transposed tensors are steps of the computation, the rest is not
            name = getattr(getattr(func, "__self__", None), "__name__", "")
            if name not in ("T", "mT", "H", "mH"):
                return func(*args, **(kwargs or {}))
        kwargs = kwargs or {}
        if name in ("__set__", "boolean_dispatch") or name.startswith("_has") or not name:
            return func(*args, **kwargs)
        return self.handler(name, func, args, kwargs)


def opened(function: Callable) -> Callable:
    """A function that tells of its inner calls: without the line in it that has it told itself."""
    seen = _Seen.current
    if seen is None or not isinstance(function, types.FunctionType):
        return function
    untold = dict.fromkeys((name for name in function.__globals__ if name.startswith("has_torch_function")), _no)
    twin = types.FunctionType(
        function.__code__, function.__globals__ | untold, function.__name__, function.__defaults__, function.__closure__
    )
    twin.__kwdefaults__ = function.__kwdefaults__

    @functools.wraps(function)
    def telling(*args, **kwargs):
        with seen:
            return twin(*args, **kwargs)

    return telling


def _no(*_: object) -> bool:
    return False


def intercept(handler: Callable, model: Model) -> contextlib.AbstractContextManager:
    return _Seen(handler)


def quiet() -> contextlib.AbstractContextManager:
    return torch._C.DisableTorchFunction()


def is_library(cls: type) -> bool:
    return cls.__module__.startswith("torch.nn.") and getattr(torch.nn, cls.__name__, cls) is cls


def named_modules(model: Model) -> Iterator[tuple[str, Model]]:
    return iter(model.named_modules())
