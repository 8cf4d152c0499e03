"""What a Paddle model is made of, and what it asks the framework for; see `contract.Calls`."""

from __future__ import annotations

import contextlib
import functools
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import paddle
from paddle.jit.dy2static.program_translator import ProgramTranslator
from paddle.nn import Layer as Model

from ...common.errors import BadInput

NAME = "paddle"
# Where functions live whose results are steps of a computation; the last are the operations that all others call, so
# that what nobody tells of by a name of its own is seen there.
FUNCTIONS = ("paddle.tensor.", "paddle.nn.functional.", "paddle.base.dygraph.generated_tensor_methods_patch",
             "paddle.fft", "paddle.signal", "paddle.incubate.nn.functional.", "paddle.vision.ops", "paddle.geometric.",
             "paddle.base.libpaddle")  # fmt: skip
PLACES = (
    "paddle", "paddle.nn.functional", "paddle.linalg", "paddle.tensor", "paddle.fft", "paddle.signal",
    "paddle.incubate.nn.functional", "paddle.vision.ops", "paddle.geometric", "paddle._C_ops",
)  # fmt: skip
TRANSPOSED = ("T", "mT")  # attributes of a tensor that are steps
# Methods of a tensor that compute nothing, or that the watching itself needs.
NOT_STEPS = frozenset(
    "backward register_hook retain_grads clear_grad clear_gradient gradient numpy item tolist "
    "get_tensor value dim ndimension numel element_size nbytes is_dense is_floating_point is_integer is_complex "
    "inplace_version is_contiguous get_strides data_ptr strides offset rows apply_ apply zero_grad is_leaf".split()
)
OPERATORS = (
    "add radd iadd sub rsub isub mul rmul imul truediv rtruediv itruediv floordiv mod pow rpow matmul rmatmul neg "
    "getitem setitem lt le gt ge eq ne and or xor invert abs"
).split()


class _Exchanged:
    """Paddle has no hook for it, so its functions are exchanged for ones that tell: in its own modules, among the
    methods of a tensor, and where the model's own modules and layers hold them under a name of theirs."""

    silent = False
    current: _Exchanged | None = None
    of_builtins: ClassVar[dict[object, Callable]] = {}  # made once: there are more than a thousand

    def __init__(self, handler: Callable, model: Model) -> None:
        self.handler, self.model = handler, model
        self.telling: dict[object, Callable] = {}
        self.undo: list[Callable[[], None]] = []

    def __enter__(self) -> None:
        self.undo.append(functools.partial(setattr, _Exchanged, "current", _Exchanged.current))
        _Exchanged.current = self
        for name in PLACES:
            if name in sys.modules:
                self._namespace(sys.modules[name])
        self._methods()
        for name in {type(layer).__module__ for layer in self.model.sublayers(include_self=True)}:
            if name in sys.modules and name not in PLACES:
                self._namespace(sys.modules[name])
        for layer in self.model.sublayers(include_self=True):
            for key, value in list(layer.__dict__.items()):
                if isinstance(value, types.FunctionType) and value in self.telling:
                    self._exchange(layer.__dict__, key, value)

    def __exit__(self, *_: object) -> None:
        for back in reversed(self.undo):
            back()

    def _namespace(self, place: types.ModuleType) -> None:
        for key, value in list(vars(place).items()):
            if isinstance(value, (types.FunctionType, types.BuiltinFunctionType)) and _is_step(value):
                self._exchange(place.__dict__, key, value)

    def _methods(self) -> None:
        steps = [name for name in vars(paddle.Tensor) if not name.startswith("_") and name not in NOT_STEPS]
        for name in [*steps, *(f"__{operator}__" for operator in OPERATORS)]:
            method = vars(paddle.Tensor).get(name)
            if isinstance(method, (types.FunctionType, types.MethodDescriptorType, types.BuiltinFunctionType)):
                setattr(paddle.Tensor, name, self._teller(name, method))
                self.undo.append(functools.partial(setattr, paddle.Tensor, name, method))

        for name in TRANSPOSED:
            if (found := vars(paddle.Tensor).get(name)) is not None:
                setattr(paddle.Tensor, name, property(self._teller(name, found.__get__)))
                self.undo.append(functools.partial(setattr, paddle.Tensor, name, found))

    def _exchange(self, namespace: dict, key: str, function: Callable) -> None:
        namespace[key] = self._teller(key, function)
        self.undo.append(functools.partial(namespace.__setitem__, key, function))

    def _teller(self, name: str, function: Callable) -> Callable:
        """A function that tells the handler, unless it is called by one that has told already."""
        known = self.of_builtins if isinstance(function, types.BuiltinFunctionType) else self.telling
        if function in known:
            return known[function]

        @functools.wraps(function)
        def telling(*args, **kwargs):
            seen = _Exchanged.current
            if _Exchanged.silent or seen is None:
                return function(*args, **kwargs)
            with quiet():
                return seen.handler(name, function, args, kwargs)

        known[function] = telling
        return telling


def _is_step(function: Callable) -> bool:
    return (getattr(function, "__module__", None) or "").startswith(FUNCTIONS)


def opened(function: Callable) -> Callable:
    """A function that tells of its inner calls."""

    @functools.wraps(function)
    def telling(*args, **kwargs):
        with _silence(False):
            return function(*args, **kwargs)

    return telling


@contextlib.contextmanager
def intercept(handler: Callable, model: Model) -> Iterator[None]:
    translator = ProgramTranslator.get_instance()
    before = translator.enable_to_static
    translator.enable(False)  # what is made static runs as it was written
    try:
        with _Exchanged(handler, model):
            yield
    finally:
        translator.enable(before)


def inner(module: Model) -> Model | None:
    return module._layers if isinstance(module, paddle.DataParallel) else None


def autocast() -> str:
    # Not from the tracer: on a device for which Paddle has none, what was asked for has no effect there.
    asked = getattr(sys.modules["paddle.amp.auto_cast"], "_g_amp_state_", None) or {}
    return str(asked["dtype"]) if asked.get("enable") and asked.get("level") != "O0" else ""


def exported(path: str, program: str | None = None) -> Model:
    from .exported.reading import read_exported

    return read_exported(path, program)


def refuse_unseen(model: Model) -> None:
    if not paddle.in_dynamic_mode():
        raise BadInput("the paddle model: static mode shows no values; call paddle.disable_static() first")
    for path, layer in model.named_sublayers(include_self=True):
        if type(layer).__module__.startswith("paddle.jit."):  # `TranslatedLayer`, or what Paddle 3 has in its place
            where = f"its layer {path}" if path else "it"
            raise BadInput(
                f"the paddle model: {where} is an export that Paddle runs, whose inside nobody sees; name its file "
                "instead, which is read here, or give the Python it is of"
            )


def quiet() -> contextlib.AbstractContextManager[None]:
    return _silence(True)


@contextlib.contextmanager
def _silence(silent: bool) -> Iterator[None]:
    before, _Exchanged.silent = _Exchanged.silent, silent
    try:
        yield
    finally:
        _Exchanged.silent = before


def is_library(cls: type) -> bool:
    return cls.__module__.startswith("paddle.nn.") and getattr(paddle.nn, cls.__name__, cls) is cls


def named_modules(model: Model) -> Iterator[tuple[str, Model]]:
    return iter(model.named_sublayers(include_self=True))


def children(module: Model) -> dict[str, Any]:
    return module._sub_layers  # type: ignore[return-value]
