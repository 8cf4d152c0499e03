"""The record of one thing that both frameworks have: its names, arguments, weights, formula, differences and proof.

An entry is written with `entry`, `argument`, `setting` and `weight`, in the file of its family; what nobody says is the
common case. Values are in PyTorch's conventions, weights in PyTorch's layout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from .proof import Proof

REQUIRED = "required"  # in place of a default: the argument must be given


@dataclass(frozen=True)
class Names:
    """What one framework calls it, as paths below `torch` or `paddle`; methods and attributes of tensors by name.

    The first class and the first function are those that a proof uses unless it names others.
    """

    classes: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> Names:
        """From words: `nn.Conv2d` is a class, `F.conv2d` or `linalg.norm` a function, `.view` a method of tensors."""
        words = [word.replace("F.", "nn.functional.", 1) if word.startswith("F.") else word for word in text.split()]
        last = {word: word.rpartition(".")[2].lstrip("_") for word in words}
        methods = tuple(word[1:] for word in words if word.startswith("."))
        classes = tuple(word for word in words if not word.startswith(".") and last[word][:1].isupper())
        functions = tuple(word for word in words if not word.startswith(".") and word not in classes)
        return cls(classes, functions, methods)


@dataclass(frozen=True)
class Turned:
    """How Paddle's value of an argument becomes PyTorch's, and back."""

    words: str
    to_torch: Callable[[Any], Any]
    to_paddle: Callable[[Any], Any]


NOT = Turned("the opposite", lambda value: not value, lambda value: not value)
# Momentum of statistics: the share of the batch in PyTorch, of the old value in Paddle.
ONE_MINUS = Turned("one minus it", lambda value: round(1 - value, 12), lambda value: round(1 - value, 12))
BIAS = Turned("False, or an attribute", lambda value: value is not False, lambda value: None if value else False)


def values(pairs: Mapping[Any, Any]) -> Turned:
    """PyTorch's value → Paddle's, for arguments that are words; what is not listed is the same in both."""
    back = {theirs: ours for ours, theirs in pairs.items()}
    words = ", ".join(f"{ours!r} is {theirs!r}" for ours, theirs in pairs.items())
    return Turned(words, lambda value: back.get(value, value), lambda value: pairs.get(value, value))


@dataclass(frozen=True)
class Argument:
    """One argument of a call, or setting of a layer, under one name for both frameworks.

    `torch`, `paddle`: what they call it; several names (of the class, then of functions), none where it is missing.
    `attributes`: where a live layer of each framework keeps it, "" where it does not.
    `of_class`: the beginning of a class's name → the value that it stands for (`ReflectionPad2d`).
    `absent`: the value in a framework whose layers have no such attribute.
    `decides`: whether it can change the output. `gives`: the weights that a layer has only where it is true.
    """

    name: str
    torch: tuple[str, ...]
    paddle: tuple[str, ...]
    default_torch: Any = REQUIRED
    default_paddle: Any = REQUIRED
    attributes: tuple[str, str] = ("", "")
    turned: Turned | None = None
    of_class: Mapping[str, Any] = field(default_factory=dict)
    absent: Any = None
    decides: bool = True
    gives: tuple[str, ...] = ()


def argument(
    name: str, default: Any = REQUIRED, *, torch: str | None = None, paddle: str | None = None,
    paddle_default: Any = ..., **more: Any,
) -> Argument:  # fmt: skip
    """An argument of calls that no layer keeps. `torch` and `paddle` are its names, "" for none; `name` if not said."""
    names, other_names = (tuple((name if spelling is None else spelling).split()) for spelling in (torch, paddle))
    return Argument(name, names, other_names, default, default if paddle_default is ... else paddle_default, **more)


def setting(name: str, default: Any = REQUIRED, kept: str | None = None, **more: Any) -> Argument:
    """An argument that a layer keeps: under its name in PyTorch, with an underscore before it in Paddle.

    Args:
        kept: the two attributes in words, `"dim _axis"`; one word for both; a dash for none.
    """
    words = [word.strip("-") for word in (kept or f"{name} _{name}").split()]
    return argument(name, default, attributes=(words[0], words[-1]), **more)


@dataclass(frozen=True)
class Weight:
    """One weight, trained or not, in PyTorch's layout.

    `torch`, `paddle`: the names in their state dicts, "" where there is none. `transposed`: Paddle keeps the two axes
    exchanged. `flat`: Paddle keeps it as one row of a matrix. `part`: (i, n) for the i-th of n equal shares of the rows
    of PyTorch's tensor. `layer`: the kind of the layer that it belongs to, where Paddle has one for it alone. `suffix`:
    the end of Paddle's automatic tensor name (`conv2d_0.w_0`).
    """

    name: str
    torch: str
    paddle: str
    transposed: bool = False
    flat: bool = False
    part: tuple[int, int] | None = None
    layer: str = ""
    trained: bool = True
    suffix: str = ""


def weight(name: str, *, torch: str | None = None, paddle: str | None = None, **more: Any) -> Weight:
    """A weight that both call by its name unless said otherwise."""
    return Weight(name, name if torch is None else torch, name if paddle is None else paddle, **more)


WEIGHT, BIAS_ROW = weight("weight", suffix="w_0"), weight("bias", suffix="b_0")
AFFINE = (WEIGHT, BIAS_ROW)


class Kept(NamedTuple):
    """What an optimizer keeps for a parameter.

    Each of the rest names a setting: `share` decides how much of it is old, `scale` is what Paddle's is larger by,
    `start` is what PyTorch fills it with when the optimizer is made (without one it begins with the first step), and
    without `when` PyTorch, without `when_paddle` Paddle keeps none.
    """

    torch: str
    paddle: str
    share: str = ""
    scale: str = ""
    start: str = ""
    when: str = ""
    when_paddle: str = ""


@dataclass(frozen=True)
class Contrast:
    """One difference that a port must know: what, in each framework's words or values, why, and where it was seen.

    `shows(PyTorch's settings, Paddle's, weights)`: what of a layer and its weights makes outputs differ, whatever is
    run; nothing where they need not.
    `rule`: the argument of the formula with which it follows Paddle's.
    """

    what: str
    torch: str
    paddle: str
    why: str = ""
    measured_on: str = "torch 2.13.0, paddle 3.3.1"
    shows: Callable[[Mapping[str, Any], Mapping[str, Any], Mapping[str, np.ndarray]], str] | None = None
    rule: str = ""


@dataclass(frozen=True)
class Entry:
    """All that is known of one kind. `kind` is its key, and what a traced call of it is called.

    Names: `recorded` are names that only a recorder meets (inner functions); `static` begins the tensor names that
    Paddle's static functions give (`fc_0.w_0`), where those of layers begin with their class's. `exported`: what a
    program of Paddle's calls that takes its weight. `positions`: function without a readable signature → its arguments
    in order, after the inputs.
    `initial`: weight → keys of `DISTRIBUTIONS`, (PyTorch's default, Paddle's). `fan_of_all_groups`: Paddle's weight is
    drawn so, where PyTorch takes the fan of one group.

    Mathematics: `formula` computes it in float64 from `given` ("first" input, or "all"), the weights named in
    `operands` (also those that a function is given after its first input, in that order), and the arguments; `by_mode`:
    it is told whether the layer trains. `other_rules` yields the same call by rules that no argument tells.
    `by_example`: each example is computed by itself, and slowly.

    Numbers: `float32` names what Paddle keeps in float32 in float64 too: an argument with None, or a constant of the
    formula with its rounded value.
    `in_paddle`: what the formula is told to follow Paddle's rule.
    `gradient_factor(settings, given, made)`: what Paddle's gradient is larger by, in each place of the output.
    `inexact(settings, given, made)`: whether Paddle, computing places in float32, cannot be exact.

    Behaviour: `kink`: gradients jump at a "sign" or where another element is the "largest". `moves`: only moves or
    copies values; `draws`: which random numbers ("mask", "normal", "uniform", "chance" …); `exact`: rounds nothing;
    `ordered`: the order of inputs matters; `activation`: works value by value, and may stand where another should;
    `pointwise`: the arguments with which it is tried there; `inner_layers`: what it calls inside is its own; `steps`:
    what it calls inside is recorded as well, so that it can be held against the same written out.
    `state` (optimizers): what is kept for a parameter; `counted`: so is PyTorch's count of steps; `powers`: the
    settings whose powers, as `beta1_pow_acc`, Paddle keeps in place of one.
    `takes(shape of the weight, settings)`: shapes of inputs that such a layer takes, the likely ones first, each with
    how many whole numbers it is drawn from, or 0 for real numbers.
    """

    kind: str
    torch: Names
    paddle: Names
    arguments: tuple[Argument, ...] = ()
    weights: tuple[Weight, ...] = ()
    recorded: tuple[str, ...] = ()
    paddle_order: tuple[str, ...] = ()  # where Paddle takes the arguments in another order
    positions: Mapping[str, str] = field(default_factory=dict)
    static: str = ""
    exported: tuple[str, ...] = ()
    initial: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    fan_of_all_groups: bool = False
    formula: Callable | None = None
    given: str = "first"
    operands: tuple[str, ...] = ()
    by_mode: bool = False
    by_example: bool = False
    other_rules: Callable | None = None
    float32: Mapping[str, float | None] = field(default_factory=dict)
    in_paddle: Mapping[str, Any] = field(default_factory=dict)
    gradient_factor: Callable[[Mapping, Sequence[int], Sequence[int]], np.ndarray] | None = None
    inexact: Callable[[Mapping, Sequence[int], Sequence[int]], bool] | None = None
    differs: tuple[Contrast, ...] = ()
    kink: str = ""
    moves: bool = False
    draws: str = ""
    exact: bool = False
    ordered: bool = False
    activation: bool = False
    pointwise: tuple[Mapping[str, Any], ...] = ()
    inner_layers: bool = False
    steps: bool = False
    state: Mapping[str, Kept] = field(default_factory=dict)
    counted: bool = False
    powers: tuple[str, ...] = ()
    takes: Callable[[Sequence[int], Mapping[str, Any]], list[tuple[tuple[int, ...], int]]] | None = None
    source: str = "signatures and runs of torch 2.13.0 and paddle 3.3.1"
    proof: tuple[Proof, ...] = ()

    def names(self, framework: str) -> Names:
        return self.torch if framework == "torch" else self.paddle

    def rows(self, name: str) -> list[Weight]:
        """The weights of a name; several where a framework has more than one place for it."""
        return [row for row in self.weights if row.name == name]


def entry(
    kind: str, torch: str, paddle: str, arguments: Sequence[Argument] = (), weights: Sequence[Weight] = (), *,
    recorded: str = "", paddle_order: str = "", exported: str = "", proof: Proof | Sequence[Proof] = (), **more: Any,
) -> Entry:  # fmt: skip
    """An entry from words: see `Names.of` for `torch` and `paddle`."""
    proofs = (proof,) if isinstance(proof, Proof) else tuple(proof)
    return Entry(
        kind, Names.of(torch), Names.of(paddle), tuple(arguments), tuple(weights), tuple(recorded.split()),
        tuple(paddle_order.split()), exported=tuple(exported.split()), proof=proofs, **more,
    )  # fmt: skip


def rounded(number: float) -> float:
    """The float64 value of a number that is kept in float32."""
    return float(np.float32(number))


def as_in_float32(argument: Argument, value: float) -> float:
    """PyTorch's value for an argument of which Paddle keeps its own in float32."""
    return 1 - rounded(1 - value) if argument.turned is ONE_MINUS else rounded(value)
