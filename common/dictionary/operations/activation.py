"""Entries of activations: value by value, or over one axis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..entry import Contrast, Entry, Turned, argument, entry, rounded, setting, weight
from ..formula import Arrays, Call, Variants
from ..proof import Proof, proved, proved_layer, real

X = real(3, 4, 5)
HARDSIGMOID_SLOPE = rounded(0.1666667)  # Paddle's own digits; PyTorch has a sixth
SELU = {"alpha": 1.6732632423543772, "scale": 1.0507009873554805}
APPROXIMATE = Turned(
    "'tanh' is True", lambda value: "tanh" if value in (True, "tanh") else "none", lambda value: value == "tanh"
)
AXIS = setting("axis", None, torch="dim", paddle_default=-1, kept="dim _axis")


def channels(values: np.ndarray, x: np.ndarray) -> np.ndarray:
    """One value for each channel, against `[N, C, …]`."""
    return np.reshape(values, (1, -1) + (1,) * (x.ndim - 2))


def _prelu(x: np.ndarray, held: Arrays) -> np.ndarray:
    slope = held["weight"]
    return np.where(x > 0, x, x * (slope.ravel()[0] if slope.size == 1 else channels(slope, x)))


def _leaky_relu(x, negative_slope: float = 0.01):
    return np.where(x > 0, x, negative_slope * x)


def _elu(x, alpha: float = 1.0, scale: float = 1.0):
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def _selu(x, alpha: float = SELU["alpha"], scale: float = SELU["scale"]):
    return _elu(x, alpha, scale)


def _celu(x, alpha: float = 1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) / alpha))


def _gelu(x, approximate: str | bool = "none"):
    if approximate in ("tanh", True):
        return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    if approximate not in ("none", False):
        raise ValueError(approximate)
    from scipy.special import erf

    return x / 2 * (1 + erf(x / np.sqrt(2)))


def sigmoid(x):
    """1 / (1 + exp(−x))"""
    from scipy.special import expit

    return expit(x)


def _silu(x):
    return x * sigmoid(x)


def _softplus(x, beta: float = 1.0, threshold: float = 20.0):
    return np.where(x * beta > threshold, x, np.logaddexp(0, beta * x) / beta)


def _hardsigmoid(x, slope: float = 1 / 6, offset: float = 0.5):
    return np.clip(slope * x + offset, 0, 1)


def _hardtanh(x, **ends):
    """`clip` with one end leaves the other open; without any it is the layer, from −1 to 1."""
    if set(ends) - {"min", "max"}:
        raise TypeError(str(ends))
    low, high = (ends.get("min", -np.inf), ends.get("max", np.inf)) if ends else (-1, 1)
    return np.clip(x, low, high)


def _glu(x, axis: int = -1):
    value, gate = np.split(x, 2, axis)
    return value * sigmoid(gate)


def _softmax(x, axis: int = -1):
    raised = np.exp(x - x.max(axis, keepdims=True))
    return raised / raised.sum(axis, keepdims=True)


def _log_softmax(x, axis: int = -1):
    lowered = x - x.max(axis, keepdims=True)
    return lowered - np.log(np.exp(lowered).sum(axis, keepdims=True))


def _other_axes(call: Call) -> Variants:
    for axis in range(call.inputs[0].ndim):
        yield f"axis {axis}", call.told(axis=axis)
    other = LOG_SOFTMAX if call.kind == "softmax" else SOFTMAX
    yield f"{other.kind} in its place", replace(call, entry=other)


def _other_slopes(call: Call) -> Variants:
    for slope in (1 / 6, 0.1666667, 0.2, HARDSIGMOID_SLOPE, rounded(0.2)):
        yield f"slope {slope:.9g}", call.told(slope=slope, offset=0.5)


def _by_value(kind: str, torch: str, paddle: str, formula: Callable, *arguments, **more) -> Entry:
    """An activation that works value by value, proved as a layer and as a function."""
    common = {"proof": (proved_layer(X), proved(X)), "activation": True, "pointwise": ({},)}
    return entry(kind, torch, paddle, arguments, formula=formula, **common | more)


CLIPPED = Proof((X,), torch={"min": 0.1}, paddle={"min": 0.1}, names=("clamp", "clip"), formula=False,
                bound="diagnosis reproduces it")  # fmt: skip


def _both_ways(**arguments) -> tuple[Proof, Proof]:
    return proved_layer(X, **arguments), proved(X, **arguments)


SOFTMAX = entry("softmax", "nn.Softmax F.softmax softmax .softmax", "nn.Softmax F.softmax softmax .softmax", (AXIS,),
                formula=_softmax, other_rules=_other_axes, positions={"softmax": "axis"},
                differs=(Contrast("axis, when it is not given", "0 for 0, 1 and 3 axes, else 1", "the last"),),
                proof=_both_ways(axis=1))  # fmt: skip
LOG_SOFTMAX = entry("log_softmax", "nn.LogSoftmax F.log_softmax log_softmax .log_softmax",
                    "nn.LogSoftmax F.log_softmax", (AXIS,), formula=_log_softmax, other_rules=_other_axes,
                    positions={"log_softmax": "axis"}, differs=SOFTMAX.differs, proof=_both_ways(axis=1))  # fmt: skip

ENTRIES: tuple[Entry, ...] = (
    _by_value("relu", "nn.ReLU F.relu relu .relu", "nn.ReLU F.relu", lambda x: np.maximum(x, 0), kink="sign",
              exact=True),
    _by_value("relu6", "nn.ReLU6 F.relu6", "nn.ReLU6 F.relu6", lambda x: np.clip(x, 0, 6), kink="sign"),
    _by_value("leaky_relu", "nn.LeakyReLU F.leaky_relu", "nn.LeakyReLU F.leaky_relu", _leaky_relu,
              setting("negative_slope", 0.01), kink="sign", positions={"leaky_relu": "negative_slope"},
              differs=(Contrast("gradient at 0", "the slope", "1", "0 belongs to the other branch"),),
              proof=_both_ways(negative_slope=0.2)),
    _by_value("prelu", "nn.PReLU F.prelu prelu .prelu", "nn.PReLU F.prelu", _prelu,
              argument("num_parameters", 1, decides=False), argument("init", 0.25, decides=False), kink="sign",
              weights=(weight("weight", paddle="_weight", suffix="w_0"),), operands=("weight",), pointwise=(),
              initial={"weight": ("quarter", "quarter")},
              proof=(proved_layer(X, num_parameters=4), proved(X, real(4)))),
    _by_value("elu", "nn.ELU F.elu", "nn.ELU F.elu", _elu, setting("alpha", 1.0), kink="sign",
              float32={"alpha": None},
              proof=_both_ways(alpha=0.7)),
    _by_value("celu", "nn.CELU F.celu celu", "nn.CELU F.celu", _celu, setting("alpha", 1.0), kink="sign",
              float32={"alpha": None}, positions={"celu": "alpha"}, pointwise=(), proof=_both_ways(alpha=0.7)),
    _by_value("selu", "nn.SELU F.selu selu", "nn.SELU F.selu", _selu,
              *(argument(name, value, torch="") for name, value in reversed(SELU.items())), kink="sign",
              float32={name: rounded(value) for name, value in SELU.items()}),
    _by_value("gelu", "nn.GELU F.gelu", "nn.GELU F.gelu", _gelu,
              setting("approximate", "none", paddle_default=False, turned=APPROXIMATE),
              pointwise=({"approximate": "none"}, {"approximate": "tanh"}),
              proof=(*_both_ways(), *_both_ways(approximate="tanh"))),
    _by_value("silu", "nn.SiLU F.silu", "nn.Silu nn.Swish F.silu F.swish", _silu),
    _by_value("mish", "nn.Mish F.mish", "nn.Mish F.mish", lambda x: x * np.tanh(np.logaddexp(0, x))),
    _by_value("sigmoid", "nn.Sigmoid sigmoid F.sigmoid .sigmoid", "nn.Sigmoid F.sigmoid sigmoid .sigmoid", sigmoid),
    _by_value("log_sigmoid", "nn.LogSigmoid F.logsigmoid", "nn.LogSigmoid F.log_sigmoid F.logsigmoid",
              lambda x: -np.logaddexp(0, -x)),
    _by_value("tanh", "nn.Tanh tanh F.tanh .tanh", "nn.Tanh F.tanh tanh .tanh", np.tanh),
    _by_value("softplus", "nn.Softplus F.softplus", "nn.Softplus F.softplus", _softplus, setting("beta", 1.0),
              setting("threshold", 20.0), proof=_both_ways(beta=1.5)),
    _by_value("softsign", "nn.Softsign F.softsign", "nn.Softsign F.softsign", lambda x: x / (1 + np.abs(x))),
    _by_value("hardswish", "nn.Hardswish F.hardswish", "nn.Hardswish F.hardswish", lambda x: x * _hardsigmoid(x),
              kink="sign"),
    _by_value("hardsigmoid", "nn.Hardsigmoid F.hardsigmoid", "nn.Hardsigmoid F.hardsigmoid", _hardsigmoid,
              argument("slope", 1 / 6, torch="", paddle_default=0.1666667), argument("offset", 0.5, torch=""),
              kink="sign", float32={"slope": HARDSIGMOID_SLOPE}, other_rules=_other_slopes,
              differs=(Contrast("slope", "1/6", "0.1666667, kept in float32", "6e-8 apart in float64 too"),)),
    _by_value("hardtanh", "nn.Hardtanh F.hardtanh clamp clip .clamp .clip",
              "nn.Hardtanh F.hardtanh clip clamp .clip .clamp", _hardtanh,
              setting("min", -1.0, torch="min_val min", kept="min_val _min"),
              setting("max", 1.0, torch="max_val max", kept="max_val _max"), kink="sign",
              float32={"min": None, "max": None},  # of hardtanh; clip has them whole
              positions={"clamp": "min max", "clip": "min max"},
              proof=(*_both_ways(min=-0.5, max=0.8), CLIPPED)),
    entry("glu", "nn.GLU F.glu", "nn.GLU F.glu", (setting("axis", -1, torch="dim", kept="dim _axis"),), formula=_glu,
          proof=(proved_layer(real(3, 4, 6)), proved(real(3, 4, 6), axis=1))),
    SOFTMAX,
    LOG_SOFTMAX,
)  # fmt: skip


def _hardshrink(x, lambd: float = 0.5):
    return np.where(np.abs(x) > lambd, x, 0)


def _threshold(x, threshold: float = 1.0, value: float = 0.0):
    return np.where(x > threshold, x, value)


def _rrelu(x, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False):
    """Without training: x for x > 0, else (lower + upper) / 2 · x"""
    return np.where(x > 0, x, (lower + upper) / 2 * x)


def _both(
    kind: str, torch: str, paddle: str, formula: Callable, *arguments, tried: dict | None = None, **more
) -> Entry:
    """Proved as a layer and as a function; today's recorder does not try it in another's place."""
    common = {"kink": "sign", "proof": _both_ways(**tried or {})}
    return entry(kind, torch, paddle, arguments, formula=formula, **common | more)


LAMBDA = setting("lambd", 0.5, paddle="threshold", kept="lambd _threshold")
ENTRIES += (
    _both("hardshrink", "nn.Hardshrink F.hardshrink", "nn.Hardshrink F.hardshrink", _hardshrink, LAMBDA,
          differs=(Contrast("gradient at ±lambd", "0", "±lambd"),), tried={"lambd": 0.25}),
    _both("softshrink", "nn.Softshrink F.softshrink", "nn.Softshrink F.softshrink",
          lambda x, lambd=0.5: np.sign(x) * np.maximum(np.abs(x) - lambd, 0), LAMBDA, tried={"lambd": 0.25}),
    _both("tanhshrink", "nn.Tanhshrink F.tanhshrink", "nn.Tanhshrink F.tanhshrink", lambda x: x - np.tanh(x), kink=""),
    _both("threshold", "nn.Threshold F.threshold", "nn.ThresholdedReLU F.thresholded_relu", _threshold,
          setting("threshold", paddle_default=1.0), setting("value", paddle_default=0.0),
          tried={"threshold": 0.25, "value": -0.5}),
    _both("rrelu", "nn.RReLU F.rrelu", "nn.RReLU F.rrelu", _rrelu, setting("lower", 1 / 8), setting("upper", 1 / 3),
          argument("training", False, paddle_default=True), draws="slopes",
          proof=(proved_layer(X, lower=0.25, upper=0.5), proved(X, lower=0.25, upper=0.5, training=False),
                 Proof((real(200, 100),), {"training": True}, distribution=True, gradients=False, formula=False))),
    _both("softmax2d", "nn.Softmax2d", "nn.Softmax2D", lambda x: _softmax(x, -3), kink="",
          proof=proved_layer(real(2, 3, 4, 5))),
    entry("gumbel_softmax", "F.gumbel_softmax", "F.gumbel_softmax",
          (argument("tau", 1, paddle="temperature"), argument("hard", False),
           argument("eps", 1e-10, paddle=""), argument("axis", -1, torch="dim")), draws="gumbel",
          differs=(Contrast("gradient", "that of softmax over tau", "not divided by temperature"),
                   Contrast("gradient where hard", "that of what is not hard", "0")),
          proof=tuple(Proof((real(2000, 10, fixed=True),), {"tau": 0.5, "hard": hard}, distribution=True,
                            gradients=False) for hard in (False, True))),
)  # fmt: skip
