"""Optimizers of Paddle; see `contract.Optimizers`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import paddle
from paddle import Tensor
from paddle import optimizer as optim

from ...common.arrays import Arrays
from ...common.traces.optimizer import OptimizerSettings
from ...common.weights.adam_steps import beta_power
from ...common.weights.optimizer_state import OptimizerState
from .calls import quiet
from .tensors import to_numpy

MOMENTS = {
    "moment1": "first", "moment2": "second", "velocity": "velocity", "momentum": "velocity", "mean_square": "square"
}  # fmt: skip


def make(wanted: OptimizerSettings | Callable, parameters: Sequence[Tensor]) -> optim.Optimizer:
    return _made(wanted, parameters) if isinstance(wanted, OptimizerSettings) else wanted(parameters)


def _made(wanted: OptimizerSettings, parameters: Sequence[Tensor]) -> optim.Optimizer:
    number = wanted.settings
    decay = number["weight_decay"]
    decay = decay if wanted.kind == "adamw" else decay or None  # a decay of 0 would be computed and added all the same
    common: dict[str, Any] = {"learning_rate": number["lr"], "weight_decay": decay, "parameters": parameters}
    if wanted.kind in ("adam", "adamw"):
        kind = optim.Adam if wanted.kind == "adam" else optim.AdamW
        return kind(beta1=number["beta1"], beta2=number["beta2"], epsilon=number["eps"], **common)
    if wanted.kind == "rmsprop":
        more = {"rho": number["alpha"], "epsilon": number["eps"], "centered": bool(number["centered"])}
        return optim.RMSProp(momentum=number["momentum"], **more, **common)
    if wanted.kind == "sgd":
        return optim.SGD(**common)
    return optim.Momentum(momentum=number["momentum"], use_nesterov=bool(number["nesterov"]), **common)


def described(optimizer: optim.Optimizer) -> dict[str, Any]:
    # Paddle keeps the numbers as attributes, a decay inside an object; PyTorch has all in its groups.
    names = {"_beta1": "beta1", "_beta2": "beta2", "_epsilon": "eps", "_momentum": "momentum", "_rho": "alpha",
             "_centered": "centered", "_use_nesterov": "nesterov"}  # fmt: skip
    kept = {name: getattr(optimizer, attribute, None) for attribute, name in names.items()}
    numbers = {name: float(value) for name, value in kept.items() if isinstance(value, (int, float))}
    decay = getattr(optimizer, "_weight_decay", None) or getattr(optimizer, "regularization", None)
    decay = getattr(optimizer, "_coeff", decay) if type(optimizer).__name__ == "AdamW" else decay
    decay = getattr(decay, "_coeff", getattr(decay, "_regularization_coeff", decay))
    numbers["weight_decay"] = float(decay) if isinstance(decay, (int, float)) else 0.0
    kind = type(optimizer).__name__.lower()
    more = {"eps_inside": 1.0, "lr_inside": 1.0} if kind == "rmsprop" else {}
    return {"kind": kind, "lr": float(optimizer.get_lr()), **more, **numbers}


def moments(optimizer: optim.Optimizer, parameters: Mapping[str, Tensor]) -> dict[str, Arrays]:
    kept: dict[str, Arrays] = {}
    with quiet():
        for name, parameter in parameters.items():
            for key, moment in MOMENTS.items():
                value = _kept(optimizer, key, parameter)
                if value is not None and value.shape == parameter.shape:
                    kept.setdefault(moment, {})[name] = to_numpy(value)
    return kept


def _kept(optimizer: optim.Optimizer, key: str, parameter: Tensor) -> Tensor | None:
    """What is kept for a parameter. A loaded state waits under the names of its file until the first step."""
    made = optimizer._accumulators.get(key, {}).get(parameter.name)
    return optimizer._accumulators_holder.get(f"{parameter.name}_{key}_0") if made is None else made


def load_state(optimizer: optim.Adam, parameters: Mapping[str, Tensor], state: OptimizerState) -> None:
    entries = {}
    for name, parameter in parameters.items():
        if name not in state.first:
            continue
        dtype = str(to_numpy(parameter).dtype)
        for key, array in (("moment1", state.first[name]), ("moment2", state.second[name])):
            entries[f"{parameter.name}_{key}_0"] = paddle.to_tensor(np.asarray(array, dtype))
        for key, beta in (("beta1", state.beta1), ("beta2", state.beta2)):
            entries[f"{parameter.name}_{key}_pow_acc_0"] = paddle.to_tensor(beta_power(beta, state.step, dtype))
    optimizer.set_state_dict(entries)


def clip_gradients(parameters: Sequence[Tensor], bound: float) -> None:
    # Paddle's ClipGradByGlobalNorm divides by the norm alone, which differs in the sixth digit.
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = paddle.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    scale = (bound / (norm + 1e-6)).clip(max=1.0)
    for gradient in gradients:
        gradient.set_value(gradient * scale)
