"""Where a schedule of learning rates is: `LR_Scheduler` of a `.pdopt`, the state of a `torch.optim.lr_scheduler`.

Both count the same steps from 0. What the schedule is made of (its milestones, its factor) is the code's, in both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

PADDLE, TORCH = "LR_Scheduler", "lr_scheduler"  # the keys that it is written under
PLATEAU = ("best", "num_bad_epochs", "cooldown_counter")  # of ReduceOnPlateau, called so in both


def from_paddle(node: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """What of `LR_Scheduler` PyTorch has a place for, and the names of the rest."""
    told = node.get(PADDLE)
    told = {name: _number(value) for name, value in told.items()} if isinstance(told, dict) else {}
    kept = {
        name: value for name, value in told.items() if name in ("last_epoch", "last_lr", *PLATEAU) and value is not None
    }
    return kept, [str(name) for name in told if name not in kept]


def to_torch(schedule: Mapping[str, Any], rates: list[float]) -> dict[str, Any]:
    """What `load_state_dict` of PyTorch's schedule takes; rates: of each group."""
    epoch = int(schedule.get("last_epoch", 0))
    more = {name: schedule[name] for name in PLATEAU if name in schedule}
    return {"last_epoch": epoch, "_step_count": epoch + 1, "_last_lr": rates, **more}


def from_torch(tree: Any) -> list[dict[str, Any]]:
    """The schedules whose state is anywhere in a checkpoint, in Paddle's words."""
    return [
        {"last_epoch": node["last_epoch"], "last_lr": _number(node["_last_lr"][0])}
        | {name: _number(node[name]) for name in PLATEAU if _number(node.get(name)) is not None}
        for node in _schedules(tree)
    ]


def _schedules(node: Any) -> Iterator[dict]:
    if isinstance(node, dict) and isinstance(node.get("last_epoch"), int):
        rates = node.get("_last_lr")
        if isinstance(rates, (list, tuple)) and rates and _number(rates[0]) is not None:
            yield node
            return
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, (list, tuple)) else ():
        yield from _schedules(value)


def _number(value: Any) -> float | int | None:
    """A number, or the one number in an array; None of anything else."""
    value = value.item() if isinstance(value, np.ndarray) and value.size == 1 else value
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
