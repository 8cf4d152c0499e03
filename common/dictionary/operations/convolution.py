"""Entries of convolutions and transposed convolutions, one for each number of axes, and of their windows as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import permutations
from typing import Any

import numpy as np

from ..entry import AFFINE, Argument, Contrast, Entry, argument, entry, setting
from ..formula import Call, Variants
from ..proof import Proof, proved, proved_layer, real
from ..windows import MODES, batched, each, kernel_places, pairs_around, reversed_lists
from .linear import BIASED, UNIFORM

# They decide the shape of the weight, and nothing beyond it.
CHANNELS = tuple(argument(name, decides=False) for name in ("in_channels", "out_channels", "kernel_size"))
WINDOW = {name: setting(name, default) for name, default in
          (("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1), ("padding_mode", "zeros"))}  # fmt: skip
SIZES = (32, 28, 64, 224, 16, 96, 128, 192, 256, 299, 8)  # of images that are tried, the usual ones first
GROUPS = Contrast("fan of the first weights, with groups", "channels of a group", "all channels: a smaller deviation")
SAME = Contrast("padding 'same'", "no stride; dilation kept", "TensorFlow's rule for strides; dilation becomes 1")


def _mix(weight: np.ndarray, x: np.ndarray) -> np.ndarray:
    """`[M, C]` applied to the channels of `[N, C, …]`."""
    return np.moveaxis(np.tensordot(weight, x, (1, 1)), 0, 1)


def _shifted(y: np.ndarray, held: dict, n: int, x: np.ndarray) -> np.ndarray:
    y = y + held["bias"].reshape(-1, *(1,) * n) if "bias" in held else y
    return y if x.ndim == n + 2 else y[0]


def conv(n: int, x, held: dict, stride=1, padding=0, dilation=1, groups: int = 1, padding_mode: str = "zeros"):
    weight, whole = held["weight"], batched(x, n)
    kernel, stride, dilation = weight.shape[2:], each(stride, n), each(dilation, n)
    around = pairs_around(padding, n, whole.shape[2:], kernel, stride, dilation)
    padded = np.pad(whole, [(0, 0), (0, 0), *around], MODES[padding_mode])
    counts = [(size - d * (k - 1) - 1) // s + 1
              for size, k, s, d in zip(padded.shape[2:], kernel, stride, dilation, strict=True)]  # fmt: skip
    parts = []
    for part, rows in zip(np.split(padded, groups, 1), np.split(weight, groups), strict=True):
        places = kernel_places(kernel, stride, dilation, counts)
        parts.append(sum(_mix(rows[(..., *place)], part[(..., *where)]) for place, where in places))
    return _shifted(np.concatenate(parts, 1), held, n, x)


def conv_transpose(n: int, x, held: dict, stride=1, padding=0, output_padding=0, groups: int = 1, dilation=1,
                   padding_mode: str = "zeros"):  # fmt: skip
    weight, whole = held["weight"], batched(x, n)
    if padding_mode != "zeros" or isinstance(padding, str):
        raise ValueError(f"{padding_mode} {padding}")
    kernel, stride, dilation = weight.shape[2:], each(stride, n), each(dilation, n)
    sides, extra = whole.shape[2:], each(output_padding, n)
    around = pairs_around(padding, n, sides, kernel, stride, dilation)
    full = [(size - 1) * s + d * (k - 1) + 1 + e
            for size, s, d, k, e in zip(sides, stride, dilation, kernel, extra, strict=True)]  # fmt: skip
    parts = []
    for part, rows in zip(np.split(whole, groups, 1), np.split(weight, groups), strict=True):
        grown = np.zeros((len(whole), weight.shape[1], *full))
        for place, where in kernel_places(kernel, stride, dilation, sides):
            grown[(..., *where)] += _mix(rows[(..., *place)].T, part)
        parts.append(grown)
    inside = tuple(slice(a, size - b) for (a, b), size in zip(around, full, strict=True))
    return _shifted(np.concatenate(parts, 1)[(..., *inside)], held, n, x)


def _other_convolutions(call: Call) -> Variants:
    weight = call.weights.get("weight")
    if weight is not None and weight.ndim > 2:
        spatial = tuple(range(2, weight.ndim))
        yield "its kernel reversed along every axis", call.weighing(np.flip(weight, spatial))
        yield "the first two axes of its weight exchanged", call.weighing(weight.swapaxes(0, 1))
        for order in permutations(spatial):
            if order != spatial:
                yield f"the axes of its kernel in the order {order}", call.weighing(weight.transpose(0, 1, *order))
    for mode in ("zeros", "reflect", "replicate", "circular"):
        yield f"padding mode {mode}", call.told(padding_mode=mode)
    if str(call.settings.get("padding")).lower() == "same":
        yield "dilation 1, which Paddle takes for padding 'same'", call.told(dilation=1)
    for name in ("padding", "stride", "dilation"):
        yield from reversed_lists(call, name)


def _images(channels: int, n: int) -> list[tuple[tuple[int, ...], int]]:
    return [((2, channels, *(size,) * n), 0) for size in SIZES]


def _taken(shape: Sequence[int], settings: Mapping[str, Any]) -> list[tuple[tuple[int, ...], int]]:
    return _images(shape[1] * int(settings.get("groups") or 1), len(shape) - 2)


def _taken_transposed(shape: Sequence[int], settings: Mapping[str, Any]) -> list[tuple[tuple[int, ...], int]]:
    return _images(shape[0], len(shape) - 2)


def _window(*names: str) -> list[Argument]:
    return [WINDOW[name] for name in names]


def convolution(n: int) -> Entry:
    """The convolution over `n` axes."""
    image = real(2, 4, *(7, 6, 5)[:n])
    rest: dict[str, Any] = {"stride": 2, "padding": 1, "groups": 2}
    return entry(
        f"conv{n}d", f"nn.Conv{n}d F.conv{n}d conv{n}d", f"nn.Conv{n}D F.conv{n}d conv{n}d",
        (*CHANNELS, *_window("stride", "padding", "dilation", "groups"), BIASED, WINDOW["padding_mode"]),
        AFFINE, paddle_order="in_channels out_channels kernel_size stride padding dilation groups padding_mode",
        initial=UNIFORM | {"weight": ("fan_in_uniform", "kaiming_normal")},
        fan_of_all_groups=True, formula=partial(conv, n), by_example=True, operands=("weight", "bias"),
        other_rules=_other_convolutions, differs=(SAME, GROUPS), takes=_taken,
        proof=(proved_layer(image, in_channels=4, out_channels=6, kernel_size=3, **rest),
               proved_layer(image, in_channels=4, out_channels=3, kernel_size=2, padding=1, padding_mode="reflect",
                            bias=False, dilation=2),
               proved(image, real(6, 2, *(3, 2, 3)[:n]), real(6), **rest)),
    )  # fmt: skip


def transposed_convolution(n: int) -> Entry:
    """The transposed convolution over `n` axes."""
    image = real(2, 4, *(4, 3, 3)[:n])
    rest: dict[str, Any] = {"stride": 2, "padding": 1, "output_padding": 1, "groups": 2}
    last = "groups dilation" if n == 1 else "dilation groups"
    return entry(
        f"conv_transpose{n}d", f"nn.ConvTranspose{n}d F.conv_transpose{n}d conv_transpose{n}d",
        f"nn.Conv{n}DTranspose F.conv{n}d_transpose",
        (*CHANNELS, *_window("stride", "padding"), setting("output_padding", 0, kept="output_padding"),
         WINDOW["groups"], BIASED, WINDOW["dilation"], setting("padding_mode", "zeros", paddle="")),
        AFFINE, paddle_order=f"in_channels out_channels kernel_size stride padding output_padding {last} bias",
        initial=UNIFORM, formula=partial(conv_transpose, n),
        by_example=True, operands=("weight", "bias"), other_rules=_other_convolutions, takes=_taken_transposed,
        differs=(Contrast("order of the arguments", "…, output_padding, groups, bias, dilation",
                          f"…, output_padding, {last.replace(' ', ', ')}", "one for another, by place"),),
        proof=(proved_layer(image, in_channels=4, out_channels=6, kernel_size=3, **rest),
               proved(image, real(4, 3, *(3, 2, 3)[:n]), real(6), **rest)),
    )  # fmt: skip


ENTRIES: tuple[Entry, ...] = tuple(make(n) for n in (1, 2, 3) for make in (convolution, transposed_convolution))


def _patches(x_shape: Sequence[int], kernel_size, dilation, padding, stride) -> np.ndarray:
    """`[C · kernel, windows]`: where each number of each window is in a padded `[C, H, W]`, flat."""
    kernel, dilation, padding, stride = (each(value, 2) for value in (kernel_size, dilation, padding, stride))
    channels, *sides = x_shape
    whole = [size + 2 * around for size, around in zip(sides, padding, strict=True)]
    rows, columns = (
        np.arange(k)[:, None] * d + np.arange(0, size - d * (k - 1), s)[None]
        for k, d, size, s in zip(kernel, dilation, whole, stride, strict=True)
    )
    places = rows[:, None, :, None] * whole[1] + columns[None, :, None, :]
    places = np.arange(channels)[:, None, None, None, None] * (whole[0] * whole[1]) + places
    return places.reshape(channels * kernel[0] * kernel[1], -1)


def _unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """Every window of a convolution as a column: `[N, C · kernel, windows]`"""
    around = each(padding, 2)
    padded = np.pad(x, [(0, 0), (0, 0), *((width, width) for width in around)])
    return padded.reshape(len(x), -1)[:, _patches(x.shape[1:], kernel_size, dilation, padding, stride)]


def _fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """The columns of `unfold` back in their places, sums where windows overlap"""
    sides, around, kernel = each(output_size, 2), each(padding, 2), each(kernel_size, 2)
    channels = x.shape[1] // (kernel[0] * kernel[1])
    places = _patches((channels, *sides), kernel_size, dilation, padding, stride)
    whole = np.zeros((len(x), channels, sides[0] + 2 * around[0], sides[1] + 2 * around[1]))
    for image, columns in zip(whole.reshape(len(x), -1), x, strict=True):
        np.add.at(image, places, columns)
    return whole[:, :, around[0] : around[0] + sides[0], around[1] : around[1] + sides[1]]


def _sliding(x, axis: int, size: int, step: int):
    views = np.lib.stride_tricks.sliding_window_view(x, size, axis)
    return np.take(views, np.arange(0, views.shape[axis], step), axis)


COLUMNS = tuple(argument(name, default, paddle=f"{name}s") for name, default in
                (("dilation", 1), ("padding", 0), ("stride", 1)))  # fmt: skip
KERNEL = argument("kernel_size", paddle="kernel_sizes")
BY_PLACE = Contrast("order of the function's arguments", "…, dilation, padding, stride",
                    "…, strides, paddings, dilations",
                    "one for another, by place; the layer has PyTorch's")  # fmt: skip
ENTRIES += (
    entry("unfold", "nn.Unfold F.unfold", "nn.Unfold F.unfold", (KERNEL, *COLUMNS), formula=_unfold, exact=True,
          differs=(BY_PLACE,),
          proof=(proved_layer(real(2, 4, 4, 6), kernel_size=3, padding=1),
                 proved(real(2, 4, 4, 6), kernel_size=[2, 3], dilation=2, padding=[2, 1], stride=[1, 2]))),
    entry("fold", "nn.Fold F.fold", "nn.Fold F.fold",
          (argument("output_size", paddle="output_sizes"), KERNEL, *COLUMNS), formula=_fold, differs=(BY_PLACE,),
          proof=(proved_layer(real(2, 12, 20), output_size=[5, 6], kernel_size=2),
                 proved(real(2, 12, 9), output_size=[5, 6], kernel_size=[2, 2], padding=[0, 0], stride=[1, 2],
                        dilation=[2, 1]))),
    entry("sliding_windows", ".unfold", ".unfold",
          (argument("axis", torch="dimension"), argument("size"), argument("step")), formula=_sliding, exact=True,
          differs=(Contrast("gradient where windows overlap", "the sum over them", "one window's alone: wrong"),),
          proof=(*(proved(real(7, 5), axis=axis, size=2, step=2) for axis in (0, 1)),
                 Proof((real(7, 5),), {"axis": 0, "size": 3, "step": 2}, gradients=False))),
)  # fmt: skip
