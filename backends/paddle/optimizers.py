"""Optimizers of Paddle; see `contract.Optimizers`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import paddle
from paddle import Tensor, nn
from paddle import optimizer as optim
from paddle.utils import unique_name

from ...common.dictionary.index import NUMBERS, OPTIMIZER_BY_KIND
from ...common.dictionary.training.optimizers import MOMENTS, arguments_of
from ...common.traces.optimizer import OptimizerSettings, library_class
from ...common.weights.optimizer.adam_state import OptimizerState
from ...common.weights.optimizer.adam_steps import beta_power
from .tensors import to_numpy

Groups = Sequence[tuple[Mapping[str, float], Sequence[Tensor]]]  # numbers and parameters of each


def make(wanted: OptimizerSettings | Callable, parameters: Sequence[Tensor]) -> optim.Optimizer:
    made = _made(wanted, parameters) if isinstance(wanted, OptimizerSettings) else wanted(parameters)
    clip = getattr(made, "_grad_clip", None)
    if type(clip) is nn.ClipGradByNorm and any(parameter.dtype == paddle.float64 for parameter in parameters):
        made._grad_clip = _ClipByNorm(clip.clip_norm)
    return made


def _made(wanted: OptimizerSettings, parameters: Sequence[Tensor]) -> optim.Optimizer:
    entry = OPTIMIZER_BY_KIND[wanted.kind]
    kind = getattr(optim, entry.paddle.classes[0].rpartition(".")[2])
    return kind(parameters=parameters, **arguments_of(entry, "paddle", wanted.settings))


class _ClipByNorm(nn.ClipGradByNorm):
    """The same in float64, for which Paddle's own has no kernel."""

    @paddle.no_grad()
    def _dygraph_clip(self, params_grads):
        return [(parameter, self._clipped(parameter, gradient)) for parameter, gradient in params_grads]

    def _clipped(self, parameter: Tensor, gradient: Tensor | None) -> Tensor | None:
        if gradient is None or not getattr(parameter, "need_clip", True):
            return gradient
        norm = gradient.square().sum().sqrt()
        return gradient * (self.clip_norm / norm.clip(min=self.clip_norm))


def described(optimizer: optim.Optimizer) -> dict[str, Any]:
    # Paddle keeps the numbers as attributes, a decay inside an object; PyTorch has all in its groups.
    told = {name: getattr(optimizer, f"_{key}", None) for key, name in NUMBERS["paddle"].items()}
    numbers = {name: float(value) for name, value in told.items() if isinstance(value, (int, float))}
    attributes = ("_weight_decay", "regularization", "_regularization_coeff")  # the last is Momentum's
    decay = next((value for name in attributes if (value := getattr(optimizer, name, None))), None)
    decay = getattr(optimizer, "_coeff", decay) if type(optimizer).__name__ == "AdamW" else decay
    decay = getattr(decay, "_coeff", getattr(decay, "_regularization_coeff", decay))
    numbers["weight_decay"] = float(decay) if isinstance(decay, (int, float)) else 0.0
    kind = library_class(optimizer, "paddle.optimizer")
    more = OPTIMIZER_BY_KIND[kind].in_paddle if kind in OPTIMIZER_BY_KIND else {}
    return {"kind": kind, **more, **numbers, "lr": float(optimizer.get_lr()), **_clipping(optimizer)}


def _clipping(optimizer: optim.Optimizer) -> dict[str, float]:
    """What it does to gradients before a step, as `common.dictionary.training.clipping` names it."""
    clip = getattr(optimizer, "_grad_clip", None)
    if isinstance(clip, nn.ClipGradByValue):
        return {"clip_value": float(clip.max)} if clip.min == -clip.max else {}
    for name, kind in (("clip_global_norm", nn.ClipGradByGlobalNorm), ("clip_norm", nn.ClipGradByNorm)):
        if isinstance(clip, kind):
            return {name: float(clip.clip_norm)}
    return {}


def kept(optimizer: optim.Optimizer, key: str, parameter: Tensor) -> Tensor | None:
    # A loaded state waits under the names of its file until the first step.
    made = optimizer._accumulators.get(key, {}).get(parameter.name)
    return optimizer._accumulators_holder.get(f"{parameter.name}_{key}_0") if made is None else made


def load_state(optimizer: optim.Adam, parameters: Mapping[str, Tensor], state: OptimizerState) -> None:
    entries = {}
    for name, parameter in parameters.items():
        if name not in state.first:
            continue
        dtype = str(to_numpy(parameter).dtype)
        for which, moment in MOMENTS.items():
            array = np.asarray(getattr(state, which)[name], dtype)
            entries[f"{parameter.name}_{moment.paddle}_0"] = paddle.to_tensor(array)
        for key, beta in (("beta1", state.beta1), ("beta2", state.beta2)):
            entries[f"{parameter.name}_{key}_pow_acc_0"] = paddle.to_tensor(beta_power(beta, state.step, dtype))
    optimizer.set_state_dict(entries)


def of_groups(kind: str, groups: Groups) -> list[optim.Optimizer]:
    # One for each group: Paddle's kernels take the numbers of the optimizer, not of a group.
    return [_made(OptimizerSettings(kind, dict(numbers)), parameters) for numbers, parameters in groups]


def go_on(optimizers: Sequence[optim.Optimizer], state: Mapping[str, Any]) -> None:
    with unique_name.guard():  # the names of what they make then end in 0, as in the file
        for optimizer in optimizers:
            optimizer.set_state_dict({key: paddle.to_tensor(array) for key, array in state.items()})
            optimizer.step()


def clip_gradients(parameters: Sequence[Tensor], bound: float) -> None:
    # Paddle's ClipGradByGlobalNorm divides by the norm alone, which differs in the sixth digit.
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = paddle.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    scale = (bound / (norm + 1e-6)).clip(max=1.0)
    for gradient in gradients:
        gradient.set_value(gradient * scale)
