"""A Paddle model's weights, gradients and optimiser, for models that the kit did not build."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import paddle
from paddle import nn

from ...common.errors import BadInput
from ...common.traces.optimizer import Optimiser
from .calls import noisy, quiet, to_numpy

MOMENTS = {
    "moment1": "first", "moment2": "second", "velocity": "velocity", "momentum": "velocity", "mean_square": "square"
}  # fmt: skip


@contextlib.contextmanager
def default_dtype(dtype: str) -> Iterator[None]:
    """Within, what a model makes without saying its type is of this one."""
    before = paddle.get_default_dtype()
    paddle.set_default_dtype(dtype)
    try:
        yield
    finally:
        paddle.set_default_dtype(before)


def seed_all(seed: int) -> None:
    """Make what the framework draws itself repeatable: fresh weights, and the noise of a rounding pass."""
    paddle.seed(seed)


def tensors(model: nn.Layer) -> dict[str, paddle.Tensor]:
    """Parameters and buffers by state-dict name."""
    return model.state_dict()


def assign(model: nn.Layer, arrays: Mapping[str, np.ndarray]) -> None:
    """Set parameters and buffers by state-dict name; others stay."""
    own = tensors(model)
    for name, array in arrays.items():
        made = paddle.to_tensor(np.array(array, order="C"), place=own[name].place).reshape(own[name].shape)
        own[name].set_value(made.astype(own[name].dtype))


def keeper(tensor: paddle.Tensor) -> Callable[[], None]:
    """Take a tensor's gradient away, and give what puts it back with its memory, values, type, place and flag."""
    if not tensor._is_initialized():  # the random state of a recurrent layer, which no pass changes
        return lambda: None
    memory, values, frozen = paddle.empty([0], tensor.dtype), tensor.detach().clone(), tensor.stop_gradient
    _share(tensor, memory)  # a detached tensor would follow the change of type
    gradient = None if tensor.grad is None else tensor.grad.clone()
    tensor.grad = None

    def put_back() -> None:
        paddle.assign(values, memory)
        _share(memory, tensor)
        tensor.stop_gradient = frozen
        tensor.grad = None
        if gradient is not None:
            tensor.grad = gradient

    return put_back


def _share(source: paddle.Tensor, target: paddle.Tensor) -> None:
    """Have `target` be of the memory and type of `source`."""
    target.value().get_tensor()._share_data_with(source.value().get_tensor())


def load_strictly(model: nn.Layer, arrays: Mapping[str, np.ndarray]) -> None:
    """Load a state dict through the framework's own loading, which only warns of keys that do not fit: here they count.

    Raises:
        BadInput: the framework does not take it.
    """
    missing, unexpected = model.set_state_dict({name: paddle.to_tensor(array) for name, array in arrays.items()})
    if missing or unexpected:
        raise BadInput(f"Paddle misses {missing[:20]} and does not expect {unexpected[:20]}")


def to_dtype(model: nn.Layer, dtype: str) -> None:
    """Bring floating parameters and buffers to a type, in place."""
    _move(model, dtype=dtype)


def _move(model: nn.Layer, **where) -> None:
    aside = []  # recurrent layers hold an empty random state, which Paddle fails to move
    for layer in model.sublayers(include_self=True):
        if "_dropout_state" in layer._buffers:
            aside.append((layer, layer._buffers.pop("_dropout_state")))
    model.to(**where)
    for layer, state in aside:
        layer._buffers["_dropout_state"] = state


def tensor(array: np.ndarray, dtype: str, device: str) -> paddle.Tensor:
    """An input: floating ones in `dtype`, with a gradient; whole numbers as they are."""
    made = paddle.to_tensor(np.array(array, order="C"))
    if made.is_floating_point():
        # A leaf must not be changed in place, which a model may well do with its input: so it gets a copy of one.
        made = made.astype(dtype)
        made.stop_gradient = False
        return made.clone()
    return made


def to_device(model: nn.Layer, device: str) -> None:
    """Bring parameters and buffers to a device, in place."""
    _move(model, device="gpu" if device == "cuda" else "cpu")


def set_training(model: nn.Layer, training: bool) -> None:
    model.train() if training else model.eval()


def without_gradients() -> contextlib.AbstractContextManager:
    return paddle.no_grad()


def gradients(model: nn.Layer) -> dict[str, np.ndarray]:
    """The gradients that arrived, by state-dict name."""
    return {name: to_numpy(one.grad) for name, one in tensors(model).items() if one.grad is not None}


def perturb_gradients(model: nn.Layer, size: float) -> None:
    """Give the gradient of each weight random errors of `size` times its root mean square."""
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad.set_value(noisy(parameter.grad, size))


def clear_gradients(model: nn.Layer) -> None:
    for parameter in model.parameters():
        parameter.clear_gradient(set_to_zero=False)


def make_optimiser(wanted: Optimiser | Callable, model: nn.Layer):
    """The framework's own optimiser; or what the user's function makes of the parameters."""
    parameters = [one for one in model.parameters() if not one.stop_gradient]
    if not isinstance(wanted, Optimiser):
        return wanted(parameters)
    number = wanted.settings
    common = {
        "learning_rate": number["lr"], "weight_decay": number["weight_decay"] or None, "parameters": parameters
    }  # fmt: skip
    if wanted.kind in ("adam", "adamw"):
        made = paddle.optimizer.Adam if wanted.kind == "adam" else paddle.optimizer.AdamW
        decay = common if wanted.kind == "adam" else {**common, "weight_decay": number["weight_decay"]}
        return made(beta1=number["beta1"], beta2=number["beta2"], epsilon=number["eps"], **decay)
    if wanted.kind == "rmsprop":
        return paddle.optimizer.RMSProp(
            rho=number["alpha"], epsilon=number["eps"], momentum=number["momentum"], centered=bool(number["centered"]),
            **common,
        )  # fmt: skip
    if wanted.kind == "sgd":
        return paddle.optimizer.SGD(**common)
    return paddle.optimizer.Momentum(momentum=number["momentum"], use_nesterov=bool(number["nesterov"]), **common)


def described(optimiser) -> dict:
    """Kind and numbers of an optimiser, under the names of `traces/optimizer.py`; what cannot be told is left out."""
    names = {"_beta1": "beta1", "_beta2": "beta2", "_epsilon": "eps", "_momentum": "momentum", "_rho": "alpha",
             "_centered": "centered", "_use_nesterov": "nesterov"}  # fmt: skip
    kept = {name: getattr(optimiser, own, None) for own, name in names.items()}
    found = {name: float(value) for name, value in kept.items() if isinstance(value, (int, float))}
    decay = getattr(optimiser, "_weight_decay", None) or getattr(optimiser, "regularization", None)
    decay = getattr(optimiser, "_coeff", decay) if type(optimiser).__name__ == "AdamW" else decay
    decay = getattr(decay, "_coeff", getattr(decay, "_regularization_coeff", decay))
    found["weight_decay"] = float(decay) if isinstance(decay, (int, float)) else 0.0
    kind = type(optimiser).__name__.lower()
    more = {"eps_inside": 1.0, "lr_inside": 1.0} if kind == "rmsprop" else {}
    return {"kind": kind, "lr": float(optimiser.get_lr()), **more, **found}


def moments(optimiser, model: nn.Layer) -> dict[str, dict[str, np.ndarray]]:
    """What an optimiser keeps: moment → state-dict name → array."""
    found: dict[str, dict[str, np.ndarray]] = {}
    with quiet():
        for name, parameter in tensors(model).items():
            for key, kept in optimiser._accumulators.items():
                if key in MOMENTS and parameter.name in kept and kept[parameter.name].shape == parameter.shape:
                    found.setdefault(MOMENTS[key], {})[name] = to_numpy(kept[parameter.name])
    return found
