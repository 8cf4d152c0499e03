"""In float64, the constants of one framework as the other has them, which keeps them in float32: see `constants`.

Only for the framework that does not round (`rounds_constants` of the contract): so what is compared is the mathematics.
"""

from __future__ import annotations

from ...common.alignment.constants import (
    AVERAGES,
    HARDSIGMOID_SLOPE,
    ROUNDED_EPS,
    SELU_ALPHA,
    SELU_SCALE,
    averaging_factor,
    rounded,
    rounded_momentum,
)
from ..contract import Tensor, Tensors


def _is_float64(tensor: Tensor) -> bool:
    return str(tensor.dtype).endswith("float64")


def with_rounded_numbers(name: str, args: tuple, kwargs: dict) -> dict:
    """The keywords of a function, those of a normalization with epsilon and momentum rounded.

    Args:
        name: of the function, as the framework calls it.
    """
    if name not in ROUNDED_EPS or not args or not _is_float64(args[0]):
        return kwargs
    changed = dict(kwargs)
    if isinstance(changed.get("eps"), float):
        changed["eps"] = rounded(changed["eps"])
    if isinstance(changed.get("momentum"), float) and name == "batch_norm":
        changed["momentum"] = rounded_momentum(changed["momentum"])
    return changed


def rounded_activation(kind: str, tensor: Tensor) -> Tensor | None:
    """An activation with rounded constants; None of one that needs none, or not in this precision."""
    if not _is_float64(tensor):
        return None
    if kind == "hardsigmoid":
        return (tensor * HARDSIGMOID_SLOPE + 0.5).clip(0, 1)
    if kind == "selu":
        made = SELU_SCALE * tensor.where(tensor > 0, SELU_ALPHA * tensor.expm1())
        # The gradient below zero has the product of both, rounded once more: what is added is zero but for that.
        product = SELU_SCALE * SELU_ALPHA
        more = tensor.clip(max=0) * (rounded(product) - product)
        return made + (more - more.detach())
    return None


def round_averaging(tensors: Tensors, kind: str, settings: dict, given: Tensor, made: Tensor) -> None:
    """Have the gradient of an average pool divided by a rounded count."""
    if kind in AVERAGES and _is_float64(made) and tensors.has_gradient(made):
        factor = averaging_factor(kind, settings, tuple(given.shape), tuple(made.shape))
        if factor is not None and factor != 1:
            tensors.on_gradient(made, lambda gradient: gradient * factor)
