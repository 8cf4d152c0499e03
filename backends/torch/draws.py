"""What PyTorch draws, at its operators, below every function, layer and distribution; see `contract.Draws`.

PyTorch marks each operator that asks its generator, so that none is missed: one that is not known is named.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ...common.dictionary.draws import BY_OPERATOR, TORCH_ARGUMENTS, Draw
from ..contract import GivenNumbers
from .tensors import is_tensor, like, to_numpy

KNOWN = BY_OPERATOR["torch"]
_SEEDED = torch.Tag.nondeterministic_seeded


class _Given(TorchDispatchMode):
    """Runs each operator, and puts the kit's numbers in the place of what it drew."""

    def __init__(self, numbers: GivenNumbers) -> None:
        super().__init__()
        self.numbers = numbers

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: to keep a compiler out that nobody asked for, PyTorch would import all of it, in two seconds."""
        return False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name, draw, draws = _about(func)
        if not draws or self.numbers.paused:
            return func(*args, **kwargs)
        told = _told(func, args, kwargs)
        if draw is not None:
            return self._exchanged(draw, func, args, kwargs, told)
        if not _draws(told):
            return func(*args, **kwargs)
        if name in _WHOLE:
            return _WHOLE[name](self.numbers, told)
        with self:  # in inference mode an operator that is made of others comes here as one
            made = func.decompose(*args, **kwargs)
        if made is NotImplemented:
            self.numbers.unknown(f"torch's {name}")
            return func(*args, **kwargs)
        return made

    def _exchanged(self, draw: Draw, func: Callable, args: tuple, kwargs: dict, told: Mapping[str, Any]):
        out = func(*args, **kwargs)
        if out.is_meta or out.layout is not torch.strided:
            return out
        arrays = {
            TORCH_ARGUMENTS.get(name, name): _array(value)
            for name, value in told.items()
            if not is_tensor(value) or TORCH_ARGUMENTS.get(name, name) in draw.reads
        }
        array = self.numbers.made(draw, tuple(out.shape), arrays)
        return out.copy_(like(array, out))


@functools.cache
def _about(func: Any) -> tuple[str, Draw | None, bool]:
    """What an operator is called, what of it is known, and whether it may draw."""
    name = func._schema.name.partition("::")[2]
    return name, KNOWN.get(name), name in KNOWN or _SEEDED in func.tags


def _told(func: Any, args: tuple, kwargs: Mapping) -> dict[str, Any]:
    """The arguments of an operator by name, with the defaults of those that are not given."""
    arguments = func._schema.arguments
    named: dict[str, Any] = {one.name: one.default_value for one in arguments if one.has_default_value()}
    return named | dict(zip((one.name for one in arguments), args, strict=False)) | dict(kwargs)


def _array(value: Any) -> Any:
    return to_numpy(value).astype(float) if is_tensor(value) else value


def _draws(told: Mapping) -> bool:
    """Whether an operator with a dropout inside drops anything."""
    chance = next((told[name] for name in ("dropout_p", "dropout", "p") if name in told), None)
    trains = next((told[name] for name in ("train", "training") if name in told), True)
    return chance != 0 and trains is not False


def _dropout(numbers: GivenNumbers, told: Mapping) -> tuple[Tensor, Tensor]:
    given, p = told["input"], told["p"]
    mask = torch.from_numpy(numbers.kept(tuple(given.shape), 1 - p)).to(given.device)
    return given * mask * (0.0 if p == 1 else 1 / (1 - p)), mask


def _rrelu(numbers: GivenNumbers, told: Mapping) -> Tensor:
    given, noise = told["self"], told["noise"]
    slopes = like(numbers.slopes(tuple(given.shape), told["lower"], told["upper"]), given)
    noise.copy_(torch.where(given <= 0, slopes, torch.ones_like(slopes)))
    return given * noise


_WHOLE: dict[str, Callable] = {
    "native_dropout": _dropout,
    "rrelu_with_noise": _rrelu,
    "rrelu_with_noise_": lambda numbers, told: told["self"].copy_(_rrelu(numbers, told)),
}


@contextlib.contextmanager
def given(numbers: GivenNumbers) -> Iterator[None]:
    with _Given(numbers):
        yield


def place() -> int:
    return torch.default_generator.initial_seed()


def go_to(place: int) -> None:
    torch.default_generator.manual_seed(place)
