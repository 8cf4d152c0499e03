"""Where two passes part, as data."""

from __future__ import annotations

from dataclasses import dataclass, field

ONE_SIDED, OTHER_STEPS, SAME_CALL = "one-sided", "other steps", "call"
OTHER_INPUTS, OTHER_VALUE, OTHER_CONSTANT = "inputs", "value", "constant"
REARRANGED, OTHER_ORDER = "rearranged", "order"


@dataclass
class Fault:
    """What differs by itself, between values that both sides have.

    Attributes:
        how: one of the words above. calls: of each side, by their index; a side may have none.
        error: between what the two make. inherited: of what they are given.
        confirmed: with what the first side makes put in its place, the second goes on to values of the first.
        alone: what the second side's call makes of the first's inputs is so far from what the first makes, where it is
            one call on each side.
    """

    how: str
    calls: tuple[tuple[int, ...], tuple[int, ...]]
    error: float
    confirmed: bool = False
    inherited: float = 0.0
    alone: float | None = None


@dataclass
class Located:
    """The faults of one mode in the order in which they were met, and the calls that an end which parts comes from."""

    faults: list[Fault] = field(default_factory=list)
    touched: tuple[frozenset[int], frozenset[int]] = (frozenset(), frozenset())
