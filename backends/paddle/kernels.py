"""Kernels of Paddle that compute a number of their own in float32, done in float64: `operation(…)` asks for the rest.

They are named as in `paddle._C_ops`, and take what those take.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import paddle
from paddle import Tensor

from ...common.dictionary.index import BY_KIND, operation_kind


def _selu(operation: Callable, x: Tensor, scale: float, alpha: float) -> Tensor:
    # Its gradient has the product of the two numbers in float32.
    return operation(x, 1.0, alpha) * scale


def _label_smooth(operation: Callable, label: Tensor, prior: Tensor | None, epsilon: float) -> Tensor:
    return label * (1 - epsilon) + (epsilon / label.shape[-1] if prior is None else prior * epsilon)


def _pow(operation: Callable, x: Tensor, exponent: float | Tensor) -> Tensor:
    return operation(x, float(exponent) if isinstance(exponent, Tensor) else exponent)


def _rrelu(operation: Callable, x: Tensor, lower: float, upper: float, is_test: bool) -> Tensor:
    return paddle.nn.functional.leaky_relu(x, (lower + upper) / 2) if is_test else operation(x, lower, upper, is_test)


def _p_norm(operation: Callable, x: Tensor, porder: float, axis: int, epsilon: float, keepdim: bool, asvector: bool):
    if asvector or porder <= 1 or porder in (2.0, 4.0, float("inf")):
        return operation(x, porder, axis, epsilon, keepdim, asvector)
    return x.abs().pow(porder).sum(axis, keepdim=keepdim).pow(1 / porder)


def _pool(axes: int) -> Callable:
    def pool(
        operation: Callable, x: Tensor, size, stride, padding, ceil_mode, exclusive, layout, kind, whole, adaptive, how
    ) -> Tensor:
        made = operation(x, size, stride, padding, ceil_mode, exclusive, layout, kind, whole, adaptive, how)
        if kind != "avg" or made.stop_gradient or x.dtype != paddle.float64:
            return made
        entry = BY_KIND[f"{'adaptive_' if adaptive or whole else ''}avg_pool{axes}d"]
        inner = slice(2, None) if layout[1] == "C" else slice(1, -1)
        settings = {"kernel_size": size, "stride": stride, "padding": padding if how == "EXPLICIT" else how,
                    "count_include_pad": not exclusive}  # fmt: skip
        assert entry.gradient_factor is not None
        factor = entry.gradient_factor(settings, x.shape[inner], made.shape[inner])
        if (factor == 1).all():
            return made
        factor = factor if layout[1] == "C" else factor[..., None]
        factor = paddle.to_tensor(factor)
        made.register_hook(lambda gradient: gradient / factor)
        return made.clone()  # who watches what the pool made must see the gradient that arrives there

    return pool


def _lp_pool(
    operation: Callable, x: Tensor, size, stride, padding, ceil_mode, exclusive, layout, kind, whole, adaptive, how, p
) -> Tensor:
    # Its powers and roots are float32's; a sum over windows is a convolution with ones.
    made = operation(x, size, stride, padding, ceil_mode, exclusive, layout, kind, whole, adaptive, how, p)
    if x.dtype != paddle.float64 or layout[1] != "C" or how != "EXPLICIT" or len(padding) != len(size):
        return made
    ends = [  # of windows that reach beyond what was told, as `ceil_mode` has them
        max(0, (count - 1) * step + width - length - before)
        for count, step, width, length, before in zip(made.shape[2:], stride, size, x.shape[2:], padding, strict=True)
    ]
    sides = [side for before, end in list(zip(padding, ends, strict=True))[::-1] for side in (before, end)]
    ones = paddle.ones([x.shape[1], 1, *size], paddle.float64)
    powers = paddle.nn.functional.pad(x.pow(p), sides)
    return paddle.nn.functional.conv2d(powers, ones, stride=stride, groups=x.shape[1]).pow(1 / p)


KERNELS: dict[str, Callable] = {
    "selu": _selu, "label_smooth": _label_smooth, "pow": _pow, "rrelu": _rrelu, "p_norm": _p_norm,
    "pool2d": _pool(2), "pool3d": _pool(3), "lp_pool2d": _lp_pool,
}  # fmt: skip


@cache
def meant(name: str, number: float) -> float:
    """The number that Paddle's authors wrote with few digits, for a default: by the entry of the operation."""
    entry = BY_KIND.get(operation_kind("paddle", name))
    for argument in entry.arguments if entry else ():
        theirs, ours = argument.default_paddle, argument.default_torch
        if number == theirs and isinstance(ours, float) and abs(theirs - ours) <= 1e-6 * abs(ours):
            return ours
    return number
