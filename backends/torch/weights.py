"""Weights and optimiser state between PyTorch and the canonical arrays, which have PyTorch's names and layout."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from ...common.errors import BadInput
from ...common.spec import Optimizer
from ..session import Arrays, OptimizerState


def to_array(tensor: torch.Tensor) -> np.ndarray:
    """A copy on the CPU, row-major whatever the tensor's memory format."""
    return np.array(tensor.detach().cpu().numpy(), order="C")


def weight_arrays(module: nn.Module) -> Arrays:
    """Parameters and buffers by state-dict name, in the canonical layout."""
    return {name: to_array(tensor) for name, tensor in module.state_dict().items()}


def load_arrays(module: nn.Module, arrays: Arrays) -> None:
    """Copy canonical arrays into `module`.

    Raises:
        BadInput: missing, unexpected or misshapen names; all are listed and nothing is loaded.
    """
    own = module.state_dict()
    wrong = [f"{name} missing" for name in own if name not in arrays]
    wrong += [f"{name} unexpected" for name in arrays if name not in own]
    wrong += [
        f"{name} is {tuple(arrays[name].shape)}, not {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in arrays and tuple(arrays[name].shape) != tuple(tensor.shape)
    ]
    if wrong:
        raise BadInput(f"the weights do not fit the model: {'; '.join(wrong)}")
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(torch.from_numpy(np.array(arrays[name])))


def load_own(module: nn.Module, arrays: Arrays) -> None:
    """Load a state dict in PyTorch's own names and layout, through the framework's own strict loading."""
    module.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}, strict=True)


def named_parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """Trained tensors by canonical name."""
    return dict(module.named_parameters())


def make_optimizer(settings: Optimizer, parameters: dict[str, nn.Parameter]) -> torch.optim.Adam:
    """The framework's own Adam for one group of parameters."""
    return torch.optim.Adam(
        parameters.values(),
        lr=settings.learning_rate,
        betas=(settings.beta1, settings.beta2),
        eps=settings.epsilon,
        weight_decay=settings.weight_decay,
    )


def optimizer_arrays(optimizer: torch.optim.Adam, parameters: dict[str, nn.Parameter]) -> OptimizerState:
    """Moments by canonical name."""
    group, state = optimizer.param_groups[0], optimizer.state
    steps = {int(entry["step"]) for entry in state.values()} or {0}
    return OptimizerState(
        step=max(steps),
        learning_rate=float(group["lr"]),
        beta1=float(group["betas"][0]),
        beta2=float(group["betas"][1]),
        first={name: to_array(state[p]["exp_avg"]) for name, p in parameters.items() if p in state},
        second={name: to_array(state[p]["exp_avg_sq"]) for name, p in parameters.items() if p in state},
    )


def load_optimizer_arrays(
    optimizer: torch.optim.Adam, parameters: dict[str, nn.Parameter], state: OptimizerState
) -> None:
    """Put moments and steps into a fresh Adam."""
    for name, parameter in parameters.items():
        if name not in state.first:
            continue
        optimizer.state[parameter] = {
            "step": torch.tensor(float(state.step)),
            "exp_avg": torch.empty_like(parameter).copy_(torch.from_numpy(state.first[name])),
            "exp_avg_sq": torch.empty_like(parameter).copy_(torch.from_numpy(state.second[name])),
        }


def clip_gradients(parameters: list[nn.Parameter], bound: float) -> None:
    """Scale all gradients by bound / (norm + 1e-6) where their global norm exceeds the bound: PyTorch's own form."""
    nn.utils.clip_grad_norm_(parameters, bound)
