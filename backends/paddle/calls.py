"""Seeing a Paddle model's calls, functions, tensors and gradients."""

from __future__ import annotations

import contextlib
import functools
import sys
import types
from collections.abc import Callable, Iterator

import numpy as np
import paddle
from paddle import nn

from ...common.alignment.settings import layer_record

NAME = "paddle"
LIBRARY = ("paddle.nn.",)
is_tensor = paddle.is_tensor
REPEATED = 1_000_003  # a prime: no two rows of a tensor get the same numbers
# Where functions live whose results are steps of a computation.
FUNCTIONS = ("paddle.tensor.", "paddle.nn.functional.", "paddle.base.dygraph.generated_tensor_methods_patch")
# Methods of a tensor that compute nothing, or that the watching itself needs.
NOT_STEPS = frozenset(
    "backward register_hook retain_grads clear_grad clear_gradient gradient numpy item tolist set_value copy_ "
    "get_tensor value dim ndimension numel element_size nbytes is_dense is_floating_point is_integer is_complex "
    "inplace_version is_contiguous get_strides data_ptr strides offset rows apply_ apply zero_grad is_leaf".split()
)
OPERATORS = (
    "add radd iadd sub rsub isub mul rmul imul truediv rtruediv itruediv floordiv mod pow rpow matmul rmatmul neg "
    "getitem lt le gt ge eq ne and or xor invert abs"
).split()


def as_paddle(kind: str, tensor: paddle.Tensor) -> paddle.Tensor | None:
    """None: this is Paddle."""
    return None


def like_paddle(kind: str, settings: dict, given: paddle.Tensor, made: paddle.Tensor) -> None:
    """Nothing: this is Paddle."""


def intercept(handler: Callable, model: nn.Layer) -> contextlib.AbstractContextManager:
    """Within, `handler(name, function, args, kwargs)` is called in the place of every function of the framework.

    Paddle has no hook for it, so its functions are exchanged for ones that tell: in its own modules, among the methods
    of a tensor, and where the model's own modules and layers hold them under a name of theirs.
    """
    return _Exchanged(handler, model)


class _Exchanged:
    silent = False

    def __init__(self, handler: Callable, model: nn.Layer) -> None:
        self.handler, self.model = handler, model
        self.telling: dict[object, Callable] = {}
        self.undo: list[Callable[[], None]] = []

    def __enter__(self) -> None:
        for place in (paddle, paddle.nn.functional, paddle.linalg):
            self._namespace(place)
        self._methods()
        for name in {type(layer).__module__ for layer in self.model.sublayers(include_self=True)}:
            if not name.startswith(("paddle.nn", "paddle.base")):
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
        for name in [*steps, *(f"__{one}__" for one in OPERATORS)]:
            method = vars(paddle.Tensor).get(name)
            if isinstance(method, (types.FunctionType, types.MethodDescriptorType, types.BuiltinFunctionType)):
                setattr(paddle.Tensor, name, self._teller(name, method))
                self.undo.append(functools.partial(setattr, paddle.Tensor, name, method))

    def _exchange(self, namespace: dict, key: str, function: Callable) -> None:
        namespace[key] = self._teller(key, function)
        self.undo.append(functools.partial(namespace.__setitem__, key, function))

    def _teller(self, name: str, function: Callable) -> Callable:
        """A function that tells the handler, unless it is called by one that has told already."""
        if function in self.telling:
            return self.telling[function]

        @functools.wraps(function)
        def telling(*args, **kwargs):
            if _Exchanged.silent:
                return function(*args, **kwargs)
            with quiet():
                return self.handler(name, function, args, kwargs)

        self.telling[function] = telling
        return telling


def _is_step(function: Callable) -> bool:
    return (getattr(function, "__module__", None) or "").startswith(FUNCTIONS)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Within, nothing is intercepted."""
    before, _Exchanged.silent = _Exchanged.silent, True
    try:
        yield
    finally:
        _Exchanged.silent = before


def named_modules(model: nn.Layer) -> Iterator[tuple[str, nn.Layer]]:
    """Path and module, each module once, in the order of declaration."""
    return model.named_sublayers(include_self=True)


def structure(model: nn.Layer) -> list[dict]:
    """What the model is made of, as data; see `weight_views`."""
    found = []
    for path, module in named_modules(model):
        dropped = module._non_persistable_buffer_names_set
        weights = {
            name: {"shape": list(tensor.shape), "trained": not tensor.stop_gradient, "identity": id(tensor)}
            for name, tensor in [*module._parameters.items(), *module._buffers.items()]
            if tensor is not None and name not in dropped
        }
        found.append(layer_record(NAME, LIBRARY, path, module, weights))
    return found


def is_floating(tensor: paddle.Tensor) -> bool:
    return tensor.is_floating_point()


def has_gradient(tensor: paddle.Tensor) -> bool:
    """Whether a gradient can arrive at it."""
    return not tensor.stop_gradient


def version_of(tensor: paddle.Tensor) -> int:
    """A number that every change in place raises."""
    return tensor.inplace_version


def to_numpy(tensor: paddle.Tensor) -> np.ndarray:
    """The values on the CPU."""
    with quiet():
        if tensor.dtype == paddle.bfloat16:
            tensor = tensor.detach().astype("float32")
        return tensor.numpy()


def like(array: np.ndarray, tensor: paddle.Tensor) -> paddle.Tensor:
    """A tensor of the array's values, of the type and on the device of another."""
    with quiet():
        return paddle.to_tensor(np.array(array, order="C"), place=tensor.place).astype(tensor.dtype)


def on_gradient(tensor: paddle.Tensor, write: Callable) -> None:
    """Call `write(gradient)` once the whole gradient of a tensor is known; what it returns replaces the gradient."""
    tensor.register_hook(write)


def noisy(tensor: paddle.Tensor, size: float, in_place: bool = False) -> paddle.Tensor:
    """The tensor plus random numbers of `size` times its root mean square; large ones repeat a million of them.

    Args:
        in_place: Paddle has no way behind the back of its backward pass; the tensor is always a new one.
    """
    with quiet():
        with paddle.no_grad():
            plain = tensor.detach()
            noise = _numbers(plain) * (size * plain.square().mean().sqrt())
        return tensor + noise


def _numbers(tensor: paddle.Tensor) -> paddle.Tensor:
    """Standard normal numbers in a tensor's shape."""
    count = int(tensor.size)
    if count <= REPEATED:
        return paddle.randn(tensor.shape, tensor.dtype)
    drawn = paddle.randn([REPEATED], tensor.dtype)
    return drawn.tile([-(-count // REPEATED)])[:count].reshape(tensor.shape)
