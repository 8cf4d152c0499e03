"""How a weight of one model is made of the other's: taken as it is, transposed, or put together of rows of several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Carry:
    """One canonical weight of side b, by canonical names of side a.

    Attributes:
        names: whose rows, one after another, it is made of. turned: their first two axes are exchanged first.
        rows: which rows of all these it takes, in its order; None: all of them as they come. shape: what it is at last,
            where that is another. back: the axes are exchanged again at last.
    """

    names: tuple[str, ...]
    turned: bool = False
    rows: tuple[int, ...] | None = None
    shape: tuple[int, ...] | None = None
    back: bool = False

    @property
    def plain(self) -> bool:
        """Whether it is one weight as it is."""
        return self == Carry(self.names[:1])

    @property
    def told(self) -> str:
        """How the weight is made, for people: `transposed from c_fc.weight`, `packed from q.weight, k.weight`."""
        how = "packed" if len(self.names) > 1 else "rows" if self.rows is not None else ""
        how = how or ("transposed" if self.turned != self.back else "in another shape")
        return f"{how} from {', '.join(self.names)}"

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
        taken = whole if self.rows is None else whole[list(self.rows)]
        taken = np.swapaxes(taken, 0, 1) if self.back else taken
        return taken if self.shape is None else taken.reshape(self.shape)

    def parts(
        self, get: Callable[[str], np.ndarray | None], made: np.ndarray | None
    ) -> Iterator[tuple[str, np.ndarray | None, np.ndarray | None]]:
        """For each weight that it is made of its name, what is taken of it, and where that lies in side b's array."""
        if len(self.names) == 1 or made is None:
            whole = self.of(get)
            yield from ((name, whole, made) for name in self.names[:1])
            return
        laid = np.swapaxes(made, 0, 1) if self.back else made
        start = 0
        for name in self.names:
            array = get(name)
            if array is None:
                yield name, None, laid
                continue
            array = np.swapaxes(array, 0, 1) if self.turned else np.asarray(array)
            rows = np.arange(len(laid)) if self.rows is None else np.asarray(self.rows)
            here = (rows >= start) & (rows < start + len(array))
            yield name, array[rows[here] - start], laid[here]
            start += len(array)

    def as_json(self) -> dict:
        return asdict(self)

    @classmethod
    def from_json(cls, content: Mapping) -> Carry:
        rows, shape = (None if content[key] is None else tuple(content[key]) for key in ("rows", "shape"))
        return cls(tuple(content["names"]), bool(content["turned"]), rows, shape, bool(content["back"]))


def carried_arrays(carries: Mapping[str, Carry], arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays of side b by canonical name, of those whose parts are all there."""
    made = {name: carry.of(arrays.get) for name, carry in carries.items()}
    return {name: array for name, array in made.items() if array is not None}


def used(carries: Iterable[Carry]) -> set[str]:
    """The weights of side a that something is made of."""
    return {name for carry in carries for name in carry.names}
