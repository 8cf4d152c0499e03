"""Entries of pooling: the largest or the mean of each window, for each number of axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import Any

import numpy as np

from ..entry import NOT, Contrast, Entry, argument, entry, setting
from ..formula import Call, Variants
from ..proof import Proof, distinct, positive, proved, proved_layer, real
from ..windows import Pairs, batched, each, kernel_places, pairs_around

NOTHING = float(np.finfo(np.float32).min)  # what Paddle's max_pool gives for a window of padding alone, in float64 too
SIDES = (6, 8, 4)
WINDOW = (
    setting("kernel_size", kept="kernel_size ksize"), setting("stride", None, kept="stride"),
    setting("padding", 0, kept="padding"),
)  # fmt: skip
CEIL = setting("ceil_mode", False, kept="ceil_mode")
COUNTED = setting("count_include_pad", True, paddle="exclusive", kept="count_include_pad exclusive", turned=NOT)
INDICES = argument("return_indices", False, paddle="return_mask")
DIVISOR = argument("divisor_override", None)
LATE = Contrast("ceil_mode: a last window that starts in the padding", "left out", "there; of padding alone, −3.4e38")


def _windows(n: int, x, kernel_size, stride, padding, dilation, ceil_mode: bool, beyond: bool):
    """Kernel, stride, dilation, padding and number of windows of a pooling.

    beyond: whether a last window may start in the padding after the input, as in Paddle; PyTorch leaves it out.
    """
    kernel, dilation = each(kernel_size, n), each(dilation, n)
    stride = each(stride, n) if np.size(stride) and stride is not None else kernel
    sizes = x.shape[2:]
    around, counts = pairs_around(padding, n, sizes, kernel, stride, dilation), []
    for size, k, s, d, (a, b) in zip(sizes, kernel, stride, dilation, around, strict=True):
        room = size + a + b - d * (k - 1) - 1
        count = (-(-room // s) if ceil_mode else room // s) + 1
        counts.append(count - 1 if ceil_mode and not beyond and (count - 1) * s >= size + a else count)
    return kernel, stride, dilation, around, counts


def _filled(x, around: Pairs, kernel, stride, dilation, counts, value: float) -> np.ndarray:
    """Padded, and as far beyond it as the last window reaches."""
    width = [(0, 0), (0, 0)]
    for size, k, s, d, count, (a, b) in zip(x.shape[2:], kernel, stride, dilation, counts, around, strict=True):
        width.append((a, max(b, (count - 1) * s + d * (k - 1) + 1 - size - a)))
    return np.pad(x, width, constant_values=value)


def max_pool(n: int, x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, beyond=False):
    whole = batched(x, n)
    kernel, stride, dilation, around, counts = _windows(
        n, whole, kernel_size, stride, padding, dilation, ceil_mode, beyond
    )
    filled = _filled(whole, around, kernel, stride, dilation, counts, -np.inf)
    y = np.max([filled[(..., *where)] for _, where in kernel_places(kernel, stride, dilation, counts)], 0)
    y = np.where(np.isneginf(y), NOTHING, y) if beyond else y
    return y if x.ndim == n + 2 else y[0]


def avg_pool(n: int, x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
             divisor_override=None, beyond=False):  # fmt: skip
    whole, ones = batched(x, n), [1] * n
    kernel, stride, _, around, counts = _windows(n, whole, kernel_size, stride, padding, 1, ceil_mode, beyond)
    counted = np.ones((1, 1, *whole.shape[2:]))
    if count_include_pad:  # the padding counts, what ceil_mode adds beyond it does not
        counted = np.pad(counted, [(0, 0), (0, 0), *around], constant_values=1.0)
    outer = [(0, 0)] * n if count_include_pad else around
    full = _filled(whole, around, kernel, stride, ones, counts, 0.0)
    share = _filled(counted, outer, kernel, stride, ones, counts, 0.0)
    places = [where for _, where in kernel_places(kernel, stride, ones, counts)]
    y, share = (sum(array[(..., *where)] for where in places) for array in (full, share))
    y = np.asarray(y / (divisor_override or share))
    return y if x.ndim == n + 2 else y[0]


def _other_pools(call: Call) -> Variants:
    average, ceil = call.kind.startswith("avg"), bool(call.settings.get("ceil_mode", False))
    beyond, late = {"ceil_mode": True, "beyond": True}, "ceil_mode and windows that start in the padding"
    changes: dict[str, dict] = {f"ceil_mode {not ceil}": {"ceil_mode": not ceil}}
    if average:
        counts = call.settings.get("count_include_pad", True)
        whole = int(np.prod(np.broadcast_to(call.settings.get("kernel_size", 1), int(call.kind[-2]))))
        changes["the padding not counted" if counts else "the padding counted"] = {"count_include_pad": not counts}
        changes[f"every window divided by {whole}"] = {"divisor_override": whole}
    changes[late] = beyond | ({"divisor_override": whole} if average else {})
    yield from ((words, call.told(**told)) for words, told in changes.items())
    kinds = {entry.kind: entry for entry in ENTRIES}
    other = kinds[f"{'max' if average else 'avg'}{call.kind[3:]}"]
    left_out = ("count_include_pad", "divisor_override")
    kept = {name: value for name, value in call.settings.items() if name not in left_out}
    yield f"{'the largest' if average else 'the mean'} of each window", replace(call, entry=other, settings=kept)


def _gradient_factor(settings: Mapping, given: Sequence[int], made: Sequence[int]) -> np.ndarray:
    """What Paddle's gradient of an average pool is larger by, for each window.

    Args:
        given, made: sizes of the axes of input and output that are pooled over.
    """
    n, lengths = len(given), []
    kernel = each(settings["kernel_size"], n)
    stride = each(settings.get("stride") or kernel, n)
    around = pairs_around(settings.get("padding", 0), n, given, kernel, stride, [1] * n)
    for size, count, k, s, (before, after) in zip(given, made, kernel, stride, around, strict=True):
        start = np.arange(count) * s - before
        end = np.minimum(start + k, size + after)
        counted = settings.get("count_include_pad", True)
        lengths.append(end - start if counted else np.minimum(end, size) - np.maximum(start, 0))
    return _rounded_share(lengths)


def _adaptive_factor(settings: Mapping, given: Sequence[int], made: Sequence[int]) -> np.ndarray:
    places = [(np.arange(count), size, count) for size, count in zip(given, made, strict=True)]
    return _rounded_share([-(-(i + 1) * size // count) - i * size // count for i, size, count in places])


def _rounded_share(lengths: Sequence[np.ndarray]) -> np.ndarray:
    """1/count in float32 as a multiple of 1/count, for windows with as many elements along each axis."""
    counts = reduce(np.multiply.outer, lengths).astype(np.float64)
    return np.float32(1 / counts) * counts


def _largest(n: int) -> Entry:
    image = distinct(2, 3, *SIDES[:n])
    return entry(
        f"max_pool{n}d", f"nn.MaxPool{n}d F.max_pool{n}d max_pool{n}d", f"nn.MaxPool{n}D F.max_pool{n}d",
        (*WINDOW, argument("dilation", 1, paddle=""), INDICES, CEIL), recorded=f"max_pool{n}d_with_indices",
        paddle_order="kernel_size stride padding return_indices ceil_mode",
        positions={f"max_pool{n}d": "kernel_size stride padding dilation ceil_mode"}, formula=partial(max_pool, n),
        by_example=True, other_rules=_other_pools, kink="largest", exact=True,
        differs=(LATE, Contrast("fifth argument", "dilation", "whether to return the places")),
        proof=(proved_layer(image, kernel_size=3, stride=2, padding=1), proved(image, kernel_size=2)),
    )  # fmt: skip


def _mean(n: int) -> Entry:
    image = real(2, 3, *SIDES[:n])
    return entry(
        f"avg_pool{n}d", f"nn.AvgPool{n}d F.avg_pool{n}d", f"nn.AvgPool{n}D F.avg_pool{n}d",
        (*WINDOW, CEIL, COUNTED, *((DIVISOR,) if n > 1 else ())),
        paddle_order="kernel_size stride padding count_include_pad ceil_mode" if n == 1 else "",
        positions={f"avg_pool{n}d": "kernel_size stride padding ceil_mode count_include_pad divisor_override"},
        formula=partial(avg_pool, n), by_example=True, other_rules=_other_pools, gradient_factor=_gradient_factor,
        differs=(Contrast("padding, when nothing is said", "counts", "does not count"),
                 Contrast("gradient in float64", "exact", "divided by a count in float32, 3e-8 off"), LATE),
        proof=(proved_layer(image, kernel_size=2),
               proved(image, kernel_size=3, stride=2, padding=1, count_include_pad=True),
               Proof((image,), {"kernel_size": 3, "padding": 1, "count_include_pad": False}, gradients=False)),
    )  # fmt: skip


def _adaptive(n: int, mean: bool) -> Entry:
    kind, name = (f"adaptive_{part}_pool{n}d" for part in (("avg",) * 2 if mean else ("max",) * 2))
    of_class = f"nn.Adaptive{'Avg' if mean else 'Max'}Pool{n}"
    more: dict[str, Any] = {"gradient_factor": _adaptive_factor} if mean else {"kink": "largest", "exact": True}
    image, size = distinct(2, 3, *SIDES[:n]), [3, 2, 2][:n] if n > 1 else 3
    return entry(
        kind, f"{of_class}d F.{name}", f"{of_class}D F.{name}",
        (setting("output_size"), *(() if mean else (INDICES,))), proof=(
            proved_layer(image, output_size=size), proved(image, output_size=size)), **more,
    )  # fmt: skip


ENTRIES: tuple[Entry, ...] = tuple(
    pool for n in (1, 2, 3) for pool in (_largest(n), _mean(n), _adaptive(n, True), _adaptive(n, False))
)


def _lp_pool(n: int, x, norm_type: float, kernel_size, stride=None, ceil_mode: bool = False):
    """The p-th root of the sum of p-th powers in each window"""
    summed = avg_pool(n, x**norm_type, kernel_size, stride or kernel_size, ceil_mode=ceil_mode)
    return (summed * math.prod(each(kernel_size, n))) ** (1 / norm_type)


ROOT_IN_FLOAT32 = "diagnosis reproduces it"


def _power_mean(n: int) -> Entry:
    call = Proof((positive(2, 3, *SIDES[:n]),), bound=ROOT_IN_FLOAT32, gradient_bound=ROOT_IN_FLOAT32)
    name = f"lp_pool{n}d"
    return entry(
        name, f"nn.LPPool{n}d F.{name}", f"nn.LPPool{n}D F.{name}",
        (argument("norm_type"), *WINDOW[:2], argument("padding", 0, torch=""), CEIL), formula=partial(_lp_pool, n),
        differs=(Contrast("root in float64", "exact", "taken in float32, 3e-8 off"),
                 Contrast("windows over the edge, with ceil_mode", "the mean of what is there times the window's size",
                          "the sum of what is there")),
        proof=(replace(call, arguments={"norm_type": 3.0, "kernel_size": 2}, layer=True),
               replace(call, arguments={"norm_type": 2.0, "kernel_size": 3, "stride": 2})),
    )  # fmt: skip


ENTRIES += (_power_mean(1), _power_mean(2))
