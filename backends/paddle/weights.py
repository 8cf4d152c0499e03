"""Weights of a Paddle model; see `contract.Weights`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import paddle
from paddle import Tensor
from paddle.nn import Layer as Model

from ...common.dictionary.operations.recurrent import NO_WEIGHT
from ...common.errors import BadInput


def tensors(model: Model) -> dict[str, Tensor]:
    return model.state_dict()  # the live ones always


def assign(model: Model, arrays: Mapping[str, np.ndarray]) -> None:
    live = tensors(model)
    for name, array in arrays.items():
        made = paddle.to_tensor(np.array(array, order="C"), place=live[name].place).reshape(live[name].shape)
        live[name].set_value(made.astype(live[name].dtype))


def load_strictly(model: Model, arrays: Mapping[str, np.ndarray]) -> None:
    # Paddle only warns of keys that do not fit: here they count.
    missing, unexpected = model.set_state_dict({name: paddle.to_tensor(array) for name, array in arrays.items()})
    if missing or unexpected:
        raise BadInput(f"Paddle misses {missing[:20]} and does not expect {unexpected[:20]}")


def to_dtype(model: Model, dtype: str) -> None:
    _move(model, dtype=dtype)


def to_device(model: Model, device: str) -> None:
    _move(model, device="gpu" if device == "cuda" else device)


def _move(model: Model, **where) -> None:
    aside = []  # recurrent layers hold an empty random state, which Paddle fails to move
    for layer in model.sublayers(include_self=True):
        if NO_WEIGHT.paddle in layer._buffers:
            aside.append((layer, layer._buffers.pop(NO_WEIGHT.paddle)))
    model.to(**where)
    for layer, state in aside:
        layer._buffers[NO_WEIGHT.paddle] = state


def clear_gradients(model: Model) -> None:
    for parameter in model.parameters():
        parameter.clear_gradient(False)  # not zeros, which an optimizer takes; 2.6 wants it by place
