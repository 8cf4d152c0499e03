"""The state of a PyTorch optimizer, `{"state": …, "param_groups": …}`, as `State`, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...dictionary.entry import Entry
from ...errors import BadInput
from .numbering import Shape, names_of_numbers
from .numbers import entry_of_group, of_group
from .paddle_keys import MASTERS
from .schedule import TORCH as SCHEDULE
from .schedule import to_torch
from .state import Group, State

MOST_STEPS = 2**24  # PyTorch counts in float32, which ends here


def from_torch(
    path: str, node: Any, shapes: Mapping[str, Shape], trained: Sequence[str], hint: str, order: Sequence[list] | None
) -> State:
    """The state that a file holds.

    Args:
        shapes: every parameter of the model in its order; trained: those that get gradients.
        hint: what to do where nothing tells which number is which parameter. order: the names of each group, where
            the user's own optimizer tells them.

    Raises:
        BadInput: not the state of one optimizer that is known, or of another model.
    """
    groups, entries = _parts(path, node)
    kept = {
        number: {key: value for key, value in entry.items() if key == "step" or value is not None}
        for number, entry in entries.items()
    }
    of_all = {key for entry in kept.values() for key in entry}
    kinds = [entry_of_group(path, group, of_all) for group in groups]
    entry = next((kind for kind in kinds if kind.state), kinds[0])
    if len({kind.kind for kind in kinds} - {"sgd"}) > 1:
        raise BadInput(f"{path}: its groups are of {' and '.join(sorted({kind.kind for kind in kinds}))}; split it")
    sizes = {number: _shape(entry, parts) for number, parts in kept.items()}
    known = {number: size for number, size in sizes.items() if size is not None}
    if order is not None and [len(names) for names in order] == [len(group["params"]) for group in groups]:
        groups = [{**group, "param_names": names} for group, names in zip(groups, order, strict=True)]
    named = names_of_numbers(path, groups, known, shapes, trained, hint)
    state = State(entry, [], {})
    for group, names in zip(groups, named, strict=True):
        state.groups.append(Group(of_group(path, entry, group), names))
        for number, name in zip(group["params"], names, strict=True):
            if number in kept:
                _take(path, state, name, kept[number])
    masters = node.get(MASTERS)
    if isinstance(masters, dict):
        state.masters = {name: array for name, array in masters.items() if name in shapes}
    return state


def _parts(path: str, node: Any) -> tuple[list[dict], dict[int, dict]]:
    """Groups and what is kept by number."""
    groups, entries = (node.get(key) for key in ("param_groups", "state")) if isinstance(node, dict) else (None, None)
    right = isinstance(groups, list) and groups and isinstance(entries, dict)
    right = right and all(
        isinstance(one, dict) and isinstance(one.get("params"), (list, tuple)) for one in groups or ()
    )
    right = right and all(isinstance(one, dict) for one in (entries or {}).values())
    if not right:
        raise BadInput(f"{path}: is not what state_dict() of a torch.optim optimizer gives")
    if not all(isinstance(one.get("param_names") or [], (list, tuple)) for one in groups or ()):
        raise BadInput(f"{path}: is not what state_dict() of a torch.optim optimizer gives: param_names is no list")
    numbers = [number for group in groups or () for number in group["params"]]
    if len(set(map(str, numbers))) < len(numbers):
        raise BadInput(f"{path}: has one parameter in two groups")
    if not all(isinstance(number, int) for number in numbers) or not set(entries or ()) <= set(numbers):
        raise BadInput(f"{path}: keeps the state of parameters that are in none of its groups")
    return groups or [], entries or {}


def _shape(entry: Entry, parts: Mapping[str, Any]) -> Shape | None:
    return next((parts[kept.torch].shape for kept in entry.state.values() if _is_array(parts.get(kept.torch))), None)


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _take(path: str, state: State, name: str, parts: Mapping[str, Any]) -> None:
    entry, numbers = state.entry, state.groups[-1].numbers
    for moment, kept in entry.state.items():
        if _is_array(parts.get(kept.torch)):
            state.kept.setdefault(moment, {})[name] = parts[kept.torch]
        elif not kept.when or (numbers[kept.when] and entry.kind != "momentum"):
            raise BadInput(f"{path}: {kept.torch} of {name} is missing; the file is not whole")
    if entry.counted:
        count = np.asarray(parts.get("step", np.nan)).reshape(-1)
        step = float(count[0]) if count.size == 1 and count.dtype.kind in "iuf" else -1.0
        if not (0 <= step <= MOST_STEPS and step.is_integer()):
            raise BadInput(f"{path}: step of {name} is no count of steps")
        state.steps[name] = int(step)


def to_torch_tree(state: State, groups: Sequence[dict], names: Sequence[list[str]]) -> dict[str, Any]:
    """What `load_state_dict` takes, with what it has no place for beside it: the schedule and master weights.

    Args:
        groups: those of a fresh optimizer in the user's version of PyTorch, with its numbers. names: of their
            parameters.
    """
    entries = {}
    for group, named in zip(groups, names, strict=True):
        for number, name in zip(group["params"], named, strict=True):
            parts = _parts_of(state, name)
            if parts:
                entries[number] = parts
    tree: dict[str, Any] = {"state": entries, "param_groups": list(groups)}
    if state.schedule:
        tree[SCHEDULE] = to_torch(state.schedule, [group["lr"] for group in groups])
    return tree | ({MASTERS: state.masters} if state.masters else {})


def _parts_of(state: State, name: str) -> dict[str, Any]:
    entry, numbers = state.entry, state.numbers_of(name)
    parts = {}
    for moment, kept in entry.state.items():
        if name in state.kept.get(moment, {}) and (not kept.when or numbers.get(kept.when)):
            parts[kept.torch] = state.kept[moment][name].astype(state.first_of(name).dtype, copy=False)
    if not parts or not entry.counted:
        return parts
    return {"step": np.array(state.steps.get(name, 0), np.float32), **parts}
