"""What is done with a model of the user's own: in which precisions and modes, on which inputs, with which optimizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..errors import choose
from .inputs import FLOATS, Input
from .optimizer import OptimizerSettings

EXACT = "float64"  # the precision in which two models must agree; the others are held against it
PRECISIONS = (EXACT, "float32")
LOW = ("bfloat16", "float16")
MODES = ("train", "eval")


@dataclass(frozen=True)
class Plan:
    """What is done with a model. `loss` is the user's function of the outputs; by default a fixed random projection.

    In the first of `modes` there is a backward pass and `steps` steps of the optimizer; in the second one a forward
    pass alone. `lean`: of large arrays, lower precisions leave only how far they are from the first one.
    """

    inputs: Sequence[Input]
    seed: int = 1
    dtypes: tuple[str, ...] = PRECISIONS
    modes: tuple[str, ...] = MODES
    steps: int = 0
    optimizer: OptimizerSettings | str | Callable = field(default_factory=OptimizerSettings)
    loss: str | Callable | None = None
    device: str = "cpu"
    rounding: bool = True
    lean: bool = False


def check_dtypes(dtypes: Sequence[str]) -> tuple[str, ...]:
    """Each precision once, float64 first.

    Raises:
        BadInput: an unknown one.
    """
    for dtype in dtypes:
        choose(dtype, FLOATS, "precision")
    return tuple(dtype for dtype in FLOATS if dtype in dtypes)
