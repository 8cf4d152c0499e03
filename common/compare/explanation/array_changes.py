"""Changes that two arrays show by themselves: a factor, an offset, a reversed, rolled or permuted axis."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations

import numpy as np

from ...distance import relative_error
from ...tolerances import bound
from .evidence import Trial

Changes = Iterator[tuple[str, np.ndarray]]
ENOUGH = 8  # values on which a fitted number is tested: one number fits one value always
MOST_AXES = 5  # 120 orders of the axes


def array_changes(array: np.ndarray, other: np.ndarray, names: tuple[str, str], noun: str, p: float | None = None,
                  both: bool = True) -> Changes:  # fmt: skip
    """(what is said, `one` so changed), to be compared with `other`.

    Args:
        names: of `one` and of `other`.
        p: the dropout probability of the call, which tells a factor of 1 / (1 − p) from any other.
        both: with the changes that say the same in both directions.
    """
    array, other = np.asarray(array, np.float64), np.asarray(other, np.float64)
    a, b = (f"{name}'s {noun}" for name in names)
    same = array.shape == other.shape and array.size > 0
    if array.size == other.size and array.size and (array.ndim > other.ndim or (both and array.ndim == other.ndim)):
        yield from _reordered(array, other, a, b)
    if same and both:
        yield from _mirrored(array, a, b)
        yield from _rolled(array, other, a, b)
    if same and both and array.size >= ENOUGH and array.any() and other.any():
        yield from _fitted(array, other, a, b, p)


def mutual_changes(names: tuple[str, str], arrays: tuple, noun: str, p: float | None = None) -> Iterator[Trial]:
    """Each of two arrays as a change of the other; arguments as for `array_changes`."""
    for side in (0, 1):
        other, wanted, named = arrays[1 - side], arrays[side], (names[1 - side], names[side])
        for claim, made in array_changes(other, wanted, named, noun, p, both=not side):
            yield Trial(claim, "so changed,", made, wanted)


def _fitted(array: np.ndarray, other: np.ndarray, a: str, b: str, p: float | None) -> Changes:
    factor = float(np.vdot(array, other) / np.vdot(array, array))
    yield f"{b} is {_factor(factor, p)} {a}", factor * array
    offset = float(np.mean(other - array))
    yield f"{b} is {a} plus {offset:.9g}", array + offset


def _factor(factor: float, p: float | None) -> str:
    """A factor in words."""
    near = bound("diagnosis removes it")
    if abs(factor + 1) <= near:
        return "the negative of"
    if p and 0 < p < 1:
        for value, words in ((1 / (1 - p), "1 / (1 − p)"), (1 - p, "1 − p")):
            if abs(factor - value) <= near:
                return f"{words} = {factor:.9g} times, as dropout with p = {p:g} scales,"
    return f"{factor:.9g} times"


def _mirrored(array: np.ndarray, a: str, b: str) -> Changes:
    axes = [axis for axis, size in enumerate(array.shape[:MOST_AXES]) if size > 1]
    for count in range(1, len(axes) + 1):
        for chosen in combinations(axes, count):
            word = "axis" if count == 1 else "axes"
            yield f"{b} is {a} reversed along {word} {', '.join(map(str, chosen))}", np.flip(array, chosen)


def _rolled(array: np.ndarray, other: np.ndarray, a: str, b: str) -> Changes:
    """The sums across an axis roll with it, and tell which shift is worth a try."""
    for axis, size in enumerate(array.shape):
        across = tuple(other_axis for other_axis in range(array.ndim) if other_axis != axis)
        mine, others = array.sum(across), other.sum(across)
        distances = [relative_error(np.roll(mine, shift), others) for shift in range(1, size)]
        if distances:
            shift = int(np.argmin(distances)) + 1
            yield f"{b} is {a} rolled by {shift} along axis {axis}", np.roll(array, shift, axis)


def _reordered(array: np.ndarray, other: np.ndarray, a: str, b: str) -> Changes:
    for order in _orders(array):
        moved = array.transpose(order).reshape(other.shape)
        if order != tuple(range(array.ndim)):
            yield f"{b} is {a} with its axes in the order {order}{_reshaped(array, order, other)}", moved
        elif array.shape != other.shape:
            yield f"{b} is {a} in the shape {other.shape} in place of {array.shape}", moved


def _reshaped(array: np.ndarray, order: tuple[int, ...], other: np.ndarray) -> str:
    return "" if tuple(array.shape[axis] for axis in order) == other.shape else f", then in the shape {other.shape}"


def _orders(array: np.ndarray) -> Iterator[tuple[int, ...]]:
    """Orders of the axes, as they are first; axes of length 1 keep their turn."""
    if array.ndim > MOST_AXES:
        return
    kept = [axis for axis, size in enumerate(array.shape) if size == 1]
    for order in permutations(range(array.ndim)):
        if [axis for axis in order if axis in kept] == kept:
            yield order


def rearranged_inputs(inputs: list[np.ndarray], outputs: tuple[np.ndarray, ...], names: tuple[str, str]) -> Changes:
    """Where both outputs are the input with its axes in some order and shape: the second's order on the first's input.

    It finds a flatten whose axes were permuted before on one side only, or height and width exchanged.
    """
    orders = [next(_orders_between(x, y), None) for x, y in zip(inputs, outputs, strict=True)]
    if None in orders or orders[0] == orders[1] or inputs[0].shape != inputs[1].shape:
        return
    claim = f"{names[0]} takes the axes of its input in the order {orders[0]} and {names[1]} in {orders[1]}"
    yield claim, inputs[0].transpose(orders[1]).reshape(outputs[1].shape)


def _orders_between(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[int, ...]]:
    if np.size(x) == np.size(y):
        for order in _orders(x):
            if relative_error(x.transpose(order).reshape(y.shape), y) <= bound("diagnosis removes it"):
                yield order
