"""A PyTorch model's weights, gradients and optimiser, for models that the kit did not build."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch
from torch import nn

from ...common.alignment.constants import rounded
from ...common.errors import BadInput
from ...common.traces.optimizer import Optimiser
from .calls import noisy, to_numpy

MOMENTS = {"exp_avg": "first", "exp_avg_sq": "second", "momentum_buffer": "velocity", "square_avg": "square"}


@contextlib.contextmanager
def default_dtype(dtype: str) -> Iterator[None]:
    """Within, what a model makes without saying its type is of this one."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(getattr(torch, dtype))
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def seed_all(seed: int) -> None:
    """Make what the framework draws itself repeatable: fresh weights, and the noise of a rounding pass."""
    torch.manual_seed(seed)


def tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers by state-dict name."""
    return model.state_dict(keep_vars=True)


def assign(model: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Set parameters and buffers by state-dict name; others stay."""
    own = tensors(model)
    with torch.no_grad():
        for name, array in arrays.items():
            own[name].copy_(torch.from_numpy(np.array(array, order="C")).reshape(own[name].shape))


def keeper(tensor: torch.Tensor) -> Callable[[], None]:
    """Take a tensor's gradient away, and give what puts it back with its memory, values, type, place and flag."""
    memory, values, trained = tensor.data, tensor.data.clone(), tensor.requires_grad
    gradient = tensor.grad if tensor.is_leaf else None
    if gradient is not None:
        tensor.grad = None

    def put_back() -> None:
        memory.copy_(values)
        tensor.data = memory
        if tensor.is_leaf:
            tensor.requires_grad_(trained)
            tensor.grad = gradient

    return put_back


def load_strictly(model: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    """Load a state dict through the framework's own strict loading.

    Raises:
        BadInput: the framework does not take it.
    """
    try:
        model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}, strict=True)
    except (RuntimeError, TypeError) as error:
        raise BadInput(f"PyTorch does not take the weights: {' '.join(str(error).split())[:300]}") from None


def to_dtype(model: nn.Module, dtype: str) -> None:
    """Bring floating parameters and buffers to a type, in place."""
    model.to(dtype=getattr(torch, dtype))


def tensor(array: np.ndarray, dtype: str, device: str) -> torch.Tensor:
    """An input: floating ones in `dtype`, with a gradient; whole numbers as they are."""
    made = torch.from_numpy(np.array(array, order="C")).to("cuda" if device == "cuda" else "cpu")
    if made.is_floating_point():
        # A leaf must not be changed in place, which a model may well do with its input: so it gets a copy of one.
        return made.to(getattr(torch, dtype)).requires_grad_().clone()
    return made


def to_device(model: nn.Module, device: str) -> None:
    """Bring parameters and buffers to a device, in place."""
    model.to("cuda" if device == "cuda" else "cpu")


def set_training(model: nn.Module, training: bool) -> None:
    model.train(training)


def without_gradients() -> contextlib.AbstractContextManager:
    return torch.no_grad()


def gradients(model: nn.Module) -> dict[str, np.ndarray]:
    """The gradients that arrived, by state-dict name."""
    return {name: to_numpy(one.grad) for name, one in tensors(model).items() if getattr(one, "grad", None) is not None}


def perturb_gradients(model: nn.Module, size: float) -> None:
    """Give the gradient of each weight random errors of `size` times its root mean square."""
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad = noisy(parameter.grad, size)


def clear_gradients(model: nn.Module) -> None:
    model.zero_grad(set_to_none=True)


def make_optimiser(wanted: Optimiser | Callable, model: nn.Module):
    """The framework's own optimiser; or what the user's function makes of the parameters."""
    parameters = [one for one in model.parameters() if one.requires_grad]
    made = _made(wanted, parameters) if isinstance(wanted, Optimiser) else wanted(parameters)
    if any(one.dtype == torch.float64 for one in parameters):
        _round_numbers(made)
    return made


def _round_numbers(optimiser: torch.optim.Optimizer) -> None:
    """In float64, the numbers that Paddle's momentum and RMSProp keep in float32; a decay that is no part of the
    momentum's own step keeps its digits there."""
    for group in optimiser.param_groups:
        names = () if "betas" in group else ("momentum", "alpha", "eps")
        if isinstance(optimiser, torch.optim.AdamW):
            names = ("weight_decay",)
        if "alpha" not in group and group.get("momentum"):
            names = ("momentum", "weight_decay")
        for name in names:
            if isinstance(group.get(name), float):
                group[name] = rounded(group[name])


def _made(wanted: Optimiser, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    number = wanted.settings
    common = {"lr": number["lr"], "weight_decay": number["weight_decay"]}
    if wanted.kind in ("adam", "adamw"):
        made = torch.optim.Adam if wanted.kind == "adam" else torch.optim.AdamW
        return made(parameters, betas=(number["beta1"], number["beta2"]), eps=number["eps"], foreach=False, **common)
    if wanted.kind == "rmsprop":
        return _RMSPropUnderRoot(parameters, number)
    more = {} if wanted.kind == "sgd" else {"momentum": number["momentum"], "nesterov": bool(number["nesterov"])}
    return torch.optim.SGD(parameters, foreach=False, **common, **more)


def described(optimiser) -> dict:
    """Kind and numbers of an optimiser, under the names of `traces/optimizer.py`; what cannot be told is left out."""
    group = optimiser.param_groups[0]
    names = ("lr", "eps", "weight_decay", "momentum", "dampening", "nesterov", "alpha", "centered")
    found = {name: float(group[name]) for name in names if isinstance(group.get(name), (int, float))}
    if "betas" in group:
        found["beta1"], found["beta2"] = map(float, group["betas"])
    kind = type(optimiser).__name__.lower()
    if kind == "_rmspropunderroot":
        return {"kind": "rmsprop", "eps_inside": 1.0, "lr_inside": 1.0, **found}
    return {"kind": kind, **found}


def moments(optimiser, model: nn.Module) -> dict[str, dict[str, np.ndarray]]:
    """What an optimiser keeps: moment → state-dict name → array."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for name, parameter in tensors(model).items():
        for key, value in optimiser.state.get(parameter, {}).items():
            if key in MOMENTS and torch.is_tensor(value) and value.shape == parameter.shape:
                found.setdefault(MOMENTS[key], {})[name] = to_numpy(value)
    return found


class _RMSPropUnderRoot(torch.optim.Optimizer):
    """RMSProp with epsilon under the root, as Paddle has it; PyTorch's own adds it to the root."""

    def __init__(self, parameters: list, number: Mapping[str, float]) -> None:
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
