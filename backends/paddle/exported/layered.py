"""Operations of a program that layers are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paddle
from paddle.nn import functional

from .arguments import Attributes, Inputs, Operation, number, numbers, padded, paddings, second


def convolution(function: Callable, transposed: bool = False) -> Operation:
    def made(given: Inputs, attributes: Attributes) -> Any:
        x, weight = given[:2]
        more: dict[str, Any] = {"data_format": attributes.get("data_format", "NCHW")}
        if transposed:
            more["output_padding"] = numbers(attributes.get("output_padding", ())) or 0
            more["output_size"] = numbers(given[2] if len(given) > 2 else attributes.get("output_size")) or None
        out = function(
            x, weight, None, numbers(attributes.get("strides", [1])), paddings(attributes),
            dilation=numbers(attributes.get("dilations", [1])), groups=int(attributes.get("groups", 1)), **more,
        )  # fmt: skip
        return out

    return made


def pool(given: Inputs, attributes: Attributes) -> Any:
    x, size = given[0], numbers(second(given, attributes, "ksize", "kernel_size"))
    spatial = x.ndim - 2
    if spatial != 2 or attributes.get("data_format", "NCHW") != "NCHW":
        raise ValueError("only pools over the last two of four axes are known")
    kind = attributes["pooling_type"]
    if attributes.get("global_pooling"):
        return x.mean([2, 3], keepdim=True) if kind == "avg" else x.max([2, 3], keepdim=True)
    if attributes.get("adaptive"):
        return (functional.adaptive_avg_pool2d if kind == "avg" else functional.adaptive_max_pool2d)(x, size)
    steps, ceil = numbers(attributes["strides"]), bool(attributes.get("ceil_mode", False))
    if kind == "max":
        return functional.max_pool2d(x, size, steps, paddings(attributes), ceil_mode=ceil)
    return functional.avg_pool2d(x, size, steps, paddings(attributes), ceil, bool(attributes.get("exclusive", True)))


def batch_norm(given: Inputs, attributes: Attributes) -> Any:
    x, mean, variance, weight, bias = given[:5]
    if not (attributes.get("is_test") or attributes.get("use_global_stats")):
        raise ValueError("it takes the statistics of the batch, as in training; export the model after net.eval()")
    layout = attributes.get("data_format", attributes.get("data_layout", "NCHW"))
    return functional.batch_norm(
        x, mean, variance, weight, bias, training=False, epsilon=attributes["epsilon"],
        data_format=layout if x.ndim > 2 else "NC",
    )  # fmt: skip


def layer_norm(given: Inputs, attributes: Attributes) -> Any:
    x, weight, bias = padded(given, 3)
    shape = x.shape[int(attributes["begin_norm_axis"]) :]
    weight, bias = (each if each is None else each.reshape(shape) for each in (weight, bias))
    return functional.layer_norm(x, shape, weight, bias, attributes["epsilon"])


def group_norm(given: Inputs, attributes: Attributes) -> Any:
    x, weight, bias = padded(given, 3)
    return functional.group_norm(
        x, int(attributes["groups"]), attributes["epsilon"], weight, bias, attributes.get("data_format", "NCHW")
    )


def instance_norm(given: Inputs, attributes: Attributes) -> Any:
    x, weight, bias = padded(given, 3)
    return functional.instance_norm(x, weight=weight, bias=bias, eps=attributes["epsilon"])


def dropout(given: Inputs, attributes: Attributes) -> Any:
    rate = given[2] if len(given) > 2 and given[2] is not None else attributes.get("dropout_prob", attributes.get("p"))
    rate = number(rate)
    how = attributes.get("mode", attributes.get("dropout_implementation", "downgrade_in_infer"))
    how = "downscale_in_infer" if how == "downgrade_in_infer" else how  # as people call it
    if not attributes.get("is_test", False):
        raise ValueError("it drops, since the program was exported in training mode; export it after net.eval()")
    return functional.dropout(given[0], rate, training=False, mode=how)


def resized(mode: Any) -> Operation:
    def made(given: Inputs, attributes: Attributes) -> Any:
        _, size, tensors, scale = padded(given, 4)
        size = tensors if tensors is not None else size
        told: list[int] = numbers(size)
        if not told and min(attributes.get("out_h", -1), attributes.get("out_w", -1)) > 0:
            told = [int(attributes["out_h"]), int(attributes["out_w"])]
        scale = attributes.get("scale") if scale is None else scale.tolist()
        factor: Any = None if told else [float(each) for each in scale or ()]
        corners, align = bool(attributes.get("align_corners", False)), int(attributes.get("align_mode", 1))
        return functional.interpolate(given[0], told or None, factor, mode, corners, align)

    return made


def embedding(given: Inputs, attributes: Attributes) -> Any:
    rows = int(attributes.get("padding_idx", -1))
    return functional.embedding(given[0], given[1], padding_idx=None if rows == -1 else rows)


def prelu(given: Inputs, attributes: Attributes) -> Any:
    return functional.prelu(given[0], given[1].reshape([-1]), attributes.get("data_format", "NCHW"))


def matmul(given: Inputs, attributes: Attributes) -> Any:
    turned = [bool(attributes.get(new, attributes.get(old, False)))
              for new, old in (("transpose_x", "trans_x"), ("transpose_y", "trans_y"))]  # fmt: skip
    return paddle.matmul(given[0], given[1], *turned)


def flat_matmul(given: Inputs, attributes: Attributes) -> Any:
    """The product of the first programs: axes before a number are rows, those after it columns."""
    x, y = given[:2]
    rows = int(attributes.get("x_num_col_dims", 1))
    made = x.flatten(rows) if x.ndim > rows + 1 else x
    return paddle.matmul(made, y)


def first_matmul(given: Inputs, attributes: Attributes) -> Any:
    made = paddle.matmul(
        given[0], given[1], bool(attributes.get("transpose_X", False)), bool(attributes.get("transpose_Y", False))
    )
    factor = float(attributes.get("alpha", 1.0))
    return made if factor == 1.0 else made * factor
