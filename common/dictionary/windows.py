"""Closed forms of what runs over positions: convolutions, pooling, padding and interpolation, in any number of axes.

A sum over the places of a kernel, each a strided slice of the padded input: no window is copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

Pairs = list[tuple[int, int]]
MODES = {"constant": "constant", "zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
NOTHING = float(np.finfo(np.float32).min)  # what Paddle's max_pool gives for a window of padding alone, in float64 too
LINEAR = ("linear", "bilinear", "trilinear")


def _each(value, n: int) -> list[int]:
    """One whole number for each axis."""
    values = [value] * n if np.ndim(value) == 0 else list(value)
    values = values * n if len(values) == 1 else values
    if len(values) != n or any(int(one) != one for one in values):
        raise ValueError(f"{value} for {n} axes")
    return [int(one) for one in values]


def _pairs(padding, n: int, sizes, kernel, stride, dilation) -> Pairs:
    """What is added before and after each axis. A list of 2n numbers goes axis by axis, the first one first."""
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    if isinstance(padding, str):
        if padding.lower() == "valid":
            return [(0, 0)] * n
        if padding.lower() != "same":
            raise ValueError(padding)
        total = [max((-(-size // s) - 1) * s + r - size, 0) for size, s, r in zip(sizes, stride, reach, strict=True)]
        return [(t // 2, t - t // 2) for t in total]
    if np.ndim(padding) == 2:  # Paddle's, batch and channels first
        return [(int(before), int(after)) for before, after in padding][-n:]
    if np.ndim(padding) == 1 and len(padding) == 2 * n:
        return list(zip(_each(padding[::2], n), _each(padding[1::2], n), strict=True))
    return [(one, one) for one in _each(padding, n)]


def _batched(x: np.ndarray, n: int) -> np.ndarray:
    if x.ndim not in (n + 1, n + 2):
        raise ValueError(f"{x.ndim} axes for a window of {n}")
    return x if x.ndim == n + 2 else x[None]


def _places(kernel, stride, dilation, counts) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Each place of the kernel, with the strided slices that it meets."""
    for place in product(*map(range, kernel)):
        starts = [p * d for p, d in zip(place, dilation, strict=True)]
        ends = [(count - 1) * s + 1 for count, s in zip(counts, stride, strict=True)]
        yield place, tuple(slice(a, a + e, s) for a, e, s in zip(starts, ends, stride, strict=True))


def _mix(weight: np.ndarray, x: np.ndarray) -> np.ndarray:
    """`[M, C]` applied to the channels of `[N, C, …]`."""
    return np.moveaxis(np.tensordot(weight, x, (1, 1)), 0, 1)


def _shifted(y: np.ndarray, held: dict, n: int, x: np.ndarray) -> np.ndarray:
    y = y + held["bias"].reshape(-1, *(1,) * n) if "bias" in held else y
    return y if x.ndim == n + 2 else y[0]


def conv(n: int, x, held: dict, stride=1, padding=0, dilation=1, groups: int = 1, padding_mode: str = "zeros"):
    weight, whole = held["weight"], _batched(x, n)
    kernel, stride, dilation = weight.shape[2:], _each(stride, n), _each(dilation, n)
    around = _pairs(padding, n, whole.shape[2:], kernel, stride, dilation)
    padded = np.pad(whole, [(0, 0), (0, 0), *around], MODES[padding_mode])
    counts = [(size - d * (k - 1) - 1) // s + 1
              for size, k, s, d in zip(padded.shape[2:], kernel, stride, dilation, strict=True)]  # fmt: skip
    parts = []
    for part, rows in zip(np.split(padded, groups, 1), np.split(weight, groups), strict=True):
        places = _places(kernel, stride, dilation, counts)
        parts.append(sum(_mix(rows[(..., *place)], part[(..., *where)]) for place, where in places))
    return _shifted(np.concatenate(parts, 1), held, n, x)


def conv_transpose(n: int, x, held: dict, stride=1, padding=0, output_padding=0, groups: int = 1, dilation=1,
                   padding_mode: str = "zeros"):  # fmt: skip
    weight, whole = held["weight"], _batched(x, n)
    if padding_mode != "zeros" or isinstance(padding, str):
        raise ValueError(f"{padding_mode} {padding}")
    kernel, stride, dilation = weight.shape[2:], _each(stride, n), _each(dilation, n)
    sides, extra = whole.shape[2:], _each(output_padding, n)
    around = _pairs(padding, n, sides, kernel, stride, dilation)
    full = [(size - 1) * s + d * (k - 1) + 1 + e
            for size, s, d, k, e in zip(sides, stride, dilation, kernel, extra, strict=True)]  # fmt: skip
    parts = []
    for part, rows in zip(np.split(whole, groups, 1), np.split(weight, groups), strict=True):
        grown = np.zeros((len(whole), weight.shape[1], *full))
        for place, where in _places(kernel, stride, dilation, sides):
            grown[(..., *where)] += _mix(rows[(..., *place)].T, part)
        parts.append(grown)
    inside = tuple(slice(a, size - b) for (a, b), size in zip(around, full, strict=True))
    return _shifted(np.concatenate(parts, 1)[(..., *inside)], held, n, x)


def _windows(n: int, x, kernel_size, stride, padding, dilation, ceil_mode: bool, beyond: bool):
    """Kernel, stride, dilation, padding and number of windows of a pooling.

    beyond: whether a last window may start in the padding after the input, as in Paddle; PyTorch leaves it out.
    """
    kernel, dilation = _each(kernel_size, n), _each(dilation, n)
    stride = _each(stride, n) if np.size(stride) and stride is not None else kernel
    sizes = x.shape[2:]
    around, counts = _pairs(padding, n, sizes, kernel, stride, dilation), []
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
    whole = _batched(x, n)
    kernel, stride, dilation, around, counts = _windows(
        n, whole, kernel_size, stride, padding, dilation, ceil_mode, beyond
    )
    filled = _filled(whole, around, kernel, stride, dilation, counts, -np.inf)
    y = np.max([filled[(..., *where)] for _, where in _places(kernel, stride, dilation, counts)], 0)
    y = np.where(np.isneginf(y), NOTHING, y) if beyond else y
    return y if x.ndim == n + 2 else y[0]


def avg_pool(n: int, x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
             divisor_override=None, beyond=False):  # fmt: skip
    whole, ones = _batched(x, n), [1] * n
    kernel, stride, _, around, counts = _windows(n, whole, kernel_size, stride, padding, 1, ceil_mode, beyond)
    counted = np.ones((1, 1, *whole.shape[2:]))
    if count_include_pad:  # the padding counts, what ceil_mode adds beyond it does not
        counted = np.pad(counted, [(0, 0), (0, 0), *around], constant_values=1.0)
    outer = [(0, 0)] * n if count_include_pad else around
    full = _filled(whole, around, kernel, stride, ones, counts, 0.0)
    share = _filled(counted, outer, kernel, stride, ones, counts, 0.0)
    places = [where for _, where in _places(kernel, stride, ones, counts)]
    y, share = (sum(one[(..., *where)] for where in places) for one in (full, share))
    y = y / (divisor_override or share)
    return y if x.ndim == n + 2 else y[0]


def pad(x, padding, mode: str = "constant", value: float = 0.0, first_axis_first: bool = False):
    """PyTorch's list: (before, after) of the last axis, then of the one before it. One number: of all axes of images.

    first_axis_first: the pairs go from the first of the padded axes to the last.
    """
    numbers = [padding] * 2 * (x.ndim - 2) if np.ndim(padding) == 0 else list(padding)
    pairs = [(int(a), int(b)) for a, b in zip(numbers[::2], numbers[1::2], strict=True)]
    pairs = pairs if first_axis_first else pairs[::-1]
    around = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    inside = tuple(slice(max(-a, 0), size - max(-b, 0)) for size, (a, b) in zip(x.shape, around, strict=True))
    more = {"constant_values": value} if MODES[mode] == "constant" else {}
    return np.pad(x[inside], [(max(a, 0), max(b, 0)) for a, b in around], MODES[mode], **more)


def interpolate(x, size=None, scale_factor=None, mode="nearest", align_corners=False, align_mode: int = 0,
                recompute_scale_factor=False, antialias=False, corner_of_one=False, single=False):  # fmt: skip
    """Two rules that Paddle has and PyTorch has not.

    corner_of_one: a side of length 1 is the first element, not what lies in the middle. single: positions are told in
    float32, whatever the type of the values.
    """
    n, linear = x.ndim - 2, mode in LINEAR
    if antialias or not (linear or mode in ("nearest", "nearest-exact")):
        raise ValueError(mode)
    scales = [None] * n if scale_factor is None else [float(one) for one in np.broadcast_to(scale_factor, n)]
    sizes = _each(size, n) if size is not None else [int(x.shape[2 + i] * scales[i]) for i in range(n)]
    for axis, (count, scale) in enumerate(zip(sizes, scales, strict=True), 2):
        old = x.shape[axis]
        step = 1 / scale if scale and size is None and not recompute_scale_factor else old / count
        step = (old - 1) / max(count - 1, 1) if align_corners else 0 if corner_of_one and count == 1 else step
        half = (mode == "nearest-exact" or (linear and not align_corners and align_mode == 0)) / 2
        where = np.maximum(_positions(count, step, half, single, mode, axis), 0)
        x = _resampled(x, axis, where if linear else where + half, linear, align_corners)
    return x


def _positions(count: int, step: float, half: float, single: bool, mode: str, axis: int) -> np.ndarray:
    """Positions of the new elements among the old ones. In float32 as Paddle's kernels round (measured on x86).

    With half pixels its "linear" stays in double precision, and the rows of "bilinear" fuse product and difference.
    """
    exact = (np.arange(count) + half) * (float(np.float32(step)) if single else step) - half
    if not single or (half and mode == "linear"):
        return exact
    if half and mode == "bilinear" and axis == 2:
        return exact.astype(np.float32)
    return (np.arange(count, dtype=np.float32) + np.float32(half)) * np.float32(step) - np.float32(half)


def _resampled(x: np.ndarray, axis: int, where: np.ndarray, linear: bool, rounded: bool) -> np.ndarray:
    """The elements at fractional positions along one axis: between two of them, or the one before or nearest."""
    last = x.shape[axis] - 1
    if not linear:
        where = (where + rounded / 2).astype(np.float32)
    below = np.minimum(np.floor(where).astype(int), last)
    if not linear:
        return np.take(x, below, axis)
    share = (where - below.astype(where.dtype)).reshape(-1, *(1,) * (x.ndim - 1 - axis))
    rest = (where.dtype.type(1) - share).astype(np.float64)
    return np.take(x, below, axis) * rest + np.take(x, np.minimum(below + 1, last), axis) * share
