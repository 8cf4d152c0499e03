"""What a layer computes, from its inputs, settings and weights alone: float64, in NumPy, by the definitions.

Settings are those of PyTorch, with its defaults; Paddle's names of them are understood too, and so are a few that no
framework lets one set, with which `diagnosis` tries a rule of the other framework. Weights are in PyTorch's layout.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.special import erf, expit

from .closed_forms_windows import avg_pool, conv, conv_transpose, interpolate, max_pool, pad

Arrays = dict[str, np.ndarray]
ALIASES = {
    "dim": "axis", "epsilon": "eps", "pad": "padding", "ksize": "kernel_size", "min_val": "min", "max_val": "max",
    "use_input_stats": "training", "argument1": "axis",
}  # fmt: skip
SELU = {"alpha": 1.6732632423543772, "scale": 1.0507009873554805}
INVERTED = {"exclusive": "count_include_pad", "use_global_stats": "training"}
# What decides nothing of the output; each of the flags below, only while it is off.
IDLE = ("inplace", "name", "momentum", "_stacklevel", "track_running_stats", "sparse", "scale_grad_by_freq", "affine")
OFF = ("return_indices", "return_mask")
CANNOT = (ValueError, TypeError, IndexError, KeyError, ZeroDivisionError, AttributeError)


def evaluate(kind: str, inputs: list[np.ndarray], settings: dict, weights: Arrays, training: bool) -> np.ndarray | None:
    """The output of one call in float64, or None where the kind has no closed form or its settings are not understood.

    Args:
        kind: of `kinds.py` or `operations.py`.
        inputs: in order. Weights that a function is given as inputs follow its first one, in PyTorch's order.
    """
    if kind not in FORMS or not inputs:
        return None
    arrays = [_exact(one) for one in inputs]
    try:
        form, leaves, told = FORMS[kind], WEIGHTS.get(kind, ()), _plain(settings, kind)
        if leaves or kind in TAKES_TRAINING:
            held = {name: _exact(one) for name, one in weights.items()} or dict(zip(leaves, arrays[1:], strict=False))
            if kind in TAKES_TRAINING:
                told = {"training": training} | told
            output = form(arrays[0], held, **told)
        else:
            output = form(*(arrays if kind in SEVERAL else arrays[:1]), **told)
    except CANNOT:  # settings tried from the other side need not fit: no form, no claim
        return None
    return np.asarray(output, np.float64)


def _exact(array: np.ndarray) -> np.ndarray:
    array = np.asarray(array)
    return array if array.dtype.kind in "iub" else array.astype(np.float64)


def _plain(settings: dict, kind: str) -> dict[str, Any]:
    """The settings under one name each, without those that decide nothing."""
    told = {}
    for name, value in settings.items():
        if name == "data_format":
            if not str(value).startswith("NC"):
                raise ValueError(f"{name} {value}")
        elif value is None or name in IDLE or (name in OFF and not value):
            continue
        elif name in INVERTED:
            told[INVERTED[name]] = not value
        else:
            told[name if kind in SEVERAL else ALIASES.get(name, name)] = value
    return told


def _linear(x: np.ndarray, held: Arrays) -> np.ndarray:
    return x @ held["weight"].T + held.get("bias", 0.0)


def _embedding(index, held: Arrays, padding_idx: int = -1, zeros: bool = False) -> np.ndarray:
    """zeros: what Paddle gives for `padding_idx`, whatever the weight holds there; PyTorch looks it up."""
    rows = held["weight"][index.astype(int)]
    return np.where((index == padding_idx)[..., None], 0.0, rows) if zeros else rows


def _normalised(x, axes, eps: float, variance: str = "biased", root: str = "around", given=None) -> np.ndarray:
    """(x − mean) / √(var + eps); with root="beside", / (√var + eps). given: statistics in place of those of x."""
    if given is None:
        mean, spread = x.mean(axes, keepdims=True), x.var(axes, keepdims=True, ddof=int(variance == "unbiased"))
    else:
        mean, spread = given
    return (x - mean) / (np.sqrt(spread + eps) if root == "around" else np.sqrt(spread) + eps)


def _channels(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.reshape(values, (1, -1) + (1,) * (x.ndim - 2))


def _affine(y: np.ndarray, held: Arrays, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Scaled and shifted, along the channels or, given `shape`, along the last axes."""

    def fitted(name: str, missing: float):
        if name not in held:
            return missing
        return held[name].reshape(shape) if shape else _channels(held[name], y)

    return y * fitted("weight", 1.0) + fitted("bias", 0.0)


def _running(x: np.ndarray, held: Arrays) -> tuple[np.ndarray, np.ndarray] | None:
    return (_channels(held["running_mean"], x), _channels(held["running_var"], x)) if "running_mean" in held else None


def _batch_norm(x, held: Arrays, training: bool, eps: float = 1e-5, **rule) -> np.ndarray:
    axes = (0, *range(2, x.ndim))
    return _affine(_normalised(x, axes, eps, **rule, given=None if training else _running(x, held)), held)


def _instance_norm(x, held: Arrays, training: bool, eps: float = 1e-5, **rule) -> np.ndarray:
    axes = tuple(range(2, x.ndim))
    return _affine(_normalised(x, axes, eps, **rule, given=None if training else _running(x, held)), held)


def _group_norm(x, held: Arrays, num_groups: int, eps: float = 1e-5, **rule) -> np.ndarray:
    grouped = x.reshape(len(x), num_groups, -1)
    return _affine(_normalised(grouped, 2, eps, **rule).reshape(x.shape), held)


def _last(x: np.ndarray, held: Arrays, normalized_shape) -> tuple[int, ...]:
    """The shape that is normalised; Paddle keeps the weight of several axes flat."""
    if normalized_shape is None:
        return held["weight"].shape if "weight" in held else x.shape[-1:]
    return tuple(np.atleast_1d(normalized_shape).tolist())


def _layer_norm(x, held: Arrays, normalized_shape=None, eps: float = 1e-5, **rule) -> np.ndarray:
    shape = _last(x, held, normalized_shape)
    return _affine(_normalised(x, tuple(range(-len(shape), 0)), eps, **rule), held, shape)


def _rms_norm(x, held: Arrays, normalized_shape=None, eps: float = np.finfo(float).eps, root: str = "around"):
    shape = _last(x, held, normalized_shape)
    square = np.mean(x**2, tuple(range(-len(shape), 0)), keepdims=True)
    return _affine(x / (np.sqrt(square + eps) if root == "around" else np.sqrt(square) + eps), held, shape)


def _prelu(x: np.ndarray, held: Arrays) -> np.ndarray:
    slope = held["weight"]
    return np.where(x > 0, x, x * (slope.ravel()[0] if slope.size == 1 else _channels(slope, x)))


def _elu(x, alpha: float = 1.0, scale: float = 1.0):
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _celu(x, alpha: float = 1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def _gelu(x, approximate: str | bool = "none"):
    if approximate in ("tanh", True):
        return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    if approximate not in ("none", False):
        raise ValueError(approximate)
    return x / 2 * (1 + erf(x / np.sqrt(2)))


def _softplus(x, beta: float = 1.0, threshold: float = 20.0):
    return np.where(x * beta > threshold, x, np.logaddexp(0, beta * x) / beta)


def _hardsigmoid(x, slope: float = 1 / 6, offset: float = 0.5):
    """Paddle's slope is 0.1666667."""
    return np.clip(slope * x + offset, 0, 1)


def _hardtanh(x, **ends):
    """`clip` with one end leaves the other open; without any it is the layer, from −1 to 1."""
    if set(ends) - {"min", "max"}:
        raise TypeError(str(ends))
    low, high = (ends.get("min", -np.inf), ends.get("max", np.inf)) if ends else (-1, 1)
    return np.clip(x, low, high)


def _softmax(x, axis: int = -1):
    raised = np.exp(x - x.max(axis, keepdims=True))
    return raised / raised.sum(axis, keepdims=True)


def _log_softmax(x, axis: int = -1):
    lowered = x - x.max(axis, keepdims=True)
    return lowered - np.log(np.exp(lowered).sum(axis, keepdims=True))


def _pair(operation: Callable, x, other=None, alpha: float = 1.0, argument1=None):
    second = next(one for one in (other, argument1) if one is not None)
    return operation(x, alpha * second if alpha != 1 else second)


def _concat(*arrays, axis: int = 0, dim: int | None = None):
    return np.concatenate(arrays, axis if dim is None else dim)


SEVERAL = ("add", "subtract", "multiply", "divide", "concat", "matmul")  # kinds whose inputs are all operands
TAKES_TRAINING = ("batch_norm", "instance_norm")
WEIGHTS = dict.fromkeys(("linear", "layer_norm", "group_norm"), ("weight", "bias")) | {
    "batch_norm": ("running_mean", "running_var", "weight", "bias"),
    "instance_norm": ("running_mean", "running_var", "weight", "bias"),
    "rms_norm": ("weight",), "embedding": ("weight",), "prelu": ("weight",),
}  # fmt: skip
FORMS: dict[str, Callable] = {
    "linear": _linear, "embedding": _embedding, "batch_norm": _batch_norm, "instance_norm": _instance_norm,
    "group_norm": _group_norm, "layer_norm": _layer_norm, "rms_norm": _rms_norm, "prelu": _prelu,
    "relu": lambda x: np.maximum(x, 0), "relu6": lambda x: np.clip(x, 0, 6), "identity": lambda x: x,
    "leaky_relu": lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x), "elu": _elu, "celu": _celu,
    "selu": partial(_elu, **SELU), "gelu": _gelu, "silu": lambda x: x * expit(x),
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)), "sigmoid": expit, "tanh": np.tanh, "softplus": _softplus,
    "log_sigmoid": lambda x: -np.logaddexp(0, -x), "softsign": lambda x: x / (1 + np.abs(x)),
    "hardswish": lambda x: x * _hardsigmoid(x), "hardsigmoid": _hardsigmoid, "hardtanh": _hardtanh,
    "softmax": _softmax, "log_softmax": _log_softmax, "pad": pad, "interpolate": interpolate,
    "add": partial(_pair, np.add), "subtract": partial(_pair, np.subtract), "multiply": partial(_pair, np.multiply),
    "divide": partial(_pair, np.divide), "concat": _concat, "matmul": np.matmul,
}  # fmt: skip
for _n in (1, 2, 3):
    WEIGHTS |= {f"conv{_n}d": ("weight", "bias"), f"conv_transpose{_n}d": ("weight", "bias")}
    FORMS |= {
        f"conv{_n}d": partial(conv, _n), f"conv_transpose{_n}d": partial(conv_transpose, _n),
        f"max_pool{_n}d": partial(max_pool, _n), f"avg_pool{_n}d": partial(avg_pool, _n),
    }  # fmt: skip
