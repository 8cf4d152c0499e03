"""What each operation of an exported program computes, by the functions that people call.

Named as Paddle 3 names them. A function gets the inputs, in order, and the operation's attributes, and gives what the
operation gives, or its first value where that is all that programs use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paddle
from paddle.nn import functional

from .arguments import Attributes, Inputs, Operation, number, numbers, second
from .layered import (
    batch_norm,
    convolution,
    dropout,
    embedding,
    first_matmul,
    flat_matmul,
    group_norm,
    instance_norm,
    layer_norm,
    matmul,
    pool,
    prelu,
    resized,
)
from .moving import (
    arange,
    argmax,
    bordered,
    bordered_all,
    cast,
    concat,
    expand,
    filled,
    flatten,
    full,
    gather,
    held,
    reshape,
    sliced,
    split,
    split_evenly,
    squeeze,
    strided_slice,
    tile,
    top,
    triangle,
)


def _plain(function: Callable, *names: str) -> Operation:
    """One input, and attributes by the names that the function knows them by: `alpha=negative_slope`."""
    pairs = [name.partition("=")[::2] for name in names]

    def made(given: Inputs, attributes: Attributes) -> Any:
        return function(given[0], **{ours or name: attributes[name] for name, ours in pairs if name in attributes})

    return made


def _both(function: Callable) -> Operation:
    return lambda given, attributes: function(given[0], _broadcast(given, attributes))


def _broadcast(given: Inputs, attributes: Attributes) -> Any:
    """The second of two, where an earlier program says at which axis of the first it begins."""
    x, y = given[:2]
    axis = attributes.get("axis", -1)
    if axis == -1 or x.ndim == y.ndim or axis + y.ndim == x.ndim:
        return y
    return y.reshape([*y.shape, *[1] * (x.ndim - axis - y.ndim)])


def _scale(given: Inputs, attributes: Attributes) -> Any:
    factor = number(second(given, attributes, "scale"))
    bias, after = attributes.get("bias", 0.0), attributes.get("bias_after_scale", True)
    if given[0].dtype in (paddle.int32, paddle.int64):
        factor, bias = int(factor), int(bias)
    x = given[0] if after or not bias else given[0] + bias
    x = x if factor == 1 else x * factor
    return x + bias if after and bias else x


def _reduced(function: Callable) -> Operation:
    def made(given: Inputs, attributes: Attributes) -> Any:
        axis = second(given, attributes, "axis", "dim")
        axis = None if attributes.get("reduce_all") or axis is None else numbers(axis) or None
        keep = bool(attributes.get("keepdim", attributes.get("keep_dim", False)))
        return function(given[0], axis=axis, keepdim=keep)

    return made


def _gelu(given: Inputs, attributes: Attributes) -> Any:
    return functional.gelu(given[0], bool(attributes.get("approximate", False)))


def _summed_along(given: Inputs, attributes: Attributes) -> Any:
    if attributes.get("exclusive") or attributes.get("reverse"):
        raise ValueError("sums that leave out their own element, or go backwards, are not known")
    axis = None if attributes.get("flatten") else int(number(second(given, attributes, "axis")))
    return paddle.cumsum(given[0], axis)


def _norm(given: Inputs, attributes: Attributes) -> Any:
    if attributes.get("asvector"):
        return paddle.linalg.norm(given[0], attributes["porder"])
    return paddle.linalg.norm(given[0], attributes["porder"], int(attributes["axis"]), bool(attributes["keepdim"]))


def _clip(given: Inputs, attributes: Attributes) -> Any:
    low, high = (
        attributes.get(name) if len(given) <= place or given[place] is None else given[place]
        for place, name in ((1, "min"), (2, "max"))
    )
    return paddle.clip(given[0], number(low), number(high))


def _leaky(given: Inputs, attributes: Attributes) -> Any:
    return functional.leaky_relu(given[0], attributes.get("negative_slope", attributes.get("alpha", 0.02)))


def _hardsigmoid(given: Inputs, attributes: Attributes) -> Any:
    return functional.hardsigmoid(given[0], attributes.get("slope", 0.2), attributes.get("offset", 0.5))


def _hardswish(given: Inputs, attributes: Attributes) -> Any:
    if (attributes.get("threshold", 6.0), attributes.get("scale", 6.0), attributes.get("offset", 3.0)) != (6, 6, 3):
        raise ValueError("its threshold, scale and offset are not 6, 6 and 3")
    return functional.hardswish(given[0])


def _swish(given: Inputs, attributes: Attributes) -> Any:
    if attributes.get("beta", 1.0) != 1.0:
        raise ValueError("its beta is not 1")
    return functional.silu(given[0])


OPERATIONS: dict[str, Operation] = {
    "abs": _plain(paddle.abs),
    "add": _both(paddle.add),
    "add_n": lambda given, attributes: paddle.add_n(given[0]),
    "arange": arange,
    "argmax": argmax,
    "assign": lambda given, attributes: given[0].clone(),
    "assign_value": held,
    "batch_norm": batch_norm,
    "bilinear_interp": resized("bilinear"),
    "bmm": lambda given, attributes: paddle.bmm(*given[:2]),
    "cast": cast,
    "clip": _clip,
    "concat": concat,
    "conv2d": convolution(functional.conv2d),
    "conv2d_transpose": convolution(functional.conv2d_transpose, transposed=True),
    "conv3d": convolution(functional.conv3d),
    "cos": _plain(paddle.cos),
    "cumsum": _summed_along,
    "divide": _both(paddle.divide),
    "dropout": dropout,
    "einsum": lambda given, attributes: paddle.einsum(attributes["equation"], *given[0]),
    "elementwise_pow": _both(paddle.pow),
    "elu": _plain(functional.elu, "alpha"),
    "embedding": embedding,
    "equal": _both(paddle.equal),
    "exp": _plain(paddle.exp),
    "expand": expand,
    "flatten": flatten,
    "flip": lambda given, attributes: paddle.flip(given[0], numbers(attributes["axis"])),
    "floor": _plain(paddle.floor),
    "full": full,
    "full_with_tensor": filled,
    "full_like": lambda given, attributes: paddle.full_like(given[0], number(second(given, attributes, "value"))),
    "gather": gather,
    "gather_nd": lambda given, attributes: paddle.gather_nd(*given[:2]),
    "gelu": _gelu,
    "greater_equal": _both(paddle.greater_equal),
    "greater_than": _both(paddle.greater_than),
    "group_norm": group_norm,
    "hardsigmoid": _hardsigmoid,
    "hardswish": _hardswish,
    "instance_norm": instance_norm,
    "layer_norm": layer_norm,
    "leaky_relu": _leaky,
    "less_equal": _both(paddle.less_equal),
    "less_than": _both(paddle.less_than),
    "log": _plain(paddle.log),
    "log_softmax": _plain(functional.log_softmax, "axis"),
    "logical_and": lambda given, attributes: paddle.logical_and(*given[:2]),
    "logical_not": _plain(paddle.logical_not),
    "matmul": matmul,
    "matmul of rows": flat_matmul,
    "matmul with factor": first_matmul,
    "max": _reduced(paddle.max),
    "maximum": _both(paddle.maximum),
    "mean": _reduced(paddle.mean),
    "min": _reduced(paddle.min),
    "minimum": _both(paddle.minimum),
    "mish": _plain(functional.mish),
    "multiply": _both(paddle.multiply),
    "nearest_interp": resized("nearest"),
    "not_equal": _both(paddle.not_equal),
    "p_norm": _norm,
    "pad": bordered_all,
    "pad3d": bordered,
    "pixel_unshuffle": _plain(functional.pixel_unshuffle, "downscale_factor"),
    "pixel_shuffle": _plain(functional.pixel_shuffle, "upscale_factor"),
    "pool2d": pool,
    "pow": lambda given, attributes: paddle.pow(given[0], number(second(given, attributes, "y", "factor"))),
    "prelu": prelu,
    "relu": _plain(functional.relu),
    "relu6": _plain(functional.relu6),
    "reshape": reshape,
    "roll": lambda given, attributes: paddle.roll(given[0], numbers(second(given, attributes, "shifts")),
                                                  numbers(attributes["axis"])),
    "rsqrt": _plain(paddle.rsqrt),
    "scale": _scale,
    "shape": lambda given, attributes: paddle.to_tensor(given[0].shape, dtype="int32"),
    "shape64": lambda given, attributes: paddle.to_tensor(given[0].shape, dtype="int64"),
    "sigmoid": _plain(functional.sigmoid),
    "silu": _plain(functional.silu),
    "sin": _plain(paddle.sin),
    "slice": sliced,
    "softmax": _plain(functional.softmax, "axis"),
    "softplus": _plain(functional.softplus, "beta", "threshold"),
    "split": split,
    "split_with_num": split_evenly,
    "sqrt": _plain(paddle.sqrt),
    "square": _plain(paddle.square),
    "squeeze": squeeze(paddle.squeeze),
    "stack": lambda given, attributes: paddle.stack(given[0], int(attributes.get("axis", 0))),
    "strided_slice": strided_slice,
    "subtract": _both(paddle.subtract),
    "sum": _reduced(paddle.sum),
    "swish": _swish,
    "tanh": _plain(paddle.tanh),
    "tile": tile,
    "topk": top,
    "transpose": lambda given, attributes: given[0].transpose(numbers(attributes.get("perm", attributes.get("axis")))),
    "tril": triangle(paddle.tril),
    "triu": triangle(paddle.triu),
    "unsqueeze": squeeze(paddle.unsqueeze),
    "where": lambda given, attributes: paddle.where(*given[:3]),
}  # fmt: skip
