"""Entries of arithmetic and comparisons, number by number."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..entry import Contrast, Entry, argument, entry
from ..formula import reversed_operands
from ..proof import Proof, positive, proved, real

TWO = (real(3, 4), real(3, 4))
NUMBER = real()
OTHER = argument("other", paddle="y")
ALPHA = argument("alpha", 1, paddle="")


def _pair(operation: Callable, x, other, alpha: float = 1.0):
    return operation(x, alpha * other if alpha != 1 else other)


def _of_two(kind: str, names: str, operation: Callable, *arguments, torch: str = "", paddle: str = "", **more) -> Entry:
    """An operation on two arrays, or an array and a number; `names` are those of both frameworks."""
    common = {"proof": (proved(*TWO), proved(real(3, 4), NUMBER)), "formula": partial(_pair, operation)}
    return entry(kind, f"{names} {torch}", f"{names} {paddle}", (OTHER, *arguments), given="all", **common | more)


def _compared(kind: str, names: str, operation: Callable, paddle: str) -> Entry:
    proofs = (Proof(TWO, gradients=False), Proof((real(3, 4), NUMBER), gradients=False))
    return _of_two(kind, names, operation, paddle=paddle, proof=proofs)


def _extreme(of_two: Callable, of_all: Callable, x, other=None, axis=None, keepdim: bool = False):
    return of_all(x, axis, keepdims=keepdim) if other is None else of_two(x, other)


def _of_largest(kind: str, both: str, of_axis: str, method: str, of_two: Callable, of_all: Callable) -> Entry:
    """The larger of two, or the largest along axes: what frameworks call by names that cross."""
    names = f"{both} {of_axis} {method} .{both} .{of_axis} .{method}"
    axis = argument("axis", torch="dim", paddle_default=None)
    shares = Contrast("gradient of equal values", f"of {method}(dim): all to the first", "shared evenly")
    return entry(kind, names, names, (OTHER, axis, argument("keepdim", False)), given="all", exact=True,
                 formula=partial(_extreme, of_two, of_all), positions=dict.fromkeys((of_axis, method), "axis keepdim"),
                 differs=(shares, Contrast(f"{method} along an axis", "(values, indices)", "the values")),
                 proof=(proved(*TWO), Proof((real(3, 4),), {"axis": 1}, names=(of_axis, of_axis)),
                        Proof((real(3, 4),), {"axis": 1}, names=(method, method), outputs=((0,), None))))  # fmt: skip


ENTRIES: tuple[Entry, ...] = (
    _of_two("add", "add .add .__add__ .__radd__", np.add, ALPHA, torch=".__iadd__",
            differs=(Contrast("x += y", "changes x", "makes a new tensor"),)),
    _of_two("subtract", "subtract sub .subtract .sub .__sub__ .__rsub__", np.subtract, ALPHA,
            torch="rsub .__isub__", recorded="rsubtract", ordered=True, other_rules=reversed_operands),
    _of_two("multiply", "multiply mul .multiply .mul .__mul__ .__rmul__", np.multiply, torch=".__imul__",
            paddle="scale .scale"),
    _of_two("divide", "divide div true_divide .divide .div .true_divide .__div__ .__rdiv__ .__truediv__ .__rtruediv__",
            np.divide, torch=".__itruediv__", ordered=True, other_rules=reversed_operands,
            proof=(proved(real(3, 4), positive(3, 4)), proved(real(3, 4), NUMBER))),
    entry("power", "pow square .pow .square .__pow__ .__rpow__", "pow square .pow .square .__pow__ .__rpow__",
          (argument("other", torch="exponent", paddle="y"),), given="all", formula=lambda x, other=2.0: x**other,
          ordered=True, proof=(proved(positive(3, 4), other=1.5), proved(positive(3, 4), real(3, 4)),
                               Proof((real(3, 4),), names=("square", "square")))),
    entry("negative", "negative neg .negative .neg .__neg__", "negative neg .negative .neg .__neg__",
          formula=np.negative, exact=True, proof=proved(real(3, 4))),
    entry("abs", "abs .abs .__abs__", "abs .abs .__abs__", formula=np.abs, kink="sign", exact=True,
          proof=proved(real(3, 4))),
    _of_largest("maximum", "maximum", "amax", "max", np.maximum, np.max),
    _of_largest("minimum", "minimum", "amin", "min", np.minimum, np.min),
    _compared("less", "less lt .less .lt .__lt__", np.less, "less_than .less_than"),
    _compared("greater", "greater gt .greater .gt .__gt__", np.greater, "greater_than .greater_than"),
    _compared("equal", "eq equal .eq .__eq__", np.equal, ".equal"),
)  # fmt: skip
