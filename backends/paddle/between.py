"""What an operation of Paddle gives for a number that its kernel keeps in float32, in float64 all the same.

Whether it does is measured: with the number, and with the float32 nearest to it, the result is the same, bit for bit.
Then it is asked for both float32 numbers around the true one. As the number lies between the two, so does its result,
values and gradients, to a part in 1e14; a kink between the two counts for those elements alone that lie there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import paddle
from paddle import Tensor

from ...common.dictionary.entry import rounded

Place = int | str  # of an argument


class Asked(NamedTuple):
    """An operation and what it is given."""

    name: str
    function: Callable
    args: list
    kwargs: dict

    @property
    def in_place(self) -> bool:
        return self.name.endswith("_") and not self.name.startswith("__")

    def given(self) -> dict[Place, Any]:
        return {**dict(enumerate(self.args)), **self.kwargs}

    def told(self, values: dict[Place, Any]) -> Asked:
        """With other values in some places."""
        args = [values.get(place, value) for place, value in enumerate(self.args)]
        return self._replace(args=args, kwargs={name: values.get(name, value) for name, value in self.kwargs.items()})

    def run(self) -> Any:
        return self.function(*self.args, **self.kwargs)


def inexact(asked: Asked) -> list[Place]:
    """Where it is told a number that float32 does not hold."""
    return [place for place, value in asked.given().items() if isinstance(value, float) and is_inexact(value)]


@lru_cache(maxsize=4096)
def is_inexact(number: float) -> bool:
    with np.errstate(over="ignore"):
        near = rounded(number)
    return math.isfinite(near) and near != number


def around(number: float) -> tuple[float, float, float]:
    """The nearest float32, the one on the other side, and how far the number is on the way to that."""
    near = np.float32(number)
    other = float(np.nextafter(near, np.float32(math.copysign(math.inf, number - float(near)))))
    return float(near), other, (number - float(near)) / (other - float(near))


def is_rounded(asked: Asked, place: Place) -> bool:
    """Whether a value or gradient is the same with the number in float32, or none depends on the number at all."""
    number = asked.given()[place]
    near, other, _ = around(number)
    exact, at_near, at_other = (_results(asked.told({place: told})) for told in (number, near, other))
    rows = [(_equal(a, b), _equal(b, c)) for a, b, c in zip(exact, at_near, at_other, strict=True)]
    return any(same and not still for same, still in rows) or all(same for same, _ in rows)


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    return np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")


def _results(asked: Asked) -> list[np.ndarray]:
    """What comes of it, and the gradients of half the sum of the squares of that."""
    leaves = {place: value.detach() for place, value in _tensors(asked).items()}
    for place, leaf in leaves.items():
        leaf.stop_gradient = asked.given()[place].stop_gradient
    with paddle.enable_grad():
        made = _flat(asked.told({place: leaf.clone() for place, leaf in leaves.items()}).run())
        ends = [tensor for tensor in made if not tensor.stop_gradient]
        trained = [leaf for leaf in leaves.values() if not leaf.stop_gradient]
        gradients = []
        if ends and trained:
            gradients = paddle.grad(ends, trained, [end.detach() for end in ends], allow_unused=True)
    return [tensor.numpy() for tensor in (*made, *gradients) if tensor is not None]


def between(asked: Asked, places: Sequence[Place]) -> Any:
    """What the operation gives for the true numbers in some places, where it keeps them in float32.

    What it changes in place is changed so too, and random numbers are drawn once.
    """
    steps = {place: around(asked.given()[place]) for place in places}
    nearest = asked.told({place: near for place, (near, _, _) in steps.items()})
    shares = [1 - sum(share for _, _, share in steps.values()), *(share for _, _, share in steps.values())]
    calls = [_on_copies(nearest.told({place: other})) for place, (_, other, _) in steps.items()]
    calls.insert(0, _on_copies(nearest) if asked.in_place else nearest)
    random, results = paddle.get_rng_state(), {}
    for turn in reversed(range(len(calls))):  # the one that has the originals last
        paddle.set_rng_state(random)
        results[turn] = calls[turn].run()
    made = [results[turn] for turn in range(len(calls))]
    changed = {}
    memory = {tensor.data_ptr() for tensor in _flat(made[0])}
    for place, tensor in _tensors(calls[0]).items():
        if tensor.data_ptr() in memory:
            changed[tensor.data_ptr()] = original = asked.given()[place]
            _put(original, shares, [call.given()[place] for call in calls], asked.in_place)
    return _combined(shares, made, changed)


def _put(original: Tensor, shares: Sequence[float], states: Sequence[Tensor], in_place: bool) -> None:
    """Change a tensor as a call changes what it is given: before the eyes of the backward pass if `in_place`."""
    if in_place:
        paddle.assign(_mixed(shares, states), original)
    elif any(not _equal(states[0].numpy(), state.numpy()) for state in states[1:]):
        original.set_value(_mixed(shares, states).numpy())


def _on_copies(asked: Asked) -> Asked:
    """With copies of all that the operation could change: of weights it cannot, and they would cost the most."""
    tensors = _tensors(asked)
    return asked.told({p: tensor.clone() for p, tensor in tensors.items() if asked.in_place or tensor.stop_gradient})


def _combined(shares: Sequence[float], made: Sequence[Any], changed: dict[int, Tensor]) -> Any:
    first = made[0]
    if isinstance(first, (list, tuple)):
        return type(first)(_combined(shares, each, changed) for each in zip(*made, strict=True))
    if not _is_there(first):
        return first
    if first.data_ptr() in changed:
        return changed[first.data_ptr()]
    return _mixed(shares, made) if first.dtype == paddle.float64 else first


def _mixed(shares: Sequence[float], tensors: Sequence[Tensor]) -> Tensor:
    if tensors[0].dtype != paddle.float64:
        return tensors[0]
    terms = [tensor * paddle.to_tensor(share, paddle.float64) for share, tensor in zip(shares, tensors, strict=True)]
    return sum(terms[1:], terms[0])


def _is_there(value: Any) -> bool:
    return isinstance(value, Tensor) and value._is_initialized()


def _tensors(asked: Asked) -> dict[Place, Tensor]:
    return {place: value for place, value in asked.given().items() if _is_there(value)}


def _flat(made: Any) -> list[Tensor]:
    if isinstance(made, (list, tuple)):
        return [tensor for each in made for tensor in _flat(each)]
    return [made] if _is_there(made) else []
