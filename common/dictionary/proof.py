"""How an entry is proved: inputs to draw, arguments to give to both frameworks, what of the results is compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Input:
    """An array to draw.

    `kind`: real (normal), positive (0.5 to 2), unit (−0.9 to 0.9), probability (positive, sums of the last axis 1),
    index (whole numbers below `below`), boolean, one_hot (of `below` classes), distinct (no two within 0.01),
    sign (−1 or 1), gaps (some are NaN), nonfinite (some are NaN, ∞ or −∞).
    `name`: the argument that it is given as, in order where it has none. `axes`: the order of axes in which Paddle is
    given it; `transposed`: the same for two. `fixed`: it gets no gradient.
    """

    shape: tuple[int, ...]
    kind: str = "real"
    below: int = 0
    name: str = ""
    axes: tuple[int, ...] = ()
    transposed: bool = False
    fixed: bool = False

    def for_paddle(self, array: np.ndarray) -> np.ndarray:
        return array.T if self.transposed else array.transpose(self.axes) if self.axes else array

    def back(self, array: np.ndarray) -> np.ndarray:
        """From Paddle's order of axes."""
        return array.T if self.transposed else array.transpose(np.argsort(self.axes)) if self.axes else array

    def draw(self, random: np.random.Generator) -> np.ndarray:
        return np.asarray(_DRAWS[self.kind](self, random))


def _probability(spec: Input, random: np.random.Generator) -> np.ndarray:
    drawn = random.uniform(0.2, 1, spec.shape)
    return drawn / drawn.sum(-1, keepdims=True)


def _distinct(spec: Input, random: np.random.Generator) -> np.ndarray:
    count = int(np.prod(spec.shape))
    return (random.permutation(count) - count / 2 + random.uniform(0.1, 0.8, count)).reshape(spec.shape) / max(4, count)


def _among(spec: Input, random: np.random.Generator, what: list[float]) -> np.ndarray:
    drawn = random.standard_normal(spec.shape)
    drawn.flat[random.permutation(drawn.size)[: len(what) * (drawn.size // 6)]] = what * (drawn.size // 6)
    return drawn


_DRAWS = {
    "real": lambda spec, random: random.standard_normal(spec.shape),
    "positive": lambda spec, random: random.uniform(0.5, 2, spec.shape),
    "unit": lambda spec, random: random.uniform(-0.9, 0.9, spec.shape),
    "probability": _probability,
    "index": lambda spec, random: random.integers(0, spec.below, spec.shape),
    "boolean": lambda spec, random: random.random(spec.shape) < 0.5,
    "one_hot": lambda spec, random: np.eye(spec.below)[random.integers(0, spec.below, spec.shape)],
    "distinct": _distinct,
    "sign": lambda spec, random: random.choice([-1.0, 1.0], spec.shape),
    "gaps": lambda spec, random: _among(spec, random, [np.nan]),
    "nonfinite": lambda spec, random: _among(spec, random, [np.nan, np.inf, -np.inf]),
}


def real(*shape: int, **more: Any) -> Input:
    return Input(shape, **more)


def positive(*shape: int, **more: Any) -> Input:
    return Input(shape, "positive", **more)


def unit(*shape: int, **more: Any) -> Input:
    return Input(shape, "unit", **more)


def probability(*shape: int, **more: Any) -> Input:
    return Input(shape, "probability", **more)


def distinct(*shape: int, **more: Any) -> Input:
    return Input(shape, "distinct", **more)


def boolean(*shape: int, **more: Any) -> Input:
    return Input(shape, "boolean", **more)


def index(below: int, *shape: int, **more: Any) -> Input:
    return Input(shape, "index", below, **more)


def one_hot(below: int, *shape: int, **more: Any) -> Input:
    return Input(shape, "one_hot", below, **more)


def sign(*shape: int, **more: Any) -> Input:
    return Input(shape, "sign", **more)


def gaps(*shape: int, **more: Any) -> Input:
    return Input(shape, "gaps", **more)


def nonfinite(*shape: int, **more: Any) -> Input:
    return Input(shape, "nonfinite", **more)


@dataclass(frozen=True)
class Proof:
    """One call, or one layer, to be made in both frameworks in float64.

    `arguments`: by the entry's names, in PyTorch's conventions; `torch`, `paddle`: more of one framework alone, by its
    own names. `layer`: build the first class with them and give it the inputs; else call the first function.
    `names`: other callables of the entry for (PyTorch, Paddle), as `Names.of` reads them. `listed`: the inputs are
    given as one list. `outputs`: places of the tensors compared, (PyTorch's, Paddle's), all where None. `axes`: the
    order of axes in which Paddle returns them.
    `modes`: "eval" and "training" of a layer. `bound`, `gradient_bound`: rows of the table of tolerances.
    `gradients`: whether they are compared. `formula`: whether the entry's formula covers this call.
    `same_type`: whether both return floating-point numbers, or both whole numbers.
    `distribution`: random results are compared by mean and deviation, in standard errors.
    `without`: the framework that cannot make this call here, as what has a kernel for GPUs alone.
    `steps`: of an optimizer or a schedule. `shape`: of what an initializer fills.
    """

    inputs: tuple[Input, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    torch: Mapping[str, Any] = field(default_factory=dict)
    paddle: Mapping[str, Any] = field(default_factory=dict)
    layer: bool = False
    names: tuple[str, str] = ("", "")
    listed: bool = False
    outputs: tuple[tuple[int, ...] | None, tuple[int, ...] | None] = (None, None)
    axes: tuple[int, ...] = ()
    modes: tuple[str, ...] = ("eval",)
    bound: str = "float64 forward"
    gradient_bound: str = "float64 gradient"
    gradients: bool = True
    formula: bool = True
    same_type: bool = True
    distribution: bool = False
    without: str = ""
    steps: int = 5
    shape: tuple[int, ...] = ()


def proved(*inputs: Input, **arguments: Any) -> Proof:
    """A function called with these inputs and arguments."""
    return Proof(inputs, arguments)


def proved_layer(*inputs: Input, modes: str = "eval", **arguments: Any) -> Proof:
    """A layer built with these arguments and given these inputs."""
    return Proof(inputs, arguments, layer=True, modes=tuple(modes.split()))
