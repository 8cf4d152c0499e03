"""Numbers that carry what rounding may have done to them, forwards and backwards through a model.

A `Rounded` is an exact float64 array and, for each element, the variance of its rounding error. To first order the
errors of a result are those of its operands, times the derivative, and the operation's own; independent errors add as
variances. With u the unit roundoff, one operation errs by at most u |result|, uniformly: variance u²/3 · result².

A sum of K products errs in every partial sum s. Over all orders of summation the mean of Σ s² is
K/6 · Σ t² + K/3 · (Σ t)² for terms t, so the variance is u²/3 · (K/6 · Σ t² + K/3 · result²): it holds for any library,
whose order nobody knows. (Higham and Mary, 2019, bound the same by √K u Σ|t|, which errors in random directions do not
reach.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Precision:
    """Unit roundoffs: of the operands of products, of accumulation, of what is stored between layers, and of what the
    pass is given: images, noise, masks and weights. 0 where nothing is rounded."""

    operand: float
    accumulate: float
    store: float
    given: float = 0.0


@dataclass(eq=False)
class Rounded:
    """Exact values, the variances of their errors, and what a backward pass adds.

    `gradient` and `gradient_variance` are those of the loss with respect to the values; `squares` is the sum of the
    squared terms that were added up in the gradient: its scale where they cancel. `send` hands the gradient on.
    """

    value: np.ndarray
    variance: np.ndarray
    send: Callable[[], None] | None = None
    reached: bool = False  # by a gradient; before that it has none of these three
    gradient: np.ndarray = field(init=False, repr=False)
    gradient_variance: np.ndarray = field(init=False, repr=False)
    squares: np.ndarray = field(init=False, repr=False)
    doubtful: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    def receive(self, gradient: np.ndarray, variance: np.ndarray, squares: np.ndarray | None = None) -> None:
        """Add a part of the gradient with its variance; `squares` where it is itself a sum of terms."""
        squares = gradient**2 if squares is None else squares
        if not self.reached:
            self.gradient, self.gradient_variance, self.squares, self.reached = gradient, variance, squares, True
        else:
            self.gradient = self.gradient + gradient
            self.gradient_variance = self.gradient_variance + variance
            self.squares = self.squares + squares


def exact(array: np.ndarray) -> Rounded:
    """A number without error: what both sides of a comparison are given."""
    value = np.asarray(array, np.float64)
    return Rounded(value, np.zeros_like(value))


def given(array: np.ndarray, precision: Precision) -> Rounded:
    """What a pass is given: exact, or rounded to nearest on its way in. That error is known, and is its deviation."""
    number = exact(array)
    if precision.given:
        number.variance = (_nearest(number.value, precision.given) - number.value) ** 2
    return number


def _nearest(values: np.ndarray, roundoff: float) -> np.ndarray:
    """Values with as many binary digits as the unit roundoff 2^−p says."""
    fraction, exponent = np.frexp(values)
    return np.ldexp(np.rint(fraction / roundoff) * roundoff, exponent)


Sum = tuple[np.ndarray, np.ndarray, np.ndarray]


def product_sum(apply: Callable, terms: int, precision: Precision, a: tuple, b: tuple) -> Sum:
    """Value, variance and sum of squared terms of `apply(a, b)`, which sums `terms` products of elements of each.

    `a`, `b`: values and variances.
    """
    value = apply(a[0], b[0])
    rounding = (1 + terms / 6) * precision.accumulate**2 / 3 + 2 * precision.operand**2 / 3
    a2, b2 = a[0] ** 2, b[0] ** 2
    inherited = apply(a2, b[1] + rounding * b2) + (apply(a[1], b2) if np.any(a[1]) else 0)
    return value, inherited + (terms / 9 * precision.accumulate**2 + precision.store**2 / 3) * value**2, apply(a2, b2)


def plain_sum(x: tuple, axes: tuple[int, ...], precision: Precision) -> Sum:
    """As `product_sum`, for the sum of an array (values and variances) over `axes`."""
    value, squares = x[0].sum(axes), (x[0] ** 2).sum(axes)
    terms = x[0].size // max(1, value.size)
    rounding = (
        precision.accumulate**2 * (terms / 18 * squares + terms / 9 * value**2) + precision.store**2 / 3 * value**2
    )
    return value, x[1].sum(axes) + rounding, squares
