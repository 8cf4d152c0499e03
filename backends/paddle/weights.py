"""Weights and optimiser state between Paddle and the canonical arrays.

Paddle keeps a Linear's weight as `[in, out]`, calls running statistics `_mean` and `_variance`, has no batch counter,
and stores the powers of Adam's betas instead of the step.
"""

from __future__ import annotations

import numpy as np
import paddle
from paddle import nn

from ...common.errors import BadInput
from ...common.spec import Optimizer
from ...common.weights.adam_steps import beta_power, steps_of
from ..session import Arrays, OptimizerState

STATISTICS = {"_mean": "running_mean", "_variance": "running_var"}


def to_array(tensor: paddle.Tensor) -> np.ndarray:
    """A copy on the CPU."""
    return np.array(tensor.numpy(), order="C")


def canonical_names(module: nn.Layer) -> dict[str, tuple[str, bool]]:
    """State-dict name → canonical name, and whether the array is transposed (the weight of a Linear is)."""
    names = {}
    for path, layer in module.named_sublayers(include_self=True):
        before = f"{path}." if path else ""
        for own in layer.state_dict(include_sublayers=False):
            names[before + own] = (before + STATISTICS.get(own, own), isinstance(layer, nn.Linear) and own == "weight")
    return names


def weight_arrays(module: nn.Layer) -> Arrays:
    """Parameters and buffers by canonical name, in the canonical layout."""
    state, arrays = module.state_dict(), {}
    for own, (name, transposed) in canonical_names(module).items():
        array = to_array(state[own])
        arrays[name] = np.ascontiguousarray(array.T) if transposed else array
    return arrays | {name: np.array(layer.batches) for name, layer in batch_counters(module).items()}


def load_arrays(module: nn.Layer, arrays: Arrays) -> None:
    """Copy canonical arrays into `module`.

    Raises:
        BadInput: missing, unexpected or misshapen names; all are listed and nothing is loaded.
    """
    own, counters = weight_arrays(module), batch_counters(module)
    wrong = [f"{name} missing" for name in own if name not in arrays]
    wrong += [f"{name} unexpected" for name in arrays if name not in own]
    wrong += [
        f"{name} is {tuple(arrays[name].shape)}, not {tuple(array.shape)}"
        for name, array in own.items()
        if name in arrays and tuple(arrays[name].shape) != tuple(array.shape)
    ]
    if wrong:
        raise BadInput(f"the weights do not fit the model: {'; '.join(wrong)}")
    state = module.state_dict()
    for own_name, (name, transposed) in canonical_names(module).items():
        tensor, array = state[own_name], arrays[name]
        tensor.set_value(np.ascontiguousarray(array.T if transposed else array, own[name].dtype))
    for name, layer in counters.items():
        layer.batches = int(arrays[name])


def load_own(module: nn.Layer, arrays: Arrays) -> None:
    """Load a state dict in Paddle's own names and layout. Paddle only warns of keys that do not fit: here they count.

    Raises:
        BadInput: missing or unexpected keys.
    """
    missing, unexpected = module.set_state_dict({name: paddle.to_tensor(array) for name, array in arrays.items()})
    if missing or unexpected:
        raise BadInput(f"Paddle misses {missing} and does not expect {unexpected}")


def batch_counters(module: nn.Layer) -> dict[str, nn.Layer]:
    """Canonical name of each batch counter → the layer that counts: Paddle's state dict has no place for it."""
    return {
        f"{path}.num_batches_tracked": layer for path, layer in module.named_sublayers() if hasattr(layer, "batches")
    }


def named_parameters(module: nn.Layer) -> dict[str, paddle.Tensor]:
    """Trained tensors by canonical name."""
    names, state = canonical_names(module), module.state_dict()
    return {name: state[own] for own, (name, _) in names.items() if not state[own].stop_gradient}


def make_optimizer(settings: Optimizer, parameters: dict[str, paddle.Tensor]) -> paddle.optimizer.Adam:
    """The framework's own Adam for one group of parameters."""
    return paddle.optimizer.Adam(
        learning_rate=settings.learning_rate,
        beta1=settings.beta1,
        beta2=settings.beta2,
        epsilon=settings.epsilon,
        parameters=list(parameters.values()),
        weight_decay=settings.weight_decay or None,
    )


def optimizer_arrays(
    optimizer: paddle.optimizer.Adam, parameters: dict[str, paddle.Tensor], transposed: set[str]
) -> OptimizerState:
    """Moments by canonical name. `transposed` names the parameters whose layout is the other way round."""
    state = optimizer.state_dict()
    moved = {name: p.name for name, p in parameters.items() if f"{p.name}_moment1_0" in state}

    def moment(number: int) -> Arrays:
        arrays = {name: to_array(state[f"{own}_moment{number}_0"]) for name, own in moved.items()}
        return {name: np.array(a.T, order="C") if name in transposed else a for name, a in arrays.items()}

    powers = [to_array(state[f"{own}_beta2_pow_acc_0"]) for own in moved.values()]
    return OptimizerState(
        step=steps_of(powers[0], optimizer._beta2) if powers else 0,
        learning_rate=float(optimizer.get_lr()),
        beta1=float(optimizer._beta1),
        beta2=float(optimizer._beta2),
        first=moment(1),
        second=moment(2),
    )


def load_optimizer_arrays(
    optimizer: paddle.optimizer.Adam, parameters: dict[str, paddle.Tensor], state: OptimizerState, transposed: set[str]
) -> None:
    """Put moments and steps into a fresh Adam."""
    entries = {}
    for name, parameter in parameters.items():
        if name not in state.first:
            continue
        dtype = str(to_array(parameter).dtype)
        for kind, moment in (("moment1", state.first[name]), ("moment2", state.second[name])):
            array = np.ascontiguousarray(moment.T if name in transposed else moment, dtype)
            entries[f"{parameter.name}_{kind}_0"] = paddle.to_tensor(array)
        for kind, beta in (("beta1", state.beta1), ("beta2", state.beta2)):
            entries[f"{parameter.name}_{kind}_pow_acc_0"] = paddle.to_tensor(beta_power(beta, state.step, dtype))
    optimizer.set_state_dict(entries)


def clip_gradients(parameters: list[paddle.Tensor], bound: float) -> None:
    """Scale all gradients by bound / (norm + 1e-6) where their global norm exceeds the bound: PyTorch's own form.

    Paddle's ClipGradByGlobalNorm divides by the norm alone, which differs in the sixth digit.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = paddle.stack([gradient.square().sum() for gradient in gradients]).sum().sqrt()
    scale = (bound / (norm + 1e-6)).clip(max=1.0)
    for gradient in gradients:
        gradient.set_value(gradient * scale)
