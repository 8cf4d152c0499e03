"""`convert` for the state of an optimizer of anyone's model: `.pdopt` into what `torch.optim` takes, and back."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ....common.atomic import atomic_path
from ....common.compare.row import Row
from ....common.dictionary.entry import Entry
from ....common.dictionary.index import OPTIMIZER_BY_KIND
from ....common.errors import BadInput, listed
from ....common.traces.inputs import Input
from ....common.weights import read, write
from ....common.weights.fit import LISTED
from ....common.weights.formats.checkpoint_tree import part_at
from ....common.weights.optimizer import schedule as schedules
from ....common.weights.optimizer.coming_back import same_tree
from ....common.weights.optimizer.numbers import call_in_paddle, shown
from ....common.weights.optimizer.paddle_file import from_paddle, to_pdopt
from ....common.weights.optimizer.paddle_keys import MASTERS, accumulators_of
from ....common.weights.optimizer.state import Group, State
from ....common.weights.optimizer.torch_file import from_torch, to_torch_tree
from ....common.weights.recipe_conversion import Conversion, ConvertedTensor, framework_of_target
from ....common.weights.weight_file import WeightFile, framework_of
from .carried_state import carried_state, sources
from .one_more_step import one_more_step, paddle_content, torch_content
from .optimizer_numbers import Said, fresh_groups, parameters_of, said_of, told_of
from .pairing import Sides, sides_of
from .tensor_names import tensor_names

HINT = "give the function that makes your optimizer of the parameters: --torch-optimizer file.py:name"


@dataclass
class ConvertedState:
    """A conversion, what is to be said of it, and what one more step of both has shown."""

    conversion: Conversion
    notes: list[str] = field(default_factory=list)
    checks: list[Row] = field(default_factory=list)
    unverified: str = ""

    @property
    def agrees(self) -> bool:
        return all(row.ok for row in self.checks)


class _PartError(Exception):
    """The steps of the two optimizers part: the file is not put in place."""


def holds_state(source: str, target: str, key: str | None) -> bool:
    """Whether a conversion is of an optimizer's state: by the names of the files, or by the part that `key` names."""
    suffixes = {Path(path).suffix.lower() for path in (source, target)}
    if ".pdopt" in suffixes:
        return True
    return key is not None and key != "." and read(source, key=key, dtype="bfloat16").format == "pdopt"


def convert_state(
    source: str,
    target: str,
    models: Mapping[str, str],
    *,
    arguments: Mapping[str, str] | None = None,
    inputs: Sequence[Input] = (),
    layer_map: Mapping[str, str] | None = None,
    key: str | None = None,
    source_dtype: str | None = None,
    weights: str | None = None,
    optimizer: str | None = None,
    makers: Mapping[str, str] | None = None,
    verify: bool | None = None,
) -> ConvertedState:
    """Write the optimizer's state in `source` as `target`, whole or not at all.

    Args:
        models: framework → `file.py:Name`. PyTorch's is needed: its files number the parameters in the model's order.
        weights: a `.pdparams` with the table of tensor names, by which Paddle calls what it keeps; else that beside the
            `.pdopt`, else the names that the Paddle model has in a fresh process.
        optimizer: kind and numbers, which a `.pdopt` does not keep: `adamw:lr=1e-3,weight_decay=0.05`.
        makers: framework → `file.py:name` of a function that makes the optimizer of the parameters.
        verify: whether both frameworks take one more step, and the file is written only if they agree; None: where
            both models are there.

    Raises:
        BadInput: the state is damaged, of another model or of an optimizer that is not known, or has no counterpart.
    """
    into = framework_of_target(source, target)
    if Path(target).suffix.lower() not in (".pdopt", ".pt", ".pth"):
        raise BadInput(f"{target}: is for weights; write an optimizer's state to a .pdopt or .pt file")
    file = read(source, kind="optimiser", key=key, dtype=source_dtype)
    if "torch" not in models:
        raise BadInput("PyTorch numbers the parameters in its model's order: give --torch file.py:Net")
    if verify and len(models) < 2:
        raise BadInput("--verify takes a step in both frameworks: give --paddle and --torch")
    if framework_of(file) == into:
        raise BadInput(f"{source}: is {into}'s already; name a {'.pt' if into == 'paddle' else '.pdopt'} file")
    sides = sides_of(models, framework_of(file), into, arguments or {}, inputs, layer_map or {})
    work = _Work(file, target, sides, tensor_names(file, weights, sides))
    said = said_of(optimizer, makers or {}, sides.user_models)
    state, done = work.from_paddle(said) if into == "torch" else work.from_torch(said)
    carried = carried_state(source, state, sides, dict.fromkeys(work.names[into]))
    content = work.content(carried, work.tensor_names)
    whole = Conversion(source, target, models["torch"], "optimiser", _rows(carried), _exact(state), _step(state))
    result = ConvertedState(whole, [*done, *_differences(state.entry)])
    with contextlib.suppress(_PartError), atomic_path(target) as temporary:
        write(temporary, content)
        again = read(temporary, dtype="bfloat16").tree
        if not same_tree(content, again):
            raise BadInput(f"{target}: does not come back as it was; nothing is written, please report this")
        if verify is not False and len(models) == 2:
            result.checks = work.checked(state, carried)
            if not result.agrees:
                raise _PartError
    return result


class _Work:
    """One conversion: the file, both sides, and the names that Paddle's tensors have."""

    def __init__(self, file: WeightFile, target: str, sides: Sides, tensor_names: Mapping[str, str]) -> None:
        self.file, self.target, self.sides, self.tensor_names = file, target, sides, tensor_names
        self.node = part_at(file.tree, file.key)
        self.names = {side: list(_parameters(sides, side)) for side in ("paddle", "torch")}
        self.torch = sides.user_models["torch"]
        self.groups: list[dict] = []  # of a fresh optimizer of PyTorch's

    def shapes(self, side: str) -> dict[str, tuple[int, ...]]:
        shapes = self.sides.layouts[side].shapes
        return {name: shapes[name] for name in self.names[side] if name in shapes}

    def from_paddle(self, said: Said) -> tuple[State, list[str]]:
        """The state of a `.pdopt`, and what must be said of it."""
        path = self.file.path
        self.kept = accumulators_of(path, self.node, self.tensor_names, self.shapes("paddle"))
        schedule, left = schedules.from_paddle(self.node)
        told = told_of(path, self.kept, schedule, said, self.names["torch"])
        made_of = sources(self.sides, dict.fromkeys(self.names["torch"]))
        groups = [Group(one.numbers, [x for y in one.names for x in made_of.get(y, ())]) for one in told.groups]
        state = from_paddle(path, told.entry, groups, self.kept, told.steps)
        state.schedule = schedule
        self.groups, self.told = fresh_groups(self.torch, told), told
        if left:
            told.notes.append(f"{listed(left, LISTED)} of its schedule: PyTorch has no such state; left out")
        if schedule:
            told.notes.append(
                f"step {schedule.get('last_epoch')} of the schedule is written as {schedules.TORCH!r}, for "
                f"load_state_dict of yours in PyTorch{'' if told.base else '; make that before you load the optimizer'}"
            )
        if state.masters:
            told.notes.append(
                f"the float32 copies of the weights are written as {MASTERS!r}, by PyTorch's names: they are what to "
                "go on from"
            )
        return state, told.notes

    def from_torch(self, said: Said) -> tuple[State, list[str]]:
        """The state of `torch.optim`, and what must be said of it."""
        path, notes = self.file.path, []
        if said.kind and not said.groups:
            raise BadInput(f"{path}: tells its numbers itself; leave out --optimizer and --paddle-optimizer")
        trained = [name for name, tensor in parameters_of(self.torch).items()
                   if self.torch.backend.tensors.has_gradient(tensor)]  # fmt: skip
        order = [group.names for group in said.groups] if said.groups else None
        state = from_torch(path, self.node, self.shapes("torch"), trained, HINT, order)
        found = schedules.from_torch(self.file.tree)
        if len(found) == 1:
            state.schedule = found[0]
        elif found or any("initial_lr" in group for group in self.node["param_groups"]):
            few = f"{len(found)} schedules are" if found else "no schedule's state is"
            notes.append(f"{few} in the file: {schedules.PADDLE} is left out, which Paddle asks for with a schedule")
        of_first = state.groups[0].numbers
        base = self.node["param_groups"][0].get("initial_lr")
        if state.schedule and isinstance(base, float):
            notes.append(
                f"its schedule began at {base:g} and is at step {state.schedule['last_epoch']}: give Paddle's one"
            )
        notes.append(f"a .pdopt keeps no numbers; go on with {call_in_paddle(state.entry, of_first)}")
        for place, group in enumerate(state.groups[1:], 2):
            other = {name: value for name, value in group.numbers.items() if value != of_first[name]}
            if other:
                notes.append(f"nor does it keep groups; {shown(other)} in group {place}: {listed(group.names, LISTED)}")
        return state, notes

    def content(self, carried: State, tensor_names: Mapping[str, str]) -> dict[str, Any]:
        """What is written."""
        if self.sides.into == "paddle":
            return to_pdopt(carried, tensor_names)
        for moment, row in carried.entry.state.items():
            if row.start and carried.stepped:  # PyTorch makes these with the optimizer, of every parameter
                _fill(carried, moment, row.start, self.shapes("torch"))
        return to_torch_tree(carried, self.groups, [group.names for group in self.told.groups])

    def checked(self, state: State, carried: State) -> list[Row]:
        """One more step from what was read, and from what was written, each in float64."""
        sides = self.sides
        live = sides.tensor_names() or {}
        written = self.content(carried.in_float64(), live)
        groups = {sides.origin: state.groups, sides.into: carried.groups}
        if sides.into == "torch":
            given = paddle_content(state, self.kept, live)
            groups["torch"] = self.told.groups
        else:
            given = torch_content(self.node)
        contents = {sides.origin: given, sides.into: written}
        for content in contents.values():  # no part of what an optimizer loads
            content.pop(schedules.PADDLE, None)
        files = (Path(self.file.path).name, Path(self.target).name)
        return one_more_step(sides, state, groups, contents, files)


def _parameters(sides: Sides, side: str) -> dict[str, object]:
    if side in sides.user_models:
        return parameters_of(sides.user_models[side])
    views = sides.layouts[side].views.values()
    return {view.stored_name: None for view in views if view.trained and not view.buffer}


def _fill(state: State, moment: str, start: str, shapes: Mapping[str, tuple[int, ...]]) -> None:
    arrays = state.kept.setdefault(moment, {})
    dtype = next(iter(arrays.values())).dtype if arrays else np.dtype(np.float32)
    for group in state.groups:
        for name in group.names:
            arrays.setdefault(name, np.full(shapes[name], group.numbers[start], dtype))


def _rows(state: State) -> list[ConvertedTensor]:
    return [
        ConvertedTensor(f"{name} {moment}", array.shape, array.dtype.name, "carried")
        for moment, arrays in state.kept.items()
        for name, array in arrays.items()
    ]


def _exact(state: State) -> bool:
    return not any(row.scale and moment in state.kept for moment, row in state.entry.state.items())


def _step(state: State) -> int | None:
    return max(state.steps.values(), default=None)


def _differences(entry: Entry) -> list[str]:
    """How the rules of the two frameworks differ where no setting makes them one."""
    told = OPTIMIZER_BY_KIND[entry.kind].differs
    return [
        f"{contrast.what} of {entry.kind} is {contrast.torch} in PyTorch and {contrast.paddle} in Paddle, which no "
        "setting changes: the state is the same, the steps differ by that"
        for contrast in told
        if contrast.rule and not contrast.what.endswith("in float64")
    ]
