"""The keys of a `.pdopt`: `linear_0.w_0_moment1_0` is the first moment of the tensor `linear_0.w_0`.

An optimizer that was given a name puts it before the moment's; one that keeps float32 copies of weights of 16 bits says
`linear_0.w_0_fp32_master_0_moment1_0`; of the second optimizer of a process the last number is 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...dictionary.entry import Entry
from ...dictionary.index import KEEPING
from ...errors import BadInput, by_size, listed
from .numbers import KINDS
from .schedule import PADDLE as SCHEDULE

MASTERS, MASTER = "master_weights", "_fp32_master_0"
LISTED = 8  # names in one refusal


def power_key(number: str) -> str:
    return f"{number}_pow_acc"


def kept_by(entry: Entry) -> tuple[set[str], set[str]]:
    """What Paddle's optimizer keeps of every parameter, and what it may keep besides, by its own words."""
    always = {kept.paddle for kept in entry.state.values() if not kept.when_paddle}
    return always | set(map(power_key, entry.powers)), {kept.paddle for kept in entry.state.values()} - always


KNOWN = sorted({name for entry in KEEPING.values() for names in kept_by(entry) for name in names}, key=len)
_REST = re.compile(rf"(?:fp32_master_\d+_)?(?:.+?_)?({'|'.join(reversed(KNOWN))})_\d+")


@dataclass
class Accumulators:
    """What a `.pdopt` holds: Paddle's word for it → parameter, by its name in the state dict → array."""

    arrays: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    masters: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def kinds(self) -> list[str]:
        """The optimizers that keep just this; all of them where nothing is kept yet."""
        made = set(self.arrays)
        limits = {kind: kept_by(entry) for kind, entry in KEEPING.items()}
        return [kind for kind, (always, more) in limits.items() if not made or always <= made <= always | more]


def accumulators_of(
    path: str, node: Mapping[str, Any], tensor_names: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]]
) -> Accumulators:
    """Sort a `.pdopt` by what is kept of which parameter.

    Args:
        tensor_names: name in the state dict → Paddle's tensor name. shapes: of the parameters, by name.

    Raises:
        BadInput: keys of no parameter or of an optimizer that nothing is known of, other shapes, or parts missing.
    """
    owners = {tensor: name for name, tensor in reversed(list(tensor_names.items())) if name in shapes}
    made, strange, unknown = Accumulators(), [], []
    for key, array in node.items():
        if not isinstance(array, np.ndarray):
            continue
        tensor = _tensor_of(str(key), owners)
        rest = _REST.fullmatch(str(key)[len(tensor) + 1 :]) if tensor else None
        if tensor is None or rest is None:
            (unknown if tensor else strange).append(str(key))
            continue
        of_word, name = made.arrays.setdefault(rest[1], {}), owners[tensor]
        if name in of_word:
            raise BadInput(f"{path}: holds two {rest[1]} of {tensor}; save the state of one optimizer")
        wanted = (1,) if rest[1].endswith("_pow_acc") else shapes[name]
        if array.shape != wanted and not (array.size == 1 and wanted == (1,)):
            raise BadInput(f"{path}: {key} is {by_size(array.shape)}, and {name} is {by_size(wanted)} in the model")
        of_word[name] = array
    if strange:
        raise BadInput(
            f"{path}: {listed(strange, LISTED)}: of no parameter of the model under its tensor names; give the "
            ".pdparams that was saved with it, which has the table of names: --weights FILE"
        )
    _require_known(path, made, unknown)
    made.masters = _masters(path, node.get(MASTERS), owners, shapes)
    return made


def _tensor_of(key: str, owners: Mapping[str, str]) -> str | None:
    """The longest tensor name that a key begins with."""
    for place in (place for place in range(len(key) - 1, 0, -1) if key[place] == "_"):
        if key[:place] in owners:
            return key[:place]
    return None


def _require_known(path: str, made: Accumulators, unknown: list[str]) -> None:
    if unknown or not made.kinds:
        told = listed(unknown or sorted(made.arrays), LISTED)
        raise BadInput(f"{path}: keeps {told}, as none of these does: {KINDS}")
    stepped = {name for arrays in made.arrays.values() for name in arrays}
    missing = [f"{word} of {name}" for word, arrays in made.arrays.items() for name in sorted(stepped - set(arrays))]
    if missing:
        raise BadInput(f"{path}: {listed(missing, LISTED)} missing; the file is not whole")


def _masters(
    path: str, masters: Any, owners: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, np.ndarray]:
    made = {}
    for tensor, array in masters.items() if isinstance(masters, dict) else ():
        name = owners.get(str(tensor))
        if name is None or not isinstance(array, np.ndarray) or array.shape != shapes[name]:
            raise BadInput(f"{path}: the master weight {tensor} is of no parameter of the model; give --weights FILE")
        made[name] = array
    return made


def has_schedule(node: Mapping[str, Any]) -> bool:
    return isinstance(node.get(SCHEDULE), dict)
