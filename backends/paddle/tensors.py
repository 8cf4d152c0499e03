"""Tensors of Paddle; see `contract.Tensors`.

`quiet`, since the functions that `calls.intercept` exchanges would tell of what the watching itself does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
from paddle import Tensor

from .calls import quiet

REPEATED = 1_000_003  # a prime: no two rows of a tensor get the same numbers
is_tensor = paddle.is_tensor
is_floating = paddle.is_floating_point
without_gradients = paddle.no_grad
stack = paddle.stack


def tensor(array: np.ndarray, dtype: str, device: str, gradient: bool = False) -> Tensor:
    made = paddle.to_tensor(np.asarray(array, order="C"))  # on the device that `choose_device` has set
    if not made.is_floating_point():
        return made
    made = made.astype(getattr(paddle, dtype))
    made.stop_gradient = not gradient
    # A leaf must not be changed in place, which a model may well do with its input: so it gets a copy of one.
    return made.clone() if gradient else made


def like(array: np.ndarray, tensor: Tensor) -> Tensor:
    with quiet():
        return paddle.to_tensor(np.array(array, order="C"), place=tensor.place).astype(tensor.dtype)


def to_numpy(tensor: Tensor) -> np.ndarray:
    with quiet():
        if tensor.dtype == paddle.bfloat16:
            tensor = tensor.detach().astype("float32")
        return tensor.numpy()


def to_array(tensor: Tensor) -> np.ndarray:
    return np.array(to_numpy(tensor), order="C")


def as_real(tensor: Tensor) -> Tensor:
    if tensor.is_complex():
        return paddle.as_real(tensor)
    return tensor.astype("float32") if tensor.dtype in (paddle.float16, paddle.bfloat16) else tensor


def cast_like(tensor: Tensor, other: Tensor) -> Tensor:
    return tensor.astype(other.dtype)


def has_gradient(tensor: Tensor) -> bool:
    # Paddle says so of whole numbers too, such as the places that `topk` finds.
    return not tensor.stop_gradient and (tensor.is_floating_point() or tensor.is_complex())


def version_of(tensor: Tensor) -> int:
    return tensor.inplace_version


def memory_of(tensor: Tensor) -> int | None:
    return tensor.data_ptr() - tensor._offset() if tensor._is_initialized() and tensor.size else None


def lives_on(tensor: Tensor) -> bool:
    return tensor.is_leaf


def on_gradient(tensor: Tensor, write: Callable) -> Any:
    return tensor.register_hook(lambda gradient: None if _is_absent(gradient) else write(gradient))


def _is_absent(gradient: Tensor | None) -> bool:
    return gradient is None or not gradient._is_initialized()


def keeper(tensor: Tensor) -> Callable[[], None]:
    if not tensor._is_initialized():  # the random state of a recurrent layer, which no pass changes
        return lambda: None
    memory, values, frozen = paddle.empty([0], tensor.dtype), tensor.detach().clone(), tensor.stop_gradient
    share(tensor, memory)  # a detached tensor would follow the change of type
    gradient = None if tensor.grad is None else tensor.grad.clone()
    tensor.clear_gradient(False)  # by place: Paddle 2.6 does not hear of it by name

    def put_back() -> None:
        paddle.assign(values, memory)
        share(memory, tensor)
        tensor.stop_gradient = frozen
        tensor.clear_gradient(False)
        if gradient is not None:
            _give_gradient(tensor, gradient)

    return put_back


def _give_gradient(tensor: Tensor, gradient: Tensor) -> None:
    try:
        tensor.grad = gradient
    except RuntimeError:  # Paddle 2.6 copies into what is left of the last one, which has another type
        for dtype in (paddle.float16, paddle.float32, paddle.float64):
            with contextlib.suppress(RuntimeError):
                tensor.grad = gradient.astype(dtype)
        if tensor.grad is not None:
            share(gradient, tensor.grad)


def share(source: Tensor, target: Tensor) -> None:
    """Have `target` be of the memory and type of `source`."""
    target.value().get_tensor()._share_data_with(source.value().get_tensor())


def gather(tensor: Tensor, rows: Tensor) -> Tensor:
    return paddle.gather(tensor, rows)


def noisy(tensor: Tensor, size: float, in_place: bool = False) -> Tensor:
    # Paddle has no way behind the back of its backward pass: always a new tensor.
    with quiet():
        with paddle.no_grad():
            plain = tensor.detach()
            noise = _numbers(plain) * (size * plain.square().mean().sqrt())
        return tensor + noise


def _numbers(tensor: Tensor) -> Tensor:
    """Standard normal numbers in a tensor's shape."""
    count = int(tensor.size)
    if count <= REPEATED:
        return paddle.randn(tensor.shape, tensor.dtype)
    drawn = paddle.randn([REPEATED], tensor.dtype)
    return drawn.tile([-(-count // REPEATED)])[:count].reshape(tensor.shape)
