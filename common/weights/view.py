"""One canonical array as a part of one of a framework's tensors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class View:
    """One canonical array: `owner` is the path of the layer that it belongs to, `leaf` its name there.

    `stored_name` is the framework's state-dict name. `rows`: which of the tensor's rows. `shape` is the canonical one;
    `stored_shape` the tensor's own where the same values lie there in other axes ([1, n] against [n]).
    `identity` is equal for views of one shared tensor. `buffer`: the model computes with it, and no optimizer steps it.
    Of what is kept in place of a weight, `weight` names the weight, and `suffix` is what follows it in `leaf`.
    `unruled`: why nobody knows how the other framework has it.
    """

    owner: str
    leaf: str
    stored_name: str
    kind: str
    shape: tuple[int, ...]
    transposed: bool = False
    rows: tuple[int, int] | None = None
    trained: bool = True
    identity: int = 0
    stored_shape: tuple[int, ...] | None = None
    buffer: bool = False
    weight: str = ""
    suffix: str = ""
    unruled: str = ""

    @property
    def name(self) -> str:
        return joined(self.owner, self.leaf)

    @property
    def tensor_shape(self) -> tuple[int, ...]:
        """The shape of the framework's tensor, or of its rows."""
        return self.stored_shape or (self.shape[::-1] if self.transposed else self.shape)

    def take(self, tensor: np.ndarray) -> np.ndarray:
        """The canonical array, from the framework's tensor or anything of its shape; the same memory where possible."""
        part = tensor if self.rows is None else tensor[self.rows[0] : self.rows[1]]
        if self.stored_shape is not None:
            return part.reshape(self.shape)
        return np.ascontiguousarray(part.T) if self.transposed else part

    def put(self, array: np.ndarray, tensor: np.ndarray) -> None:
        """Write the canonical array into the framework's tensor."""
        part = tensor if self.rows is None else tensor[self.rows[0] : self.rows[1]]
        part[...] = array.T if self.transposed else array if self.stored_shape is None else array.reshape(part.shape)


def joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path and name else path or name
