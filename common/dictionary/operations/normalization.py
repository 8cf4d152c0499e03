"""Entries of layers that normalise: batch, instance, layer, group, root mean square, local response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..entry import AFFINE, BIAS_ROW, NOT, ONE_MINUS, Contrast, Entry, argument, entry, setting, weight
from ..formula import Arrays, Call, Variants
from ..proof import Proof, proved, proved_layer, real
from .activation import channels

STATISTICS = ("running_mean", "running_var")
COUNTER = "num_batches_tracked"  # PyTorch alone counts batches; nothing computed depends on it
EPS = (1e-3, 1e-5, 1e-6, 1e-8, 1e-12)  # defaults in use
EPSILON = setting("eps", 1e-5, paddle="epsilon", kept="eps _epsilon")
MOMENTUM = setting("momentum", 0.1, paddle_default=0.9, turned=ONE_MINUS, decides=False)
RUNNING = (
    weight("running_mean", paddle="_mean", trained=False, suffix="w_1"),
    weight("running_var", paddle="_variance", trained=False, suffix="w_2"),
    weight(COUNTER, paddle="", trained=False),
)
INITIAL = {"weight": ("ones", "ones"), "bias": ("zeros", "zeros")}
FRESH = {"running_mean": ("zeros", "zeros"), "running_var": ("ones", "ones"), COUNTER: ("zeros", "zeros")}
CHANNELS = argument("num_features", decides=False)
FLAGS = tuple(
    argument(name, True, paddle="", decides=False, gives=weights)
    for name, weights in (("affine", ("weight", "bias")), ("track_running_stats", STATISTICS))
)


@dataclass(frozen=True)
class StatisticsRule:
    """How running statistics take in a batch: new = (1 − share) · old + share · batch's."""

    share: float
    unbiased: bool
    words: str  # where the share comes from; "" for what the layer says

    def __str__(self) -> str:
        if not self.share:
            return "does not update them"
        variance = "the unbiased variance" if self.unbiased else "the biased variance"
        return f"takes {variance} and {self.share:.6g} of the batch{f' ({self.words})' if self.words else ''}"

    def updated(self, old: Mapping[str, np.ndarray], batch: np.ndarray) -> np.ndarray:
        """Mean and variance after the batch, `[2, C]`."""
        axes = (0, *range(2, batch.ndim))
        fresh = np.stack([batch.mean(axes), batch.var(axes, ddof=int(self.unbiased))])
        return (1 - self.share) * stacked(old) + self.share * fresh


def stacked(statistics: Mapping[str, np.ndarray]) -> np.ndarray:
    """Running mean and variance, `[2, C]`."""
    return np.stack([np.asarray(statistics[name], np.float64) for name in STATISTICS])


def _normalized(x, axes, eps: float, variance: str = "biased", root: str = "around", given=None) -> np.ndarray:
    """(x − mean) / √(var + eps); with root="beside", / (√var + eps). given: statistics in place of those of x."""
    if given is None:
        mean, spread = x.mean(axes, keepdims=True), x.var(axes, keepdims=True, ddof=int(variance == "unbiased"))
    else:
        mean, spread = given
    return (x - mean) / (np.sqrt(spread + eps) if root == "around" else np.sqrt(spread) + eps)


def _affine(y: np.ndarray, held: Arrays, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Scaled and shifted, along the channels or, given `shape`, along the last axes."""

    def fitted(name: str, missing: float):
        if name not in held:
            return missing
        return held[name].reshape(shape) if shape else channels(held[name], y)

    return y * fitted("weight", 1.0) + fitted("bias", 0.0)


def _running(x: np.ndarray, held: Arrays) -> tuple[np.ndarray, np.ndarray] | None:
    return (channels(held["running_mean"], x), channels(held["running_var"], x)) if "running_mean" in held else None


def _batch_norm(x, held: Arrays, training: bool, eps: float = 1e-5, **rule) -> np.ndarray:
    axes = (0, *range(2, x.ndim))
    return _affine(_normalized(x, axes, eps, **rule, given=None if training else _running(x, held)), held)


def _instance_norm(x, held: Arrays, training: bool, eps: float = 1e-5, **rule) -> np.ndarray:
    axes = tuple(range(2, x.ndim))
    return _affine(_normalized(x, axes, eps, **rule, given=None if training else _running(x, held)), held)


def _group_norm(x, held: Arrays, num_groups: int, eps: float = 1e-5, **rule) -> np.ndarray:
    grouped = x.reshape(len(x), num_groups, -1)
    return _affine(_normalized(grouped, 2, eps, **rule).reshape(x.shape), held)


def _last(x: np.ndarray, held: Arrays, normalized_shape) -> tuple[int, ...]:
    """The shape that is normalised; Paddle keeps the weight of several axes flat."""
    if normalized_shape is None:
        return held["weight"].shape if "weight" in held else x.shape[-1:]
    return tuple(np.atleast_1d(normalized_shape).tolist())


def _layer_norm(x, held: Arrays, normalized_shape=None, eps: float = 1e-5, **rule) -> np.ndarray:
    shape = _last(x, held, normalized_shape)
    return _affine(_normalized(x, tuple(range(-len(shape), 0)), eps, **rule), held, shape)


def _rms_norm(x, held: Arrays, normalized_shape=None, eps: float = np.finfo(float).eps, root: str = "around"):
    shape = _last(x, held, normalized_shape)
    square = np.mean(x**2, tuple(range(-len(shape), 0)), keepdims=True)
    return _affine(x / (np.sqrt(square + eps) if root == "around" else np.sqrt(square) + eps), held, shape)


def _local_response_norm(x, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
    """x / (k + alpha · mean of the squares of `size` neighbouring channels)^beta, with zeros beyond the ends."""
    squares = np.pad(x**2, [(0, 0), (size // 2, (size - 1) // 2)] + [(0, 0)] * (x.ndim - 2))
    means = sum(squares[:, place : place + x.shape[1]] for place in range(size)) / size
    return x / (k + alpha * means) ** beta


def _other_norms(call: Call) -> Variants:
    if "running_mean" in call.weights:
        words = "the running statistics" if call.training else "the statistics of the batch"
        yield words, replace(call, training=not call.training)
    rules = {"the unbiased variance": {"variance": "unbiased"}, "eps beside the root": {"root": "beside"}}
    yield from ((words, call.told(**told)) for words, told in rules.items())
    yield " and ".join(rules), call.told(variance="unbiased", root="beside")
    yield from ((f"eps {eps:g}", call.told(eps=eps)) for eps in EPS)


def _of_axes(name: str, letter: str) -> str:
    return " ".join(f"nn.{name}{n}{letter}" for n in (1, 2, 3))


IMAGE = real(4, 6, 3, 2)
ENTRIES: tuple[Entry, ...] = (
    entry("batch_norm",
          f"{_of_axes('BatchNorm', 'd')} nn.SyncBatchNorm nn.modules.batchnorm._BatchNorm F.batch_norm batch_norm",
          f"{_of_axes('BatchNorm', 'D')} nn.BatchNorm nn.SyncBatchNorm F.batch_norm",
          (CHANNELS, EPSILON, MOMENTUM, *FLAGS,
           argument("training", False, torch="", paddle="use_global_stats", paddle_default=None, turned=NOT),
           argument("training", False),
           setting("activation", None, torch="", paddle="act", kept="- _act")),
          (*AFFINE, *RUNNING), paddle_order="num_features momentum eps",
          initial=INITIAL | FRESH, formula=_batch_norm, by_mode=True,
          operands=(*STATISTICS, "weight", "bias"), other_rules=_other_norms, float32={"eps": None, "momentum": None},
          differs=(Contrast("momentum", "share of the batch", "share of the old value, 1 minus PyTorch's"),
                   Contrast("running variance", "unbiased", "biased", "n/(n − 1) apart at convergence"),
                   Contrast("eps and momentum in float64", "exact", "rounded to float32"),
                   Contrast("one value for a channel", "refused in training", "taken")),
          proof=(Proof((IMAGE,), {"num_features": 6}, layer=True, modes=("eval", "training"),
                       names=("nn.BatchNorm2d", "nn.BatchNorm2D")),
                 Proof((real(5, 6),), {"num_features": 6, "eps": 1e-3}, layer=True, modes=("eval", "training")))),
    entry("instance_norm", f"{_of_axes('InstanceNorm', 'd')} F.instance_norm instance_norm",
          f"{_of_axes('InstanceNorm', 'D')} F.instance_norm",
          (CHANNELS, replace(EPSILON, paddle=("epsilon", "eps")), replace(MOMENTUM, attributes=("", "")),
           *(replace(flag, default_torch=False) for flag in FLAGS),
           argument("training", True, torch="use_input_stats", paddle="use_input_stats")),
          (weight("weight", paddle="scale", suffix="w_0"), BIAS_ROW,
           *(replace(statistic, paddle="", suffix="") for statistic in RUNNING[:2])),
          initial=INITIAL, formula=_instance_norm, by_mode=True, operands=(*STATISTICS, "weight", "bias"),
          other_rules=_other_norms, float32={"eps": None},
          differs=(Contrast("scale and shift by default", "none", "there"),
                   Contrast("running statistics", "if asked for", "none")),
          proof=Proof((IMAGE,), {"num_features": 6}, {"affine": True}, layer=True, modes=("eval", "training"),
                      names=("nn.InstanceNorm2d", "nn.InstanceNorm2D"))),
    entry("layer_norm", "nn.LayerNorm F.layer_norm layer_norm", "nn.LayerNorm F.layer_norm layer_norm",
          (setting("normalized_shape"), EPSILON, argument("elementwise_affine", True, decides=False)), AFFINE,
          initial=INITIAL, formula=_layer_norm, operands=("weight", "bias"), other_rules=_other_norms,
          float32={"eps": None},
          differs=(Contrast("weights of several axes", "of their shape", "flat"),),
          proof=(proved_layer(real(2, 3, 5), normalized_shape=5),
                 proved_layer(real(2, 3, 5), normalized_shape=[3, 5], eps=1e-3))),
    entry("group_norm", "nn.GroupNorm F.group_norm group_norm", "nn.GroupNorm F.group_norm group_norm",
          (setting("num_groups"), argument("num_channels", decides=False), EPSILON,
           argument("affine", True, decides=False)), AFFINE, initial=INITIAL,
          formula=_group_norm, operands=("weight", "bias"), other_rules=_other_norms,
          proof=proved_layer(IMAGE, num_groups=3, num_channels=6)),
    entry("rms_norm", "nn.RMSNorm F.rms_norm rms_norm", "F.rms_norm",
          (argument("normalized_shape"), setting("eps", None, paddle_default=1e-5, kept="eps _epsilon")),
          (weight("weight", suffix="w_0"),), recorded="RMSNorm", initial={"weight": ("ones", "ones")},
          formula=_rms_norm, operands=("weight",), other_rules=_other_norms,
          differs=(Contrast("eps, when it is not given", "that of the type of the values", "1e-5"),
                   Contrast("what the function returns", "the values", "(values, inverse root mean squares)")),
          proof=(Proof((real(4, 5), real(5, name="weight")), {"normalized_shape": [5], "eps": 1e-3}, without="paddle"),
                 Proof((real(4, 5),), {"normalized_shape": [5], "eps": 1e-3}, layer=True, without="paddle"))),
    entry("local_response_norm", "nn.LocalResponseNorm F.local_response_norm",
          "nn.LocalResponseNorm F.local_response_norm",
          (argument("size"), argument("alpha", 1e-4), argument("beta", 0.75), argument("k", 1.0)),
          formula=_local_response_norm,
          differs=(Contrast("gradient in float64", "exact", "divided by a float32 size", "it is a pool"),),
          proof=(proved_layer(IMAGE, size=2, alpha=0.1), proved(IMAGE, size=4, alpha=0.1, beta=0.5, k=2.0))),
)  # fmt: skip
