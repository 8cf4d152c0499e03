"""Weights of a PyTorch model; see `contract.Weights`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module as Model

from ...common.errors import BadInput


def tensors(model: Model) -> dict[str, Tensor]:
    return model.state_dict(keep_vars=True)  # else detached: without gradients, and no parameters


def assign(model: Model, arrays: Mapping[str, np.ndarray]) -> None:
    fill(tensors(model), arrays)


def fill(live: Mapping[str, Tensor], arrays: Mapping[str, np.ndarray]) -> None:
    with torch.no_grad():
        for name, array in arrays.items():
            live[name].copy_(torch.from_numpy(np.array(array, order="C")).reshape(live[name].shape))


def load_strictly(model: Model, arrays: Mapping[str, np.ndarray]) -> None:
    try:
        model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}, strict=True)
    except (RuntimeError, TypeError) as error:
        raise BadInput(f"PyTorch does not take the weights: {' '.join(str(error).split())[:300]}") from None


def to_dtype(model: Model, dtype: str) -> None:
    model.to(dtype=getattr(torch, dtype))


def narrow(model: Model, types: Mapping[str, str]) -> None:
    live = tensors(model)
    for name, dtype in types.items():
        live[name].data = live[name].data.to(getattr(torch, dtype))


def to_device(model: Model, device: str) -> None:
    model.to(device)


def clear_gradients(model: Model) -> None:
    model.zero_grad(set_to_none=True)
