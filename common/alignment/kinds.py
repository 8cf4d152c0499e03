"""The kinds of layers and operations that both frameworks have, under one name each, as data.

A kind names the classes of each framework, its weights in PyTorch's conventions, and the settings that decide what it
computes. A weight is given as (PyTorch's name, Paddle's name, whether Paddle keeps it transposed); a setting as
(PyTorch's attribute, Paddle's). Attributes were read off torch 2.13 and Paddle 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Names = tuple[str, ...]
DIMENSIONS = (1, 2, 3)


@dataclass(frozen=True)
class Kind:
    """One kind of layer. The inner calls of one are its own affair, and are not recorded."""

    name: str
    torch: Names
    paddle: Names
    weights: Mapping[str, tuple[str, str, bool]] = field(default_factory=dict)
    settings: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def _same(*names: str) -> dict[str, tuple[str, str, bool]]:
    """Weights that have one name and one layout in both."""
    return {name: (name, name, False) for name in names}


def _twins(*names: str) -> dict[str, tuple[str, str]]:
    """Settings that Paddle keeps under PyTorch's name with an underscore before it."""
    return {name: (name, f"_{name}") for name in names}


_AFFINE = _same("weight", "bias")
_STATISTICS = {"running_mean": ("running_mean", "_mean", False), "running_var": ("running_var", "_variance", False)}
_WINDOW = {"kernel_size": ("kernel_size", "ksize"), "stride": ("stride", "stride"), "padding": ("padding", "padding")}
_EPS = {"eps": ("eps", "_epsilon")}
# PyTorch's momentum is the share of the new batch; `settings.py` turns Paddle's, the share of the old value, round.
_NORM = _EPS | {"momentum": ("momentum", "_momentum")}
_RECURRENT = {
    "hidden_size": ("hidden_size", "hidden_size"),
    "num_layers": ("num_layers", "num_layers"),
    "dropout": ("dropout", "dropout"),
    "batch_first": ("batch_first", "time_major"),
    "bidirectional": ("bidirectional", "num_directions"),
}
_CELL = _same("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def _layers() -> list[Kind]:
    found = [
        Kind("linear", ("Linear",), ("Linear",),
             {"weight": ("weight", "weight", True), "bias": ("bias", "bias", False)}),
        Kind("bilinear", ("Bilinear",), ("Bilinear",), _AFFINE),
        Kind("batch_norm", ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm", "_BatchNorm"),
             ("BatchNorm1D", "BatchNorm2D", "BatchNorm3D", "BatchNorm", "SyncBatchNorm"), _AFFINE | _STATISTICS, _NORM),
        Kind("instance_norm", ("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"),
             ("InstanceNorm1D", "InstanceNorm2D", "InstanceNorm3D"),
             {"weight": ("weight", "scale", False), "bias": ("bias", "bias", False),
              "running_mean": ("running_mean", "", False), "running_var": ("running_var", "", False)}, _EPS),
        Kind("layer_norm", ("LayerNorm",), ("LayerNorm",), _AFFINE, _EPS | _twins("normalized_shape")),
        Kind("group_norm", ("GroupNorm",), ("GroupNorm",), _AFFINE, _EPS | _twins("num_groups")),
        Kind("rms_norm", ("RMSNorm",), ("RMSNorm",), _same("weight"), _EPS),
        Kind("embedding", ("Embedding",), ("Embedding",), _same("weight"), _twins("padding_idx")),
        Kind("prelu", ("PReLU",), ("PReLU",), {"weight": ("weight", "_weight", False)}),
        Kind("lstm", ("LSTM",), ("LSTM",), {}, _RECURRENT),
        Kind("gru", ("GRU",), ("GRU",), {}, _RECURRENT),
        Kind("rnn", ("RNN",), ("SimpleRNN",), {}, _RECURRENT | {"nonlinearity": ("nonlinearity", "mode")}),
        Kind("lstm_cell", ("LSTMCell",), ("LSTMCell",), _CELL),
        Kind("gru_cell", ("GRUCell",), ("GRUCell",), _CELL),
        Kind("rnn_cell", ("RNNCell",), ("SimpleRNNCell",), _CELL),
        Kind("attention", ("MultiheadAttention",), ("MultiHeadAttention",), {},
             {"num_heads": ("num_heads", "num_heads"), "dropout": ("dropout", "dropout")}),
        Kind("dropout", ("Dropout",), ("Dropout",), {}, {"p": ("p", "p"), "mode": ("", "mode")}),
        Kind("alpha_dropout", ("AlphaDropout",), ("AlphaDropout",), {}, {"p": ("p", "p")}),
        Kind("relu", ("ReLU",), ("ReLU",)),
        Kind("relu6", ("ReLU6",), ("ReLU6",)),
        Kind("leaky_relu", ("LeakyReLU",), ("LeakyReLU",), {}, _twins("negative_slope")),
        Kind("elu", ("ELU",), ("ELU",), {}, _twins("alpha")),
        Kind("celu", ("CELU",), ("CELU",), {}, _twins("alpha")),
        Kind("selu", ("SELU",), ("SELU",)),
        Kind("gelu", ("GELU",), ("GELU",), {}, _twins("approximate")),
        Kind("silu", ("SiLU",), ("Silu", "Swish")),
        Kind("mish", ("Mish",), ("Mish",)),
        Kind("sigmoid", ("Sigmoid",), ("Sigmoid",)),
        Kind("log_sigmoid", ("LogSigmoid",), ("LogSigmoid",)),
        Kind("tanh", ("Tanh",), ("Tanh",)),
        Kind("softplus", ("Softplus",), ("Softplus",), {}, _twins("beta", "threshold")),
        Kind("softsign", ("Softsign",), ("Softsign",)),
        Kind("hardswish", ("Hardswish",), ("Hardswish",)),
        Kind("hardsigmoid", ("Hardsigmoid",), ("Hardsigmoid",)),
        Kind("hardtanh", ("Hardtanh",), ("Hardtanh",), {}, {"min": ("min_val", "_min"), "max": ("max_val", "_max")}),
        Kind("glu", ("GLU",), ("GLU",), {}, {"axis": ("dim", "_axis")}),
        Kind("softmax", ("Softmax",), ("Softmax",), {}, {"axis": ("dim", "_axis")}),
        Kind("log_softmax", ("LogSoftmax",), ("LogSoftmax",), {}, {"axis": ("dim", "_axis")}),
        Kind("interpolate", ("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d"),
             ("Upsample", "UpsamplingNearest2D", "UpsamplingBilinear2D"), {},
             {name: (name, name) for name in ("size", "scale_factor", "mode", "align_corners")}),
        Kind("pixel_shuffle", ("PixelShuffle",), ("PixelShuffle",), {},
             {"factor": ("upscale_factor", "_upscale_factor")}),
        Kind("channel_shuffle", ("ChannelShuffle",), ("ChannelShuffle",)),
        Kind("reshape", ("Flatten", "Unflatten"), ("Flatten", "Unflatten")),
        Kind("identity", ("Identity",), ("Identity",)),
    ]  # fmt: skip
    for n in DIMENSIONS:
        window = _twins("stride", "padding", "dilation", "groups", "padding_mode")
        found += [
            Kind(f"conv{n}d", (f"Conv{n}d",), (f"Conv{n}D",), _AFFINE, window),
            Kind(f"conv_transpose{n}d", (f"ConvTranspose{n}d",), (f"Conv{n}DTranspose",), _AFFINE,
                 window | {"output_padding": ("output_padding", "output_padding")}),
            Kind(f"max_pool{n}d", (f"MaxPool{n}d",), (f"MaxPool{n}D",), {},
                 _WINDOW | {"ceil_mode": ("ceil_mode", "ceil_mode")}),
            Kind(f"avg_pool{n}d", (f"AvgPool{n}d",), (f"AvgPool{n}D",), {},
                 _WINDOW | {"ceil_mode": ("ceil_mode", "ceil_mode"),
                            "count_include_pad": ("count_include_pad", "exclusive")}),
            Kind(f"adaptive_avg_pool{n}d", (f"AdaptiveAvgPool{n}d",), (f"AdaptiveAvgPool{n}D",), {},
                 _twins("output_size")),
            Kind(f"adaptive_max_pool{n}d", (f"AdaptiveMaxPool{n}d",), (f"AdaptiveMaxPool{n}D",), {},
                 _twins("output_size")),
            Kind("pad",
                 tuple(f"{mode}Pad{n}d" for mode in ("Constant", "Zero", "Reflection", "Replication", "Circular")),
                 (f"Pad{n}D", f"ZeroPad{n}D"), {},
                 {"padding": ("padding", "padding"), "mode": ("", "_mode"), "value": ("value", "value")}),
        ]  # fmt: skip
        if n > 1:
            found.append(Kind("channel_dropout", (f"Dropout{n}d",), (f"Dropout{n}D",), {}, {"p": ("p", "p")}))
    return found


LAYERS = _layers()
_BY_CLASS = {
    framework: {name: kind for kind in LAYERS for name in getattr(kind, framework)} for framework in ("torch", "paddle")
}
RECURRENT = ("lstm", "gru", "rnn")


def layer_kind(framework: str, classes: Names) -> Kind | None:
    """The kind of a layer, from the names of its library classes, nearest first; None of one that is the user's own."""
    return next((_BY_CLASS[framework][name] for name in classes if name in _BY_CLASS[framework]), None)
