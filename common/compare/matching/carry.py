"""How a weight of one model is made of the other's: taken as it is, transposed, or put together of rows of several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Carry:
    """One canonical weight of side b, by canonical names of side a.

    Attributes:
        names: whose rows, one after another, it is made of. turned: their first two axes are exchanged first.
        rows: which rows of all these it takes, in its order; None: all of them as they come.
    """

    names: tuple[str, ...]
    turned: bool = False
    rows: tuple[int, ...] | None = None

    @property
    def plain(self) -> bool:
        """Whether it is one weight as it is."""
        return len(self.names) == 1 and not self.turned and self.rows is None

    def of(self, get: Callable[[str], np.ndarray | None]) -> np.ndarray | None:
        """The array for side b; None where one that it is made of is not there.

        Args:
            get: array of side a by canonical name: a weight, or what is laid out as one, such as its gradient.
        """
        parts = [get(name) for name in self.names]
        arrays = [np.asarray(part) for part in parts if part is not None]
        if len(arrays) < len(parts):
            return None
        if self.turned:
            arrays = [np.swapaxes(array, 0, 1) for array in arrays]
        whole = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
        return whole if self.rows is None else whole[list(self.rows)]

    def as_json(self) -> dict:
        return {"names": list(self.names), "turned": self.turned, "rows": self.rows and list(self.rows)}

    @classmethod
    def from_json(cls, content: Mapping) -> Carry:
        return cls(tuple(content["names"]), bool(content["turned"]), content["rows"] and tuple(content["rows"]))


def carried_arrays(carries: Mapping[str, Carry], arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays of side b by canonical name, of those whose parts are all there."""
    made = {name: carry.of(arrays.get) for name, carry in carries.items()}
    return {name: array for name, array in made.items() if array is not None}


def used(carries: Iterable[Carry]) -> set[str]:
    """The weights of side a that something is made of."""
    return {name for carry in carries for name in carry.names}
