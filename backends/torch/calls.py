"""What a PyTorch model is made of, and what it asks the framework for; see `contract.Calls`."""

from __future__ import annotations

import contextlib
import functools
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.nn import Module as Model
from torch.overrides import TorchFunctionMode

from ...common.errors import BadInput

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


@contextlib.contextmanager
def intercept(handler: Callable, model: Model) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        if "torch._dynamo" in sys.modules and hasattr(torch.compiler, "set_stance"):  # else nothing is compiled
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        stack.enter_context(_Seen(handler))
        yield


def inner(module: Model) -> Model | None:
    if isinstance(module, (torch.nn.DataParallel, torch.nn.parallel.DistributedDataParallel)):
        return module.module
    compiled = getattr(sys.modules.get("torch._dynamo.eval_frame"), "OptimizedModule", ())
    return module._orig_mod if isinstance(module, compiled) else None  # type: ignore[return-value]


def autocast() -> str:
    device = next((device for device in ("cpu", "cuda") if torch.is_autocast_enabled(device)), None)
    return "" if device is None else str(torch.get_autocast_dtype(device)).removeprefix("torch.")


def exported(path: str, program: str | None = None) -> Model:
    raise BadInput(f"{path}: of a model that PyTorch exported nobody sees the inside; name its class, file.py:Name")


def refuse_unseen(model: Model) -> None:
    for path, module in model.named_modules():
        where = f"its layer {path}" if path else "it"
        if isinstance(module, torch.jit.ScriptModule):
            raise BadInput(
                f"the torch model: {where} is scripted, so nobody sees inside; give the Python it was made of"
            )
        for name, tensor in [*module._parameters.items(), *module._buffers.items()]:
            if tensor is not None and tensor.is_meta:
                raise BadInput(
                    f"the torch model: {name} of {where} is on the meta device, where it has no values; make the model "
                    "on the CPU, or move it with `to_empty` and load its weights"
                )


def quiet() -> contextlib.AbstractContextManager:
    return torch._C.DisableTorchFunction()


def is_library(cls: type) -> bool:
    return cls.__module__.startswith("torch.nn.") and getattr(torch.nn, cls.__name__, cls) is cls


def named_modules(model: Model) -> Iterator[tuple[str, Model]]:
    return iter(model.named_modules())


def children(module: Model) -> dict[str, Any]:
    return module._modules  # type: ignore[return-value]
