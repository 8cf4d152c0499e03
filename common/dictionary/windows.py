"""What runs over positions: the places of a kernel on a padded input, in any number of axes.

A sum over the places of a kernel, each a strided slice of the padded input: no window is copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Literal

import numpy as np

from .formula import Call, Variants

Pairs = list[tuple[int, int]]
MODES: dict[str, Literal["constant", "reflect", "edge", "wrap"]] = {
    "constant": "constant", "zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap",
}  # fmt: skip


def each(value, n: int) -> list[int]:
    """One whole number for each axis."""
    values = [value] * n if np.ndim(value) == 0 else list(value)
    values = values * n if len(values) == 1 else values
    if len(values) != n or any(int(number) != number for number in values):
        raise ValueError(f"{value} for {n} axes")
    return [int(number) for number in values]


def pairs_around(padding, n: int, sizes, kernel, stride, dilation) -> Pairs:
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
        return list(zip(each(padding[::2], n), each(padding[1::2], n), strict=True))
    return [(width, width) for width in each(padding, n)]


def batched(x: np.ndarray, n: int) -> np.ndarray:
    if x.ndim not in (n + 1, n + 2):
        raise ValueError(f"{x.ndim} axes for a window of {n}")
    return x if x.ndim == n + 2 else x[None]


def kernel_places(kernel, stride, dilation, counts) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """Each place of the kernel, with the strided slices that it meets."""
    for place in product(*map(range, kernel)):
        starts = [p * d for p, d in zip(place, dilation, strict=True)]
        ends = [(count - 1) * s + 1 for count, s in zip(counts, stride, strict=True)]
        yield place, tuple(slice(a, a + e, s) for a, e, s in zip(starts, ends, stride, strict=True))


def pad(x, padding, mode: str = "constant", value: float = 0.0, first_axis_first: bool = False):
    """PyTorch's list: (before, after) of the last axis, then of the one before it. One number: of all axes of images.

    first_axis_first: the pairs go from the first of the padded axes to the last.
    """
    numbers = [padding] * 2 * (x.ndim - 2) if np.ndim(padding) == 0 else list(padding)
    pairs = [(int(a), int(b)) for a, b in zip(numbers[::2], numbers[1::2], strict=True)]
    pairs = pairs if first_axis_first else pairs[::-1]
    around = [(0, 0)] * (x.ndim - len(pairs)) + pairs
    inside = tuple(slice(max(-a, 0), size - max(-b, 0)) for size, (a, b) in zip(x.shape, around, strict=True))
    outside = [(max(a, 0), max(b, 0)) for a, b in around]
    if MODES[mode] == "constant":
        return np.pad(x[inside], outside, constant_values=value)
    return np.pad(x[inside], outside, MODES[mode])


def reversed_lists(call: Call, name: str) -> Variants:
    """A list of numbers by axis, from the other end: all of them, or as pairs of before and after."""
    value = call.settings.get(name)
    if not isinstance(value, (list, tuple)) or len(set(map(str, value))) < 2 or np.ndim(value) != 1:
        return
    pairs = list(zip(value[::2], value[1::2], strict=False))
    orders = {
        "from the last axis to the first": list(value)[::-1],
        "in pairs from the other end": [number for pair in pairs[::-1] for number in pair],
        "with before and after exchanged": [number for pair in pairs for number in pair[::-1]],
    }
    for words, order in orders.items():
        if len(order) == len(value):
            yield f"{name} {words}", call.told(**{name: order})
