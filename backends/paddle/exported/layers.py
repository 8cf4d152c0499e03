"""Which operations of an exported program are a layer with its weights: written by the program as several, one again.

`conv2d` and the addition of a bias are a `Conv2D`, which the kit can match, compare and carry as any other. What is no
such layer stays an operation, and its weights lie beside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from paddle import nn

from .arguments import Attributes, numbers, padded, paddings
from .steps import Step, Value

Shape = tuple[int, ...]


@dataclass
class Found:
    """A layer: the values of its weights by name; what it is given and makes; the steps that it stands for; how it is
    called with what it is given, in a flat list."""

    weights: dict[str, str]
    given: list[Value]
    made: list[str]
    steps: list[Step]
    make: Callable[[], nn.Layer]
    call: Callable[[nn.Layer, list], Any] = lambda layer, given: layer(*given)


class Finder:
    """Finds layers among the steps of a program.

    Args:
        shapes: weight → shape. axes: value → how many axes it has, as far as the program tells.
    """

    def __init__(self, steps: Sequence[Step], shapes: Mapping[str, Shape], axes: Mapping[str, int]) -> None:
        self.shapes, self.axes = shapes, axes
        self.users: dict[str, list[Step]] = {}
        self.makers = {value: step for step in steps for value in step.made}
        for step in steps:
            for value in step.values():
                self.users.setdefault(value, []).append(step)

    def layer(self, step: Step) -> Found | None:
        """The layer that begins at a step; nothing where it is none."""
        find = getattr(self, f"_{step.kind}", None)
        return find(step) if find is not None else None

    def _is_weight(self, value: Any) -> bool:
        return isinstance(value, str) and value in self.shapes

    def _weight_behind(self, value: Any, shape: Shape) -> tuple[str, list[Step]] | None:
        """The weight of so many elements that a value is, or is a reshape of."""
        if self._is_weight(value):
            return (value, []) if prod(self.shapes[value]) == prod(shape) else None
        maker = self.makers.get(value)
        if maker is not None and maker.kind == "reshape" and self.users.get(value, []) and len(self.users[value]) == 1:
            inner = self._weight_behind(maker.given[0], shape)
            return inner and (inner[0], [maker])
        return None

    def _with_bias(self, step: Step, weight: str, width: int, make: Callable[[bool], nn.Layer]) -> Found:
        """A layer whose output the program may add a bias to next, the only one who uses it."""
        given, made = step.given[0], step.made[0]
        users = self.users.get(made, [])
        if len(users) == 1 and users[0].kind == "add" and made in users[0].given[:2]:
            other = users[0].given[1 - users[0].given.index(made)]
            bias = self._weight_behind(other, (width,))
            if bias is not None and self.shapes[bias[0]] == (width,) and self._adds_to_channels(step, users[0], other):
                steps = [step, *bias[1], users[0]]
                return Found({"weight": weight, "bias": bias[0]}, [given], users[0].made, steps, lambda: make(True))
        return Found({"weight": weight}, [given], [made], [step], lambda: make(False))

    def _adds_to_channels(self, step: Step, add: Step, other: str) -> bool:
        """Whether a bias goes to the axis of the channels: the second of a convolution, the last of a product."""
        if step.kind == "matmul":
            axes = self.axes.get(step.made[0])
            return self._is_weight(other) and (add.attributes.get("axis", -1) == -1 or axes is None
                                               or add.attributes["axis"] == axes - 1)  # fmt: skip
        maker = self.makers.get(other)
        if maker is None:
            return add.attributes.get("axis", -1) == 1
        shape = numbers(maker.given[1] if len(maker.given) > 1 else maker.attributes.get("shape"))
        return len(shape) > 1 and shape[0] == 1 and all(each == 1 for each in shape[2:])

    def _conv2d(self, step: Step) -> Found | None:
        weight = step.given[1]
        if not self._is_weight(weight) or step.attributes.get("data_format", "NCHW") not in ("NCHW", "AnyLayout"):
            return None
        told = _convolution(step.attributes)
        out, inner, *size = self.shapes[weight]

        def make(bias: bool) -> nn.Layer:
            return nn.Conv2D(inner * told["groups"], out, size, **told, bias_attr=None if bias else False)

        return self._with_bias(step, weight, out, make)

    def _conv2d_transpose(self, step: Step) -> Found | None:
        weight = step.given[1]
        sized = numbers(step.attributes.get("output_size")) or len(step.given) > 2
        if not self._is_weight(weight) or sized or step.attributes.get("data_format", "NCHW") != "NCHW":
            return None
        told = _convolution(step.attributes)
        inner, out, *size = self.shapes[weight]
        told["output_padding"] = numbers(step.attributes.get("output_padding", ())) or 0

        def make(bias: bool) -> nn.Layer:
            return nn.Conv2DTranspose(inner, out * told["groups"], size, **told, bias_attr=None if bias else False)

        return self._with_bias(step, weight, out * told["groups"], make)

    def _matmul(self, step: Step) -> Found | None:
        x, weight = step.given[:2]
        turned = any(step.attributes.get(name) for name in ("transpose_x", "transpose_y", "trans_x", "trans_y"))
        if turned or not self._is_weight(weight) or self._is_weight(x) or len(self.shapes[weight]) != 2:
            return None
        inner, out = self.shapes[weight]
        return self._with_bias(step, weight, out, lambda bias: nn.Linear(inner, out, bias_attr=None if bias else False))

    def _batch_norm(self, step: Step) -> Found | None:
        x, mean, variance, weight, bias = step.given[:5]
        axes, layout = self.axes.get(x), step.attributes.get("data_format", step.attributes.get("data_layout", "NCHW"))
        kinds = {2: nn.BatchNorm1D, 3: nn.BatchNorm1D, 4: nn.BatchNorm2D, 5: nn.BatchNorm3D}
        fixed = step.attributes.get("is_test") or step.attributes.get("use_global_stats")
        weights = (mean, variance, weight, bias)
        if axes not in kinds or not layout.startswith("NC") or not fixed or not all(map(self._is_weight, weights)):
            return None
        (width,) = self.shapes[weight]
        named = {"weight": weight, "bias": bias, "_mean": mean, "_variance": variance}
        make = lambda: kinds[axes](width, epsilon=step.attributes["epsilon"], use_global_stats=True)  # noqa: E731
        return Found(named, [x], step.made[:1], [step], make)

    def _layer_norm(self, step: Step) -> Found | None:
        x, weight, bias = padded(step.given, 3)
        axes = self.axes.get(x)
        if axes is None or int(step.attributes["begin_norm_axis"]) != axes - 1 or not self._is_weight(weight):
            return None
        named = {"weight": weight} | ({"bias": bias} if self._is_weight(bias) else {})
        made: dict[str, Any] = {} if "bias" in named else {"bias_attr": False}
        (width,) = self.shapes[weight]
        return Found(
            named, [x], step.made[:1], [step], lambda: nn.LayerNorm(width, epsilon=step.attributes["epsilon"], **made)
        )

    def _group_norm(self, step: Step) -> Found | None:
        x, weight, bias = padded(step.given, 3)
        channels_first = step.attributes.get("data_format", "NCHW") == "NCHW"
        if not (self._is_weight(weight) and self._is_weight(bias) and channels_first):
            return None
        groups, (width,) = int(step.attributes["groups"]), self.shapes[weight]
        return Found(
            {"weight": weight, "bias": bias}, [x], step.made[:1], [step],
            lambda: nn.GroupNorm(groups, width, epsilon=step.attributes["epsilon"]),
        )  # fmt: skip

    def _embedding(self, step: Step) -> Found | None:
        ids, weight = step.given[:2]
        if not self._is_weight(weight):
            return None
        rows, width = self.shapes[weight]
        empty = int(step.attributes.get("padding_idx", -1))
        return Found(
            {"weight": weight}, [ids], step.made[:1], [step],
            lambda: nn.Embedding(rows, width, padding_idx=None if empty == -1 else empty),
        )  # fmt: skip

    def _prelu(self, step: Step) -> Found | None:
        x, weight = step.given[:2]
        if not self._is_weight(weight) or step.attributes.get("data_format", "NCHW") != "NCHW":
            return None
        count = prod(self.shapes[weight])
        return Found({"_weight": weight}, [x], step.made[:1], [step], lambda: nn.PReLU(count))

    def _rnn(self, step: Step) -> Found | None:
        """A recurrent layer with all its directions, time first, as the operation takes it."""
        x, states, weights, lengths = padded(step.given, 4)
        kinds = {"LSTM": nn.LSTM, "GRU": nn.GRU}
        about, both = step.attributes, bool(step.attributes.get("is_bidirec"))
        if about.get("mode") not in kinds or lengths is not None or not all(map(self._is_weight, weights)):
            return None
        names = [f"{kind}_{part}_l{layer}{back}" for kind in ("weight", "bias") for layer in range(about["num_layers"])
                 for back in ("", "_reverse")[: 1 + both] for part in ("ih", "hh")]  # fmt: skip
        if len(names) != len(weights) or not about.get("is_test", False):
            return None
        direction = "bidirect" if both else "forward"
        return Found(
            dict(zip(names, weights, strict=True)),
            [x, *states],
            [step.made[0], *step.made[2 : 2 + len(states)]],
            [step],
            lambda: kinds[about["mode"]](about["input_size"], about["hidden_size"], about["num_layers"], direction,
                                         time_major=True),
            _recurrent,
        )  # fmt: skip


def _recurrent(layer: nn.Layer, given: list) -> list:
    x, *states = given
    made, last = layer(x, tuple(states) if len(states) > 1 else states[0])
    return [made, *(last if isinstance(last, tuple) else [last])]


def _convolution(attributes: Attributes) -> dict[str, Any]:
    return {
        "stride": numbers(attributes.get("strides", [1])),
        "padding": paddings(attributes),
        "dilation": numbers(attributes.get("dilations", [1])),
        "groups": int(attributes.get("groups", 1)),
    }
