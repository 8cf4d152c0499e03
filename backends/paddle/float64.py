"""A pass in float64 that is one throughout, in Paddle; see `contract.Float64`.

All that computes goes through the operations in `paddle._C_ops` and the operators of a tensor: these are exchanged for
ones that take wider tensors, types and numbers. So it is the same however a call is spelled and wherever it stands: in
the model, in a layer of the library, in a loss, in a distribution.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import paddle
from paddle import Tensor, _C_ops

from .between import Asked, between, inexact, is_inexact, is_rounded
from .calls import OPERATORS, quiet
from .kernels import KERNELS, meant

NARROW = (paddle.float32, paddle.float16, paddle.bfloat16)
WHOLE = (paddle.int32, paddle.int64)
TYPE = type(paddle.float32)
REFUSED = (RuntimeError, ValueError, TypeError, NotImplementedError)  # what Paddle says of an argument it does not take


@contextlib.contextmanager
def throughout() -> Iterator[None]:
    """Within, nothing is computed in less than float64, and no number is rounded to it."""
    if _PASS.open:
        yield
        return
    _PASS.rounds.clear()
    _PASS.open = True
    for owner, name, function in _raw():
        setattr(owner, name, _version_of(name, function))
    try:
        yield
    finally:
        _PASS.open = False
        for owner, name, function in _raw():
            setattr(owner, name, function)


@functools.cache
def _raw() -> list[tuple[Any, str, Callable]]:
    """What is exchanged, as it is: (where, name, function)."""
    found: list[tuple[Any, str, Any]] = [(_C_ops, name, function) for name, function in vars(_C_ops).items()]
    found += [(Tensor, name, vars(Tensor).get(name)) for name in (f"__{operator}__" for operator in OPERATORS)]
    return [each for each in (*found, (paddle, "to_tensor", paddle.to_tensor)) if callable(each[2])]


class _Pass:
    """What is known during a pass: which operations round which argument, by measuring."""

    def __init__(self) -> None:
        self.open = False
        self.busy = False  # with an operation's own work, which is not looked at again
        self.rounds: dict[tuple[str, int | str], bool] = {}

    def run(self, asked: Asked) -> Any:
        """What an operation gives that is told something narrower than float64."""
        self.busy = True
        try:
            with quiet():
                return self._run(asked)
        finally:
            self.busy = False

    def _run(self, asked: Asked) -> Any:
        asked = asked.told({
            place: _widened(asked, place, value) for place, value in asked.given().items()
            if not (asked.in_place and place == 0)
        })  # fmt: skip
        places = inexact(asked)
        made = self._exact(asked, places) if places else asked.run()
        return made if asked.in_place else _wide(made)

    def _exact(self, asked: Asked, places: list) -> Any:
        with contextlib.suppress(*REFUSED):
            places = [place for place in places if self._is_rounded(asked, place)]
            if places:
                return between(asked, places)
        return asked.run()

    def _is_rounded(self, asked: Asked, place: int | str) -> bool:
        if (asked.name, place) not in self.rounds:
            random = paddle.get_rng_state()
            self.rounds[asked.name, place] = is_rounded(asked, place)
            paddle.set_rng_state(random)
        return self.rounds[asked.name, place]


_PASS = _Pass()


@functools.cache
def _version_of(name: str, function: Callable) -> Callable:
    """What takes an operation's place in a pass in float64."""
    operator = name.startswith("__")
    plain = name.endswith("_") and not operator

    def wider(*args, **kwargs):
        if _PASS.busy:
            return function(*args, **kwargs)
        told = any(map(_is_narrow, args)) or (kwargs and any(map(_is_narrow, kwargs.values())))
        if (told or (operator and any(map(_is_whole, args)))) and paddle.in_dynamic_mode():
            return _PASS.run(Asked(name, function, list(args), kwargs))
        made = function(*args, **kwargs)
        return made if plain else _wide(made)

    kernel = KERNELS.get(name)
    if kernel is None:
        return functools.wraps(function)(wider)

    def exact(*args, **kwargs):
        if _PASS.busy or kwargs or len(args) + 1 != kernel.__code__.co_argcount or not paddle.in_dynamic_mode():
            return wider(*args, **kwargs)
        with quiet():
            return kernel(wider, *args)

    return functools.wraps(function)(exact)


def _is_narrow(value: Any) -> bool:
    """Whether it is narrower than float64 or, a number, float32 does not hold it."""
    kind = type(value)
    if kind is Tensor or kind is TYPE:
        return (value.dtype if kind is Tensor else value) in NARROW
    if kind is list or kind is tuple:
        return any(map(_is_narrow, value))
    return isinstance(value, float) and is_inexact(value)


def _is_whole(value: Any) -> bool:
    """A tensor of whole numbers, which Paddle makes float32 where it meets another number, and where it is divided."""
    return type(value) is Tensor and value.dtype in WHOLE


def _widened(asked: Asked, place: int | str, value: Any) -> Any:
    if isinstance(value, float):
        return meant(asked.name, value)
    if asked.name.startswith("__") and _is_whole(value):
        others = [other for where, other in asked.given().items() if where != place]
        divided = "truediv" in asked.name and all(_is_whole(other) or isinstance(other, int) for other in others)
        return value.astype(paddle.float64) if divided or any(isinstance(o, float) for o in others) else value
    return _wide(value)


def _wide(value: Any) -> Any:
    """In float64 what is in less: a tensor, a type, some of them."""
    kind = type(value)
    if kind is Tensor:
        return _C_ops.cast(value, paddle.float64) if value.dtype in NARROW and value._is_initialized() else value
    if kind is TYPE:
        return paddle.float64 if value in NARROW else value
    return kind(map(_wide, value)) if kind is list or kind is tuple else value
