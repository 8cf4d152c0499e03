"""What is known of a row as data: what it is about, where it lies, and why it parts. `wording` makes text of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class About:
    """What a row is about.

    Attributes:
        what: a key of `wording.NAMES`, such as "call", "weight gradient", "moment".
        name: of the call, weight or array, as the first side has it; `other_name` as the second has it.
        part: which output of a call, which moment of a weight, whose checkpoint, which statistic.
        number: the step or epoch, from 1 or 0 as it is told; or how many there are.
        side: the one side that it is about, where it is not about both.
    """

    what: str
    name: str = ""
    other_name: str = ""
    part: str = ""
    number: int | None = None
    side: str = ""

    @property
    def of_weight(self) -> bool:
        """Whether it is about a weight that both models have, its gradient, or one of its moments."""
        return self.what in ("weight", "weight gradient", "gradient in a step", "moment")


@dataclass
class Place:
    """Where the arrays of a row lie in two traces, and in the users' code.

    Attributes:
        section, names: of the arrays, as a trace stores them. pair: place of the pair of calls in its mode; −1: none.
        lines: of each side's code; empty where they are not known.
    """

    section: str = ""
    names: tuple[str, ...] = ("", "")
    pair: int = -1
    lines: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Missing:
    """Some have no such array."""

    sides: tuple[str, ...]


@dataclass(frozen=True)
class OtherShapes:
    """The arrays have not one shape: who → shape."""

    shapes: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class OtherCounts:
    """The sides have not as many of them."""

    counts: tuple[int, ...]


@dataclass(frozen=True)
class OtherOperations:
    """The paired calls compute different things: side → what it calls."""

    labels: Mapping[str, str]


@dataclass(frozen=True)
class Rewritten:
    """The sides compute the same in other steps: what the models return agrees."""


@dataclass(frozen=True)
class OneSided:
    """Between values that both have, one side alone computes something."""

    side: str


@dataclass(frozen=True)
class OtherSteps:
    """Between values that both have: side → what it calls, which does not come to the same."""

    labels: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class OtherPlace:
    """Both call these, at another place of the computation."""

    labels: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Rearranged:
    """The same values, which the sides bring into different orders: side → what it calls to do so."""

    labels: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class OtherGiven:
    """The call agrees when it is given the same; it is not: a key of `wording.GIVEN`."""

    what: str


@dataclass(frozen=True)
class BeginsNaN:
    """What the models return holds NaNs: side → the call that makes the first one."""

    where: Mapping[str, str]


@dataclass(frozen=True)
class OtherPrecision:
    """The sides compute in different precisions: side → which, empty for its own; whether autocast asks for it; and
    where, if not in this call but before it."""

    precisions: Mapping[str, str]
    autocast: bool
    before: str = ""


@dataclass(frozen=True)
class Comes:
    """Where an error comes from: a key of `wording.ORIGINS`."""

    origin: str


@dataclass(frozen=True)
class PartsBackward:
    """A gradient that parts in the backward pass of what follows; of no call: of the loss."""

    calls: tuple[str, ...]


@dataclass(frozen=True)
class DiffersFromWitness:
    """These differ from the NumPy witness; of none: both are within the bound of it, and not of each other."""

    sides: tuple[str, ...]


@dataclass(frozen=True)
class EachByItsRule:
    """A running variance of `count` values: Paddle averages the biased one of a batch, PyTorch the unbiased."""

    count: int


@dataclass(frozen=True)
class CrossesKinks:
    """float32 falls on the other side of kinks of activations: side → how many times."""

    counts: Mapping[str, int]


@dataclass(frozen=True)
class Renamed:
    """A weight that has another name on one side."""

    name: str
    side: str


@dataclass(frozen=True)
class Told:
    """The matching of layers, or a side that could not go on, told the reason itself."""

    reason: str


Cause: TypeAlias = (
    Missing | OtherShapes | OtherCounts | OtherOperations | Comes | PartsBackward | DiffersFromWitness | EachByItsRule
    | CrossesKinks | Renamed | Told | Rewritten | BeginsNaN | OneSided | OtherSteps | OtherPlace | Rearranged
    | OtherGiven | OtherPrecision
)  # fmt: skip
