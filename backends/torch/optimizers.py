"""Optimizers of PyTorch; see `contract.Optimizers`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn, optim

from ...common.dictionary.entry import rounded
from ...common.dictionary.index import NUMBERS, OPTIMIZER_BY_KIND, optimizer_entry
from ...common.dictionary.training.optimizers import MOMENTS, arguments_of
from ...common.traces.optimizer import OptimizerSettings, library_class
from ...common.weights.optimizer.adam_state import OptimizerState

Groups = Sequence[tuple[Mapping[str, float], Sequence[Tensor]]]  # numbers and parameters of each


def make(wanted: OptimizerSettings | Callable, parameters: Sequence[Tensor]) -> optim.Optimizer:
    made = _made(wanted, parameters) if isinstance(wanted, OptimizerSettings) else wanted(parameters)
    if any(parameter.dtype == torch.float64 for parameter in parameters):
        _round_numbers(made)
    return made


def _made(wanted: OptimizerSettings, parameters: Sequence[Tensor]) -> optim.Optimizer:
    entry = OPTIMIZER_BY_KIND[wanted.kind]
    kind = _RMSPropUnderRoot if wanted.kind == "rmsprop" else getattr(optim, entry.torch.classes[0].rpartition(".")[2])
    return kind(parameters, **_with_betas(arguments_of(entry, "torch", wanted.settings)))


def _with_betas(numbers: dict[str, Any]) -> dict[str, Any]:
    """`betas[0]` and `betas[1]` as the pair that PyTorch takes."""
    both = [numbers.pop(name) for name in ("betas[0]", "betas[1]") if name in numbers]
    return numbers | {"betas": tuple(both)} if both else numbers


def _without_betas(group: Mapping[str, Any]) -> dict[str, Any]:
    return {**group, **{f"betas[{place}]": beta for place, beta in enumerate(group.get("betas", ()))}}


def _round_numbers(optimizer: optim.Optimizer) -> None:
    """In float64, the numbers that Paddle keeps in float32."""
    entry = optimizer_entry("torch", [base.__name__ for base in type(optimizer).__mro__])
    for group in optimizer.param_groups:
        if entry is None or (entry.kind == "momentum" and not group["momentum"]):
            continue  # Paddle's SGD rounds nothing
        names = {argument.torch[0] for argument in entry.arguments if argument.name in entry.float32}
        numbers = {
            name: rounded(value) if name in names and isinstance(value, float) else value
            for name, value in _without_betas(group).items()
        }
        group.update(_with_betas(numbers | {"params": group["params"]}))


def described(optimizer: optim.Optimizer) -> dict[str, Any]:
    group = _without_betas(optimizer.param_groups[0])
    numbers = {
        name: float(group[key]) for key, name in NUMBERS["torch"].items() if isinstance(group.get(key), (int, float))
    }
    if isinstance(optimizer, _RMSPropUnderRoot):
        return {"kind": "rmsprop", **OPTIMIZER_BY_KIND["rmsprop"].in_paddle, **numbers}
    return {"kind": library_class(optimizer, "torch.optim"), **numbers}


def kept(optimizer: optim.Optimizer, key: str, parameter: Tensor) -> Tensor | None:
    return optimizer.state.get(parameter, {}).get(key)


def load_state(optimizer: optim.Adam, parameters: Mapping[str, Tensor], state: OptimizerState) -> None:
    for name, parameter in parameters.items():
        if name not in state.first:
            continue
        optimizer.state[parameter] = {
            "step": torch.tensor(float(state.step)),
            **{
                moment.torch: torch.empty_like(parameter).copy_(torch.from_numpy(getattr(state, which)[name]))
                for which, moment in MOMENTS.items()
            },
        }


def of_groups(kind: str, groups: Groups) -> list[optim.Optimizer]:
    entry = OPTIMIZER_BY_KIND[kind]
    words = [_with_betas(arguments_of(entry, "torch", numbers)) for numbers, _ in groups]
    given = [{"params": list(parameters), **word} for word, (_, parameters) in zip(words, groups, strict=True)]
    return [getattr(optim, entry.torch.classes[0].rpartition(".")[2])(given, lr=words[0]["lr"])]


def go_on(optimizers: Sequence[optim.Optimizer], state: Mapping[str, Any]) -> None:
    for optimizer in optimizers:
        optimizer.load_state_dict(_tensors(state))
        if any(tensor.dtype == torch.float64 for group in optimizer.param_groups for tensor in group["params"]):
            _round_numbers(optimizer)
        optimizer.step()


def _tensors(node: Any) -> Any:
    """A tree with tensors in place of arrays."""
    if isinstance(node, np.ndarray):
        return torch.from_numpy(np.array(node))
    return {key: _tensors(value) for key, value in node.items()} if isinstance(node, Mapping) else node


def clip_gradients(parameters: Sequence[Tensor], bound: float) -> None:
    nn.utils.clip_grad_norm_(parameters, bound)


class _RMSPropUnderRoot(optim.RMSprop):
    """RMSProp with epsilon under the root, as Paddle has it; PyTorch's own adds it to the root."""

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                for name in ("square_avg", "momentum_buffer", "grad_avg"):
                    state.setdefault(name, torch.zeros_like(p))
                gradient = p.grad + group["weight_decay"] * p
                square, mean = state["square_avg"], state["grad_avg"]
                square.mul_(group["alpha"]).addcmul_(gradient, gradient, value=1 - group["alpha"])
                spread = square
                if group["centered"]:
                    mean.mul_(group["alpha"]).add_(gradient, alpha=1 - group["alpha"])
                    spread = square - mean * mean
                update = gradient / (spread + group["eps"]).sqrt()
                state["momentum_buffer"].mul_(group["momentum"]).add_(update, alpha=group["lr"])
                p.sub_(state["momentum_buffer"])
