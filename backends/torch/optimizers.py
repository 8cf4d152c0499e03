"""Optimizers of PyTorch; see `contract.Optimizers`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn, optim

from ...common.alignment.constants import rounded
from ...common.arrays import Arrays
from ...common.traces.optimizer import OptimizerSettings
from ...common.weights.optimizer_state import OptimizerState
from .tensors import to_numpy

MOMENTS = {"exp_avg": "first", "exp_avg_sq": "second", "momentum_buffer": "velocity", "square_avg": "square"}


def make(wanted: OptimizerSettings | Callable, parameters: Sequence[Tensor]) -> optim.Optimizer:
    made = _made(wanted, parameters) if isinstance(wanted, OptimizerSettings) else wanted(parameters)
    if any(parameter.dtype == torch.float64 for parameter in parameters):
        _round_numbers(made)
    return made


def _made(wanted: OptimizerSettings, parameters: Sequence[Tensor]) -> optim.Optimizer:
    number = wanted.settings
    common: dict[str, Any] = {"lr": number["lr"], "weight_decay": number["weight_decay"]}
    if wanted.kind in ("adam", "adamw"):
        kind = optim.Adam if wanted.kind == "adam" else optim.AdamW
        return kind(parameters, betas=(number["beta1"], number["beta2"]), eps=number["eps"], **common)
    if wanted.kind == "rmsprop":
        return _RMSPropUnderRoot(parameters, number)
    if wanted.kind == "sgd":
        return optim.SGD(parameters, **common)
    return optim.SGD(parameters, momentum=number["momentum"], nesterov=bool(number["nesterov"]), **common)


def _round_numbers(optimizer: optim.Optimizer) -> None:
    """In float64, the numbers that Paddle's momentum and RMSProp keep in float32; a decay that is no part of the
    momentum's own step keeps its digits there."""
    for group in optimizer.param_groups:
        names = () if "betas" in group else ("momentum", "alpha", "eps")
        if isinstance(optimizer, optim.AdamW):
            names = ("weight_decay",)
        if "alpha" not in group and group.get("momentum"):
            names = ("momentum", "weight_decay")
        for name in names:
            if isinstance(group.get(name), float):
                group[name] = rounded(group[name])


def described(optimizer: optim.Optimizer) -> dict[str, Any]:
    group = optimizer.param_groups[0]
    names = ("lr", "eps", "weight_decay", "momentum", "dampening", "nesterov", "alpha", "centered")
    numbers = {name: float(group[name]) for name in names if isinstance(group.get(name), (int, float))}
    if "betas" in group:
        numbers["beta1"], numbers["beta2"] = map(float, group["betas"])
    kind = type(optimizer).__name__.lower()
    if kind == "_rmspropunderroot":
        return {"kind": "rmsprop", "eps_inside": 1.0, "lr_inside": 1.0, **numbers}
    return {"kind": kind, **numbers}


def moments(optimizer: optim.Optimizer, parameters: Mapping[str, Tensor]) -> dict[str, Arrays]:
    kept: dict[str, Arrays] = {}
    for name, parameter in parameters.items():
        for key, value in optimizer.state.get(parameter, {}).items():
            if key in MOMENTS and torch.is_tensor(value) and value.shape == parameter.shape:
                kept.setdefault(MOMENTS[key], {})[name] = to_numpy(value)
    return kept


def load_state(optimizer: optim.Adam, parameters: Mapping[str, Tensor], state: OptimizerState) -> None:
    for name, parameter in parameters.items():
        if name not in state.first:
            continue
        optimizer.state[parameter] = {
            "step": torch.tensor(float(state.step)),
            "exp_avg": torch.empty_like(parameter).copy_(torch.from_numpy(state.first[name])),
            "exp_avg_sq": torch.empty_like(parameter).copy_(torch.from_numpy(state.second[name])),
        }


def clip_gradients(parameters: Sequence[Tensor], bound: float) -> None:
    nn.utils.clip_grad_norm_(parameters, bound)


class _RMSPropUnderRoot(optim.Optimizer):
    """RMSProp with epsilon under the root, as Paddle has it; PyTorch's own adds it to the root."""

    def __init__(self, parameters: Sequence[Tensor], number: Mapping[str, float]) -> None:
        super().__init__(parameters, dict(number))

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                for name in ("square_avg", "momentum_buffer", "mean"):
                    state.setdefault(name, torch.zeros_like(p))
                gradient = p.grad + group["weight_decay"] * p
                square, mean = state["square_avg"], state["mean"]
                square.mul_(group["alpha"]).addcmul_(gradient, gradient, value=1 - group["alpha"])
                spread = square
                if group["centered"]:
                    mean.mul_(group["alpha"]).add_(gradient, alpha=1 - group["alpha"])
                    spread = square - mean * mean
                update = gradient / (spread + group["eps"]).sqrt()
                state["momentum_buffer"].mul_(group["momentum"]).add_(update, alpha=group["lr"])
                p.sub_(state["momentum_buffer"])
