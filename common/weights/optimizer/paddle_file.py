"""A `.pdopt` as `State`, and back. See `paddle_keys` for what its keys say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ...dictionary.entry import Entry
from ...errors import BadInput
from .adam_steps import beta_power
from .paddle_keys import MASTER, MASTERS, Accumulators, kept_by, power_key
from .schedule import PADDLE as SCHEDULE
from .state import Group, State

NARROW = 4  # bytes: Adam and its kin keep nothing of fewer, whatever the weights have


def from_paddle(path: str, entry: Entry, groups: list[Group], kept: Accumulators, steps: Mapping[str, int]) -> State:
    """The state in a `.pdopt` whose numbers are known.

    Raises:
        BadInput: a rate of 0 by which a moment cannot be divided.
    """
    state = State(entry, groups, {}, dict(steps), kept.masters)
    for moment, row in entry.state.items():
        arrays = {}
        for name, array in kept.arrays.get(row.paddle, {}).items():
            arrays[name] = array
            if row.scale and array.any():
                arrays[name] = _unscaled(path, array, row.scale, state.numbers_of(name))
        if arrays and (not row.when or any(group.numbers.get(row.when) for group in groups)):
            state.kept[moment] = arrays
    return state


def _unscaled(path: str, array: np.ndarray, scale: str, numbers: Mapping[str, float]) -> np.ndarray:
    if not numbers[scale]:
        raise BadInput(f"{path}: {scale} is 0, and Paddle keeps the buffer of momentum times it; say another {scale}")
    return array.astype(np.float64) / numbers[scale]  # rounded when it is written


def to_pdopt(state: State, tensor_names: Mapping[str, str]) -> dict[str, Any]:
    """A `.pdopt`: what is kept, moment by moment, then the powers of betas.

    Args:
        tensor_names: name in the state dict → Paddle's tensor name.
    """
    entry = state.entry
    content: dict[str, Any] = {}
    always, _ = kept_by(entry)
    for moment, row in entry.state.items():
        arrays = state.kept.get(moment, {})
        for name in state.stepped if arrays or row.paddle in always else ():
            array = arrays[name] if name in arrays else np.zeros_like(state.first_of(name))
            numbers = state.numbers_of(name)
            content[_key(state, tensor_names, name, row.paddle)] = _as_kept(entry, _scaled(array, row.scale, numbers))
    for number in entry.powers:
        for name in state.stepped:
            dtype = str(_as_kept(entry, state.first_of(name)).dtype)
            power = beta_power(state.numbers_of(name)[number], state.steps[name], dtype)
            content[_key(state, tensor_names, name, power_key(number))] = power
    if state.masters:  # Paddle makes the keys of moments from these tensors' own names, which pairs keep
        copies = {tensor_names[name]: array for name, array in state.masters.items()}
        content = {key: (key, array) for key, array in content.items()}  # else those stay bare arrays
        content[MASTERS] = {tensor: (tensor + MASTER, array) for tensor, array in copies.items()}
    return content | ({SCHEDULE: state.schedule} if state.schedule else {})


def _key(state: State, tensor_names: Mapping[str, str], name: str, word: str) -> str:
    return f"{tensor_names[name]}{MASTER if name in state.masters else ''}_{word}_0"


def _scaled(array: np.ndarray, scale: str, numbers: Mapping[str, float]) -> np.ndarray:
    return (array.astype(np.float64) * numbers[scale]).astype(array.dtype) if scale else array


def _as_kept(entry: Entry, array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if entry.powers and array.dtype.itemsize < NARROW else array
