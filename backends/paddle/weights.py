"""Weights of a Paddle model; see `contract.Weights`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import paddle
from paddle import Tensor
from paddle.nn import Layer as Model

from ...common.dictionary.operations.recurrent import NO_WEIGHT
from ...common.errors import BadInput
from .tensors import share


def tensors(model: Model) -> dict[str, Tensor]:
    return model.state_dict()  # the live ones always


def assign(model: Model, arrays: Mapping[str, np.ndarray]) -> None:
    fill(tensors(model), arrays)


def fill(live: Mapping[str, Tensor], arrays: Mapping[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        made = paddle.to_tensor(np.array(array, order="C"), place=live[name].place).reshape(live[name].shape)
        live[name].set_value(made.astype(live[name].dtype))


def load_strictly(model: Model, arrays: Mapping[str, np.ndarray]) -> None:
    # Paddle only warns of keys that do not fit: here they count.
    try:
        missing, unexpected = model.set_state_dict({name: paddle.to_tensor(array) for name, array in arrays.items()})
    except (AssertionError, ValueError) as error:  # another type than the model's
        raise BadInput(f"Paddle does not take the weights: {' '.join(str(error).split())[:300]}") from None
    if missing or unexpected:
        raise BadInput(f"Paddle misses {missing[:20]} and does not expect {unexpected[:20]}")


def to_dtype(model: Model, dtype: str) -> None:
    _move(model, dtype=dtype)


def narrow(model: Model, types: Mapping[str, str]) -> None:
    live = tensors(model)
    for name, dtype in types.items():
        share(live[name].detach().astype(getattr(paddle, dtype)), live[name])


def to_device(model: Model, device: str) -> None:
    _move(model, device="gpu" if device == "cuda" else device)


def _move(model: Model, **where) -> None:
    """Without the empty random state of recurrent layers, which Paddle fails to move, and without whole numbers and
    truth values where a type is given: Paddle casts them with the rest."""
    layers = model.sublayers(include_self=True)
    tables = [table for layer in layers for table in (layer._parameters, layer._buffers)]
    before = [dict(table) for table in tables]
    for table in tables:
        for name, tensor in list(table.items()):
            if name == NO_WEIGHT.paddle or ("dtype" in where and tensor is not None and not tensor.is_floating_point()):
                del table[name]
    model.to(**where)
    for table, whole in zip(tables, before, strict=True):
        moved = dict(table)
        table.clear()
        table.update({name: moved.get(name, tensor) for name, tensor in whole.items()})


def clear_gradients(model: Model) -> None:
    for parameter in model.parameters():
        parameter.clear_gradient(False)  # not zeros, which an optimizer takes; 2.6 wants it by place
