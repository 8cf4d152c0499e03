"""What an optimizer of anyone's model keeps, in one framework's layout and in the words of its dictionary entry."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ...dictionary.entry import Entry

Kept = dict[str, dict[str, np.ndarray]]  # moment → parameter → array


@dataclass
class Group:
    """Parameters that share their numbers. `numbers`: those of the entry, by its names."""

    numbers: dict[str, float]
    names: list[str]


@dataclass
class State:
    """One optimizer's state; parameters go by their names in the framework's own state dict.

    Attributes:
        kept: moment → parameter → array, laid out as the framework lays out the weight; values are PyTorch's.
        steps: parameter → how many steps were taken; nothing where nothing tells.
        masters: parameter → its float32 copy, of an optimizer that steps weights of 16 bits.
        schedule: where its schedule of rates is, in Paddle's words: `last_epoch`, `last_lr`.
    """

    entry: Entry
    groups: list[Group]
    kept: Kept
    steps: dict[str, int] = field(default_factory=dict)
    masters: dict[str, np.ndarray] = field(default_factory=dict)
    schedule: dict[str, Any] = field(default_factory=dict)

    @property
    def stepped(self) -> list[str]:
        """The parameters of which something is kept."""
        return list(dict.fromkeys([*(name for arrays in self.kept.values() for name in arrays), *self.steps]))

    def first_of(self, name: str) -> np.ndarray:
        """The first that is kept of a parameter, whose type is that of all."""
        return next(arrays[name] for arrays in self.kept.values() if name in arrays)

    def in_float64(self) -> State:
        """The same without master weights, to go on in float64."""
        kept = {moment: {name: array.astype(np.float64) for name, array in arrays.items()}
                for moment, arrays in self.kept.items()}  # fmt: skip
        return replace(self, kept=kept, masters={})

    def numbers_of(self, name: str) -> dict[str, float]:
        return next(group.numbers for group in self.groups if name in group.names)
