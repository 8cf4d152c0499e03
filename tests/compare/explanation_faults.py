"""Calls with a fault planted in one of two sides, and a part of the sentence that must explain it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from dualport.common.compare.explanation.call import Evidence
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

NAMES = ("paddle", "torch")
IMAGES, SQUARE, FLAT = (4, 3, 6, 7), (4, 4, 6, 6), (5, 6)


def drawn(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


@dataclass
class Planted:
    """A call of PyTorch's kind and another side that computes something else."""

    kind: str
    shape: tuple[int, ...]
    mine: object  # what the torch side computes: input → output
    other: object  # what the other side really computes
    says: str  # a part of the sentence that explains it
    settings: tuple[dict, dict] = ({}, {})
    weights: tuple[dict, dict] = ({}, {})
    training: bool = False
    more: list = field(default_factory=list)  # further inputs
    kinds: tuple[str, str] | None = None

    def evidence(self) -> Evidence:
        x = drawn(self.shape, 1)
        inputs = [x, *self.more]
        outputs = [function(*inputs).numpy() for function in (self.other, self.mine)]
        arrays = [one.numpy() for one in inputs]
        weights = tuple({name: one.numpy() for name, one in side.items()} for side in self.weights)
        return Evidence(NAMES, self.kinds or (self.kind, self.kind), (arrays, arrays), tuple(outputs), self.settings,
                        weights, self.training)  # fmt: skip


W, SMALL = drawn((4, 4, 3, 3), 2), drawn((6, 6), 4)
SCALE, SHIFT, MEAN, VAR = drawn((3,), 6), drawn((3,), 7), drawn((3,), 8), drawn((3,), 9).abs() + 0.5
AFFINE, TABLE = {"weight": SCALE, "bias": SHIFT}, drawn((9, 4), 10)
RUNNING = AFFINE | {"running_mean": MEAN, "running_var": VAR}
OTHER = drawn(FLAT, 11)
SAME_CONV = ({"padding": [1, 1]}, {"padding": [1, 1]})
CONV = ({"weight": W}, {"weight": W})
LATE = {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}
POOL = {"kernel_size": [3, 3], "stride": [2, 2], "padding": [1, 1]}


def batch_norm(
    x: Tensor, eps: float = 1e-5, training: bool = True, unbiased: bool = False, beside: bool = False
) -> Tensor:
    mean, var = (x.mean((0, 2, 3)), x.var((0, 2, 3), correction=int(unbiased))) if training else (MEAN, VAR)
    root = var.sqrt() + eps if beside else (var + eps).sqrt()
    return ((x.movedim(1, -1) - mean) / root * SCALE + SHIFT).movedim(-1, 1)


def resized(**told):
    return lambda x: F.interpolate(x, **told)


def asymmetric(x: Tensor) -> Tensor:
    """Paddle's align_mode 1 from 6 columns to 12: positions k / 2."""
    return torch.stack([x, (x + torch.cat([x[..., 1:], x[..., -1:]], -1)) / 2], -1).flatten(-2)


def norm_case(
    says: str, told: tuple[dict, dict] = ({}, {}), training: bool = True, really: dict | None = None, **rule
) -> Planted:
    own = {"training": training} | told[1]
    planted = own | rule | (really or {})
    return Planted("batch_norm", IMAGES, lambda x: batch_norm(x, **own), lambda x: batch_norm(x, **planted), says, told,
                   (RUNNING, RUNNING), training)  # fmt: skip


def conv_case(says: str, other, told=SAME_CONV, weights=CONV) -> Planted:
    mine = partial(F.conv2d, weight=weights[1]["weight"], padding=told[1]["padding"])
    return Planted("conv2d", SQUARE, mine, other, says, told, weights)


def pool_case(says: str, told: dict, average: bool = True) -> Planted:
    pool, kind = (F.avg_pool2d, "avg_pool2d") if average else (F.max_pool2d, "max_pool2d")
    return Planted(kind, IMAGES, lambda x: pool(x, 3, 2, 1), lambda x: pool(x, 3, 2, 1, **told), says, (POOL, POOL))


SHOWN = {
    "eps": norm_case("eps is 0.001 in paddle and 1e-05 in torch", ({"eps": 1e-3}, {"eps": 1e-5}), eps=1e-3),
    "a setting on one side": Planted(
        "hardsigmoid", FLAT, F.hardsigmoid, lambda x: (0.1666667 * x + 0.5).clamp(0, 1),
        "slope is 0.1666667 in paddle and not given in torch", ({"slope": 0.1666667}, {})),
    "two settings": conv_case(
        "padding is [0, 0] in paddle and [1, 1] in torch and stride is [2, 2] in paddle and [1, 1] in torch: with",
        lambda x: F.conv2d(x, W, stride=2),
        ({"padding": [0, 0], "stride": [2, 2], "groups": 1, "dilation": [1, 1]},
         {"padding": [1, 1], "stride": [1, 1], "groups": 1, "dilation": 1})),
    "a weight": Planted(
        "linear", FLAT, lambda x: x @ SMALL.T + 1, lambda x: x @ SMALL.T, "bias differs by 1",
        weights=({"weight": SMALL, "bias": torch.zeros(6)}, {"weight": SMALL, "bias": torch.ones(6)})),
    "no bias": Planted(
        "linear", FLAT, lambda x: x @ SMALL.T + 1, lambda x: x @ SMALL.T, "bias is missing in paddle: with paddle's",
        weights=({"weight": SMALL}, {"weight": SMALL, "bias": torch.ones(6)})),
    "kinds": Planted("", FLAT, lambda x: F.leaky_relu(x, 0.1), F.relu,
                     "paddle computes relu and torch leaky_relu (negative_slope 0.1)", ({}, {"negative_slope": 0.1}),
                     kinds=("relu", "leaky_relu")),
    "running statistics": norm_case("with the running statistics", really={"training": False}),
    "statistics of the batch": norm_case("with the statistics of the batch", training=False, really={"training": True}),
    "unbiased variance": norm_case("with the unbiased variance", unbiased=True),
    "eps beside the root": norm_case("with eps beside the root", eps=0.1, beside=True,
                                     told=({"eps": 0.1}, {"eps": 0.1})),
    "both": norm_case("with the unbiased variance and eps beside the root", eps=0.1, beside=True, unbiased=True,
                      told=({"eps": 0.1}, {"eps": 0.1})),
    "hidden eps": norm_case("with eps 0.001", eps=1e-3),
    "transposed": Planted("linear", FLAT, lambda x: x @ SMALL.T, lambda x: x @ SMALL, "its weight transposed",
                          weights=({"weight": SMALL}, {"weight": SMALL})),
    "bias left out": Planted("linear", FLAT, lambda x: x @ SMALL.T + 1, lambda x: x @ SMALL.T, "with no bias",
                             weights=({"weight": SMALL, "bias": torch.ones(6)},) * 2),
    "kernel reversed": conv_case("its kernel reversed", lambda x: F.conv2d(x, W.flip(2, 3), padding=1)),
    "kernel turned": conv_case("the axes of its kernel in the order (3, 2)",
                               lambda x: F.conv2d(x, W.transpose(2, 3), padding=1)),
    "channels exchanged": conv_case("the first two axes of its weight exchanged",
                                    lambda x: F.conv2d(x, W.transpose(0, 1), padding=1)),
    "padding mode": conv_case("padding mode replicate", lambda x: F.conv2d(F.pad(x, (1,) * 4, mode="replicate"), W)),
    "padding of axes": conv_case(
        "padding from the last axis to the first", lambda x: F.conv2d(x, W, padding=(2, 1)),
        ({"padding": [1, 2]},) * 2),
    "padding of ends": Planted(
        "conv2d", SQUARE, lambda x: F.conv2d(F.pad(x, (2, 0, 1, 3)), W), lambda x: F.conv2d(F.pad(x, (1, 3, 2, 0)), W),
        "padding in pairs from the other end", ({"padding": [1, 3, 2, 0]},) * 2, CONV),
    "padding not counted": pool_case("the padding not counted", {"count_include_pad": False}),
    "ceil_mode": pool_case("ceil_mode True", {"ceil_mode": True}, average=False),
    "divisor": Planted(
        "avg_pool2d", IMAGES, partial(F.avg_pool2d, **LATE, count_include_pad=False),
        partial(F.avg_pool2d, **LATE, divisor_override=9), "every window divided by 9",
        (LATE | {"count_include_pad": False},) * 2),
    "the mean": Planted("max_pool2d", IMAGES, lambda x: F.max_pool2d(x, 2), lambda x: F.avg_pool2d(x, 2),
                        "the mean of each window", ({"kernel_size": 2},) * 2),
    "windows in the padding": Planted(
        "max_pool1d", (2, 3, 5), lambda x: F.max_pool1d(x, 2, 3, 1, ceil_mode=True),
        lambda x: F.pad(x, (1, 3), value=-np.inf).unfold(-1, 2, 3).amax(-1).nan_to_num(neginf=np.finfo(np.float32).min),
        "windows that start in the padding", ({"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},) * 2),
    "list of pads": Planted("pad", IMAGES, lambda x: F.pad(x, (1, 2, 0, 3)), lambda x: F.pad(x, (0, 3, 1, 2)),
                            "the list of pads from the first axis to the last", ({"padding": [1, 2, 0, 3]},) * 2),
    "pad mode": Planted(
        "pad", IMAGES, lambda x: F.pad(x, (1, 2, 2, 1)), lambda x: F.pad(x, (1, 2, 2, 1), mode="reflect"),
        "mode reflect", ({"padding": [1, 2, 2, 1]},) * 2),
    "align_corners": Planted(
        "interpolate", IMAGES, resized(size=(9, 8), mode="bilinear"),
        resized(size=(9, 8), mode="bilinear", align_corners=True), "align_corners True",
        ({"size": [9, 8], "mode": "bilinear"},) * 2),
    "align_mode": Planted("interpolate", (2, 3, 6), resized(scale_factor=2.0, mode="linear"), asymmetric,
                          "align_mode 1", ({"scale_factor": 2.0, "mode": "linear"},) * 2),
    "nearest": Planted("interpolate", IMAGES, resized(size=(9, 8)), resized(size=(9, 8), mode="nearest-exact"),
                       "mode nearest-exact", ({"size": [9, 8], "mode": "nearest"},) * 2),
    "side of length 1": Planted(
        "interpolate", IMAGES, resized(size=(1, 9), mode="bilinear"),
        lambda x: F.interpolate(x[:, :, :1], (1, 9), mode="bilinear"), "the first element",
        ({"size": [1, 9], "mode": "bilinear"},) * 2),
    "softmax axis": Planted("softmax", (3, 4, 4), lambda x: x.softmax(-1), lambda x: x.softmax(1), "with axis 1",
                            ({"axis": -1},) * 2),
    "no logarithm": Planted("log_softmax", (3, 4, 4), lambda x: x.log_softmax(-1), lambda x: x.softmax(-1),
                            "with softmax in its place", ({"axis": -1},) * 2),
    "exchanged inputs": Planted("subtract", FLAT, torch.sub, lambda x, y: y - x, "its two inputs exchanged",
                                more=[OTHER]),
    "join order": Planted("concat", FLAT, lambda x, y: torch.cat([x, y], 1), lambda x, y: torch.cat([y, x], 1),
                          "its two inputs exchanged", ({"axis": 1},) * 2, more=[OTHER]),
    "join axis": Planted("concat", FLAT, lambda x, y: torch.cat([x, y], 1), lambda x, y: torch.cat([x, y], 0),
                         "with axis 0", ({"dim": 1},) * 2, more=[OTHER]),
    "padding_idx": Planted(
        "embedding", (4, 5), lambda x: x, lambda x: x, "zeros at padding_idx", ({"padding_idx": 2},) * 2,
        ({"weight": TABLE},) * 2),
    "gelu": Planted("gelu", FLAT, F.gelu, lambda x: F.gelu(x, approximate="tanh"),
                    "gelu computes gelu (approximate tanh)"),
    "another activation": Planted("relu", FLAT, F.relu, F.silu, "paddle's relu computes silu"),
    "slope": Planted("leaky_relu", (5, 8), lambda x: F.leaky_relu(x, 0.01), lambda x: F.leaky_relu(x, 0.237),
                     "paddle's leaky_relu has the slope 0.237 for negative", ({"negative_slope": 0.01},) * 2),
    "slopes of channels": Planted(
        "prelu", (20, 3, 4), lambda x: F.prelu(x, torch.full((3,), 0.25).double()), lambda x: F.prelu(x, SCALE),
        "paddle's prelu has the slopes by channel", weights=({"weight": torch.full((3,), 0.25).double()},) * 2),
    "dropout's scale": Planted("dropout", FLAT, lambda x: x, lambda x: x / 0.9, "1 / (1 − p)", ({"p": 0.1},) * 2),
    "halved": Planted("exotic", FLAT, torch.sin, lambda x: torch.sin(x) / 2, "0.5 times torch's"),
    "negative": Planted("exotic", FLAT, torch.sin, lambda x: -torch.sin(x), "the negative of torch's"),
    "offset": Planted("exotic", FLAT, torch.sin, lambda x: torch.sin(x) + 0.25, "torch's output plus 0.25"),
    "reversed": Planted("exotic", IMAGES, torch.sin, lambda x: torch.sin(x).flip(1), "reversed along axis 1"),
    "turned by 180°": Planted("exotic", IMAGES, torch.sin, lambda x: torch.sin(x).flip(2, 3), "along axes 2, 3"),
    "rolled": Planted("exotic", IMAGES, torch.sin, lambda x: torch.sin(x).roll(2, 3), "rolled by 2 along axis 3"),
    "axes": Planted("exotic", IMAGES, torch.sin, lambda x: torch.sin(x).permute(0, 2, 3, 1),
                    "in the order (0, 2, 3, 1)"),
    "square axes": Planted("exotic", SQUARE, torch.sin, lambda x: torch.sin(x).transpose(2, 3),
                           "in the order (0, 1, 3, 2)"),
    "shape alone": Planted("exotic", IMAGES, torch.sin, lambda x: torch.sin(x).flatten(1), "in the shape (4, 126)"),
    "flatten of other axes": Planted(
        "reshape", IMAGES, lambda x: x.flatten(1), lambda x: x.permute(0, 2, 3, 1).flatten(1),
        "paddle takes the axes of its input in the order (0, 2, 3, 1)"),
}  # fmt: skip


def evidence_of(name: str) -> Evidence:
    planted = SHOWN[name]
    if name == "padding_idx":
        index = (drawn((4, 5), 1).abs() * 9).long() % 9
        outputs = torch.where((index == 2)[..., None], 0.0, TABLE[index]), TABLE[index]
        return replace(planted.evidence(), inputs=([index.numpy()],) * 2, outputs=tuple(one.numpy() for one in outputs))
    return planted.evidence()
