"""Tensors of one framework made of those of the other: which part of which is equal to which part of which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..formats.stored import Array, Stored, transposed


@dataclass(frozen=True)
class Part:
    """Some of a tensor: seen in `shape` where that is not its own, then with its first two axes exchanged, then rows.

    Both sides of a piece are equal, number by number, as they are seen.
    """

    name: str
    transposed: bool = False
    rows: tuple[int, int] | None = None
    shape: tuple[int, ...] | None = None

    def of(self, tensor: np.ndarray) -> np.ndarray:
        """The part, of the same memory where that can be."""
        seen = tensor if self.shape is None else tensor.reshape(self.shape)
        seen = np.swapaxes(seen, 0, 1) if self.transposed else seen
        return seen if self.rows is None else seen[self.rows[0] : self.rows[1]]

    def extent(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """The shape of the part of a tensor of `shape`; None where it has no such part."""
        try:
            part = self.of(np.broadcast_to(np.zeros((), np.bool_), shape))
        except ValueError:  # another number of elements, or of axes
            return None
        short = self.rows is not None and part.shape[0] != self.rows[1] - self.rows[0]
        return None if short else part.shape

    @property
    def whole(self) -> bool:
        return self.rows is None and self.shape is None


@dataclass(frozen=True)
class Piece:
    """A part of a tensor of Paddle's and the part of PyTorch's that is equal to it; `found`: how that is known."""

    paddle: Part
    torch: Part
    found: str = ""

    def side(self, framework: str) -> Part:
        return getattr(self, framework)

    def told(self, into: str) -> str:
        """What is done to it on the way into that framework, in words for people."""
        done = ["transposed"] if self.paddle.transposed != self.torch.transposed else []
        if self.paddle.rows or self.torch.rows:
            done.append("packed" if self.side(into).rows else "unpacked")
        done += ["in another shape"] if self.paddle.shape or self.torch.shape else []
        return ", ".join(done)


def assembled(shape: tuple[int, ...], pieces: Sequence[Piece], into: str, arrays: Mapping[str, Array]) -> Array:
    """A tensor of `into`'s, of this shape, from pieces that cover it; what is in its file stays there.

    Args:
        arrays: the tensors of the other framework by name.
    """
    origin = "torch" if into == "paddle" else "paddle"
    first = arrays[pieces[0].side(origin).name]
    if len(pieces) == 1 and pieces[0].side(origin).whole and pieces[0].side(into).whole:
        same = pieces[0].paddle.transposed == pieces[0].torch.transposed
        return first if same else transposed(first) if first.ndim == 2 else _exchanged(first)

    def fetch() -> np.ndarray:
        made = np.empty(shape, first.dtype)
        for piece in pieces:
            source = piece.side(origin)
            piece.side(into).of(made)[...] = source.of(np.asarray(arrays[source.name]))
        return made

    return Stored(shape, first.dtype, fetch)


def _exchanged(array: Array) -> Stored:
    shape = (array.shape[1], array.shape[0], *array.shape[2:])
    return Stored(shape, array.dtype, lambda: np.ascontiguousarray(np.swapaxes(np.asarray(array), 0, 1)))


def fault_of(piece: Piece, shapes: Mapping[str, tuple[int, ...] | None]) -> str:
    """Why the two parts cannot hold the same numbers, in a few words; "" where they can.

    Args:
        shapes: framework → the shape of its tensor.
    """
    extents = {}
    for framework, shape in shapes.items():
        part = piece.side(framework)
        if shape is None:
            return f"{part.name} is no tensor of {framework}'s"
        extents[framework] = part.extent(shape)
        if extents[framework] is None:
            return f"{part.name} of {framework}'s has no such part"
    if extents["paddle"] != extents["torch"]:
        return f"{piece.paddle.name} and {piece.torch.name} do not fit each other"
    return ""


def uncovered(shape: tuple[int, ...], pieces: Sequence[Piece], into: str) -> bool:
    """Whether pieces leave something of a tensor out, or give something twice."""
    if len(pieces) == 1:
        part = pieces[0].side(into)
        return part.extent(shape) is None or part.extent(shape) != replace(part, rows=None).extent(shape)
    counts = np.zeros(shape, np.uint8)
    for piece in pieces:
        part = piece.side(into).of(counts)
        part += 1
    return bool((counts != 1).any())
