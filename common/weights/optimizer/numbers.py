"""The numbers of an optimizer, which a `.pdopt` does not keep and PyTorch keeps in its groups."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from ...dictionary.entry import REQUIRED, Entry
from ...dictionary.index import KEEPING
from ...dictionary.training.asked import parse_numbers
from ...dictionary.training.optimizers import arguments_of
from ...errors import BadInput

KINDS = ", ".join(entry.paddle.classes[0].rpartition(".")[2] for entry in KEEPING.values())
DECOUPLED = "decoupled_weight_decay"  # by this a group of PyTorch's tells AdamW from Adam


def asked(text: str) -> tuple[str, dict[str, float]]:
    """`adamw:lr=1e-3` → the kind and what is said of it. Raises `BadInput` of what no such optimizer has."""
    return parse_numbers(text, {kind: defaults(entry) for kind, entry in KEEPING.items()})


def defaults(entry: Entry, framework: str = "torch") -> dict[str, float]:
    """What a framework takes where nothing is said, as numbers; what must be said is left out."""
    made = {}
    for row in entry.arguments:
        names, default = (row.torch, row.default_torch) if framework == "torch" else (row.paddle, row.default_paddle)
        if names and default != REQUIRED:
            made[row.name] = 0.0 if default is None else float(default)
    return made


def of_group(path: str, entry: Entry, group: Mapping[str, Any]) -> dict[str, float]:
    """The numbers in a group of PyTorch's.

    Raises:
        BadInput: a number is missing or none, or one has been told for which Paddle has no place.
    """
    told, numbers = flattened(group), {}
    for row in entry.arguments:
        value = _one(told.get(row.torch[0])) if row.torch else None
        if value is None:
            raise BadInput(f"{path}: a group of it has no number {row.torch[0] if row.torch else row.name}")
        numbers[row.name] = value
        if not row.paddle and value != row.default_torch:
            raise BadInput(
                f"{path}: {row.name} is {value:g} in it, which {entry.paddle.classes[0]} has not; go on without it in "
                "PyTorch before the state is converted"
            )
    if group.get("maximize"):
        raise BadInput(f"{path}: maximize is set in it, which {entry.paddle.classes[0]} has not; negate the loss there")
    return numbers


def flattened(group: Mapping[str, Any]) -> dict[str, Any]:
    """`betas` as `betas[0]` and `betas[1]`, which the entries speak of."""
    betas = group.get("betas")
    return {
        **group,
        **{f"betas[{n}]": beta for n, beta in enumerate(betas if isinstance(betas, (list, tuple)) else ())},
    }


def entry_of_group(path: str, group: Mapping[str, Any], kept: Collection[str]) -> Entry:
    """Which optimizer of PyTorch's a group is of, and what is kept of its parameters.

    Raises:
        BadInput: of none whose state is known.
    """
    told = flattened(group)
    for kind in ("adamw" if group.get(DECOUPLED) else "adam", "adamax", "rmsprop", "adagrad", "momentum"):
        entry = KEEPING[kind]
        words = {name for row in entry.arguments for name in row.torch}
        may = {row.torch for row in entry.state.values()} | ({"step"} if entry.counted else set())
        foreign = "momentum_decay" in told or (kind == "adamax" and DECOUPLED in told)  # of NAdam, of RAdam
        if words <= set(told) and set(kept) <= may and not foreign:
            return KEEPING["sgd"] if kind == "momentum" and not told["momentum"] else entry
    names, settings = (", ".join(sorted(map(str, words))[:6]) or "nothing" for words in (kept, group))
    raise BadInput(f"{path}: keeps {names} with {settings}, which is no optimizer of these: {KINDS}")


def call_in_paddle(entry: Entry, numbers: Mapping[str, float]) -> str:
    """The optimizer as Paddle's code makes it, for people."""
    told = arguments_of(entry, "paddle", numbers).items()
    words = ", ".join(f"{name}={value!r}" for name, value in told if value is not False)
    return f"paddle.{entry.paddle.classes[0]}({words}, …)"


def shown(numbers: Mapping[str, float]) -> str:
    return ", ".join(f"{name}={value:g}" for name, value in numbers.items())


def _one(value: Any) -> float | None:
    value = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
    return float(value) if isinstance(value, (int, float)) else None
