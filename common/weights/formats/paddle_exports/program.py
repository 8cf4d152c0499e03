"""What the program of an export says, whichever kind of file it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..bounded_bytes import Malformed, quoted
from ..pickles.pickled_numpy import MAX_AXES
from ..pytorch.tensors import dtype_named


@dataclass(frozen=True)
class Variable:
    """One value of a program. `shape` holds -1 where the size is open; both are None where it is no single tensor.

    `stored`: its value lies in the file of parameters.
    """

    name: str
    dtype: str | None
    shape: tuple[int, ...] | None
    stored: bool = False


@dataclass(frozen=True)
class Operation:
    """One call. `inputs` and `outputs`: slot → names of variables; the slots of PIR are "0", "1" … in order.

    `block`: 0 is the main one; the operations of a branch or a loop have the number of their own. `layer`: the classes
    of the layers around it, where the program tells them ("/Block_1/Conv2D/").
    """

    kind: str
    inputs: Mapping[str, tuple[str, ...]]
    outputs: Mapping[str, tuple[str, ...]]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    block: int = 0
    layer: str = ""


@dataclass(frozen=True)
class Program:
    """A whole program.

    `operations` are in the order in which they are written, which within a block is that in which they run; those of a
    branch follow the operation that runs them or lie behind the main block. A ProgramDesc may write a name more than
    once. `variables` are by name; `inputs` and `outputs` are what it is fed and gives, in order.
    """

    kind: str  # "ProgramDesc" or "PIR"
    version: str  # of the Paddle that made it (2.6.2); of PIR, its own
    operations: tuple[Operation, ...]
    variables: Mapping[str, Variable]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    @property
    def stored(self) -> list[Variable]:
        """The variables whose values lie in the file of parameters, in the order in which they lie there."""
        return [self.variables[name] for name in sorted(self.variables) if self.variables[name].stored]

    def counts(self) -> dict[str, int]:
        """Kind of operation → how many, the most frequent first."""
        counts = Counter(call.kind for call in self.operations)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


# Paddle's number for a type → NumPy's name.
TYPES = {
    0: "bool", 1: "int16", 2: "int32", 3: "int64", 4: "float16", 5: "float32", 6: "float64", 20: "uint8", 21: "int8",
    22: "bfloat16", 23: "complex64", 24: "complex128", 32: "float8_e4m3fn", 33: "float8_e5m2",
}  # fmt: skip


def numpy_type(code: object) -> np.dtype:
    """Raises `Malformed` of a number that is no type of a tensor."""
    if code not in TYPES:
        raise Malformed(f"it holds a tensor of the type {quoted(code)}, which is not known here")
    return dtype_named(TYPES[code])  # type: ignore[index]


def checked_sizes(sizes: Sequence[object]) -> tuple[int, ...]:
    """Sizes as a program says them, -1 where open: Paddle also writes -8 there, for 8 times what is open.

    Raises `Malformed` of what cannot be such.
    """
    if len(sizes) > MAX_AXES or any(type(size) is not int or not -(2**48) < size < 2**48 for size in sizes):
        raise Malformed("a variable of its program has a shape that is none")
    return tuple(max(size, -1) for size in sizes)  # type: ignore[arg-type]
