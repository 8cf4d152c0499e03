"""Entries of comparisons, logic and bits: what gives truth values, or works on them and on whole numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..entry import Contrast, Entry, argument, entry
from ..proof import Input, Proof, boolean, gaps, index, nonfinite

OTHER = argument("other", paddle="y")
# Digits that are often equal.
FEW = (index(3, 3, 4), index(3, 3, 4))
TRUE, BITS = (boolean(3, 4), boolean(3, 4)), (index(16, 3, 4), index(16, 3, 4))


def _of_two(kind: str, torch: str, paddle: str, formula: Callable, inputs: tuple[Input, ...] = FEW, **more) -> Entry:
    """A relation of two arrays; nothing of it has a gradient."""
    arguments = (OTHER, *more.pop("arguments", ()))
    more.setdefault("proof", Proof(inputs, gradients=False))
    return entry(kind, torch, paddle, arguments, given="all", exact=True, formula=formula, **more)


def _of_number(kind: str, formula: Callable, given: Input, names: str = "") -> Entry:
    both = f"{kind} .{kind} {names}"
    return entry(kind, both, both, formula=formula, exact=True, proof=Proof((given,), gradients=False))


def _isclose(x, other, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False):
    return np.isclose(x, other, rtol, atol, equal_nan)


ENTRIES: tuple[Entry, ...] = (
    _of_two("not_equal", "ne not_equal .ne .not_equal .__ne__", "not_equal ne .not_equal .ne .__ne__", np.not_equal),
    _of_two("greater_equal", "ge greater_equal .ge .greater_equal .__ge__",
            "greater_equal ge .greater_equal .ge .__ge__", np.greater_equal, ordered=True),
    _of_two("less_equal", "le less_equal .le .less_equal .__le__", "less_equal le .less_equal .le .__le__",
            np.less_equal, ordered=True),
    _of_two("isclose", "isclose allclose .isclose .allclose", "isclose allclose .isclose .allclose", _isclose,
            (gaps(3, 6), gaps(3, 6)), ordered=True,
            arguments=(argument("rtol", 1e-5), argument("atol", 1e-8), argument("equal_nan", False)),
            differs=(Contrast("allclose", "a Python bool", "a tensor"),
                     Contrast("a number and ∞", "not close", "close")),
            proof=(Proof((gaps(3, 6), gaps(3, 6)), {"equal_nan": True, "atol": 0.5}, gradients=False),
                   Proof((gaps(3, 6), gaps(3, 6)), {"rtol": 0.9}, gradients=False))),
    _of_number("isnan", np.isnan, nonfinite(3, 4)),
    _of_number("isinf", np.isinf, nonfinite(3, 4)),
    _of_number("isfinite", np.isfinite, nonfinite(3, 4)),
    _of_number("logical_not", np.logical_not, boolean(3, 4)),
    _of_two("logical_and", "logical_and .logical_and", "logical_and .logical_and", np.logical_and, TRUE),
    _of_two("logical_or", "logical_or .logical_or", "logical_or .logical_or", np.logical_or, TRUE),
    _of_two("logical_xor", "logical_xor .logical_xor", "logical_xor .logical_xor", np.logical_xor, TRUE),
    _of_number("bitwise_not", np.bitwise_not, index(16, 3, 4), ".__invert__"),
    _of_two("bitwise_and", "bitwise_and .bitwise_and .__and__", "bitwise_and .bitwise_and .__and__", np.bitwise_and,
            BITS),
    _of_two("bitwise_or", "bitwise_or .bitwise_or .__or__", "bitwise_or .bitwise_or .__or__", np.bitwise_or, BITS),
    _of_two("bitwise_xor", "bitwise_xor .bitwise_xor .__xor__", "bitwise_xor .bitwise_xor .__xor__", np.bitwise_xor,
            BITS),
)  # fmt: skip
