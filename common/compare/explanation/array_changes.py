"""Changes that two arrays show by themselves: a factor, an offset, a reversed, rolled or permuted axis."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, permutations

import numpy as np

from ...distance import relative_error
from ...tolerances import bound
from .evidence import Trial

Found = Iterator[tuple[str, np.ndarray]]
ENOUGH = 8  # values on which a fitted number is tested: one number fits one value always
MOST_AXES = 5  # 120 orders of the axes


def array_changes(one: np.ndarray, other: np.ndarray, names: tuple[str, str], noun: str, p: float | None = None,
                  both: bool = True) -> Found:  # fmt: skip
    """(what is said, `one` so changed), to be compared with `other`.

    Args:
        names: of `one` and of `other`.
        p: the dropout probability of the call, which tells a factor of 1 / (1 − p) from any other.
        both: with the changes that say the same in both directions.
    """
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    a, b = (f"{name}'s {noun}" for name in names)
    same = one.shape == other.shape and one.size > 0
    if one.size == other.size and one.size and (one.ndim > other.ndim or (both and one.ndim == other.ndim)):
        yield from _reordered(one, other, a, b)
    if same and both:
        yield from _mirrored(one, a, b)
        yield from _rolled(one, other, a, b)
    if same and both and one.size >= ENOUGH and one.any() and other.any():
        yield from _fitted(one, other, a, b, p)


def mutual_changes(names: tuple[str, str], arrays: tuple, noun: str, p: float | None = None) -> Iterator[Trial]:
    """Each of two arrays as a change of the other; arguments as for `array_changes`."""
    for side in (0, 1):
        other, wanted, named = arrays[1 - side], arrays[side], (names[1 - side], names[side])
        for said, made in array_changes(other, wanted, named, noun, p, both=not side):
            yield Trial(said, "so changed,", made, wanted)


def _fitted(one: np.ndarray, other: np.ndarray, a: str, b: str, p: float | None) -> Found:
    factor = float(np.vdot(one, other) / np.vdot(one, one))
    yield f"{b} is {_factor(factor, p)} {a}", factor * one
    offset = float(np.mean(other - one))
    yield f"{b} is {a} plus {offset:.9g}", one + offset


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


def _mirrored(one: np.ndarray, a: str, b: str) -> Found:
    axes = [axis for axis, size in enumerate(one.shape[:MOST_AXES]) if size > 1]
    for count in range(1, len(axes) + 1):
        for chosen in combinations(axes, count):
            word = "axis" if count == 1 else "axes"
            yield f"{b} is {a} reversed along {word} {', '.join(map(str, chosen))}", np.flip(one, chosen)


def _rolled(one: np.ndarray, other: np.ndarray, a: str, b: str) -> Found:
    """The sums across an axis roll with it, and tell which shift is worth a try."""
    for axis, size in enumerate(one.shape):
        across = tuple(other_axis for other_axis in range(one.ndim) if other_axis != axis)
        mine, others = one.sum(across), other.sum(across)
        distances = [relative_error(np.roll(mine, shift), others) for shift in range(1, size)]
        if distances:
            shift = int(np.argmin(distances)) + 1
            yield f"{b} is {a} rolled by {shift} along axis {axis}", np.roll(one, shift, axis)


def _reordered(one: np.ndarray, other: np.ndarray, a: str, b: str) -> Found:
    for order in _orders(one):
        moved = one.transpose(order).reshape(other.shape)
        if order != tuple(range(one.ndim)):
            yield f"{b} is {a} with its axes in the order {order}{_reshaped(one, order, other)}", moved
        elif one.shape != other.shape:
            yield f"{b} is {a} in the shape {other.shape} in place of {one.shape}", moved


def _reshaped(one: np.ndarray, order: tuple[int, ...], other: np.ndarray) -> str:
    return "" if tuple(one.shape[axis] for axis in order) == other.shape else f", then in the shape {other.shape}"


def _orders(array: np.ndarray) -> Iterator[tuple[int, ...]]:
    """Orders of the axes, as they are first; axes of length 1 keep their turn."""
    if array.ndim > MOST_AXES:
        return
    kept = [axis for axis, size in enumerate(array.shape) if size == 1]
    for order in permutations(range(array.ndim)):
        if [axis for axis in order if axis in kept] == kept:
            yield order


def rearranged_inputs(inputs: list[np.ndarray], outputs: tuple[np.ndarray, ...], names: tuple[str, str]) -> Found:
    """Where both outputs are the input with its axes in some order and shape: the second's order on the first's input.

    It finds a flatten whose axes were permuted before on one side only, or height and width exchanged.
    """
    orders = [next(_orders_between(x, y), None) for x, y in zip(inputs, outputs, strict=True)]
    if None in orders or orders[0] == orders[1] or inputs[0].shape != inputs[1].shape:
        return
    said = f"{names[0]} takes the axes of its input in the order {orders[0]} and {names[1]} in {orders[1]}"
    yield said, inputs[0].transpose(orders[1]).reshape(outputs[1].shape)


def _orders_between(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[int, ...]]:
    if np.size(x) == np.size(y):
        for order in _orders(x):
            if relative_error(x.transpose(order).reshape(y.shape), y) <= bound("diagnosis removes it"):
                yield order
