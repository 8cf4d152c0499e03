"""One more step of both frameworks' own optimizers in float64, from a state and from what it was converted to.

Both are given the same weights and the same gradients, and what the step does to each parameter is compared. Where the
two frameworks have another rule, each is held against its own, from the same state.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ....common.compare.facts import About, Told
from ....common.compare.row import Row, judged
from ....common.dictionary.entry import Entry, rounded
from ....common.dictionary.index import STEP_RULES
from ....common.dictionary.training.optimizers import Step
from ....common.distance import relative_error
from ....common.random_streams import stream
from ....common.weights.model_conversion import framework_arrays
from ....common.weights.optimizer.adam_steps import beta_power
from ....common.weights.optimizer.paddle_keys import Accumulators, power_key
from ....common.weights.optimizer.state import Group, State
from ....common.weights.rules import to_canonical
from ..load import telling
from ..model import UserModel
from .pairing import Sides

QUANTITY = "float64 ten steps"
Arrays = dict[str, np.ndarray]


def one_more_step(
    sides: Sides, state: State, groups: Mapping[str, Sequence[Group]], contents: Mapping[str, Any], files: Sequence[str]
) -> list[Row]:
    """Rows of the step: of both against each other, or of each against its own rule.

    Args:
        state: what the origin's file holds. groups: framework → groups by the names of its parameters.
        contents: framework → what its own loading takes. files: the names of both, the origin's first.
    """
    views = sides.layouts[sides.origin].views
    owned = {name for group in state.groups for name in group.names}
    stepped = set(state.stepped) if state.entry.state else owned
    names = [name for name, view in views.items() if view.stored_name in stepped]
    before = {name: _drawn("weight", name, views[name].shape) * _rate(state, views[name].stored_name) for name in names}
    kept = {moment: to_canonical(views, arrays) for moment, arrays in state.kept.items()}
    gradients = {name: _drawn("gradient", name, views[name].shape) * _size(kept, name) for name in names}
    made = {}
    for side in (sides.origin, sides.into):
        start, given = (before, gradients) if side == sides.origin else (sides.moved(before), sides.moved(gradients))
        after = _after(sides.user_models[side], sides, side, state.entry, groups[side], contents[side], start, given)
        made[side] = {name: after[name] - start[name] for name in start}
    changes = sides.moved(made[sides.origin])
    labels = [f"{side} ({file})" for side, file in zip((sides.origin, sides.into), files, strict=True)]
    about = About("one more step", *labels, part=state.entry.kind, number=len(changes))
    worst = _worst(made[sides.into], changes)
    row = judged(about, worst, QUANTITY)
    if row.ok or not state.entry.in_paddle:
        return [row]
    return _by_its_rule(sides, state, kept, before, gradients, made, labels, worst)


def _worst(made: Arrays, exact: Arrays) -> float:
    """The largest relative error; NaN where one is."""
    return float(np.max([relative_error(made[name], change) for name, change in exact.items()], initial=0.0))


def _rate(state: State, stored: str) -> float:
    """The size of weights of which a step is no small part, so that what it does to them loses no digits."""
    return state.numbers_of(stored)["lr"] or 1.0


def _drawn(what: str, name: str, shape: Sequence[int]) -> np.ndarray:
    return stream(1, f"one more step, {what} {name}").standard_normal(tuple(shape))


def _size(kept: Mapping[str, Arrays], name: str) -> float:
    """The size of the gradients that left what is kept of a parameter, so that the next one does not drown it."""
    for moment, power in (("first", 1), ("velocity", 1), ("second", 2), ("square", 2), ("sum", 2)):
        array = kept.get(moment, {}).get(name)
        if array is not None and np.any(array):
            return float(np.sqrt(np.mean(np.square(array, dtype=np.float64)))) ** (1 / power)
    return 1.0


def _after(
    model: UserModel, sides: Sides, side: str, entry: Entry, groups: Sequence[Group], content: Any, start: Arrays,
    given: Arrays,
) -> Arrays:  # fmt: skip
    """The weights after a step of the framework's own optimizer."""
    layout, tensors = sides.layouts[side], model.backend.tensors
    with model.kept(), telling(f"{side}'s optimizer does not go on from the state"):
        model.prepare("float64", "eval")
        model.backend.weights.assign(model.model, framework_arrays(layout, start))
        live = model.backend.weights.tensors(model.model)
        terms = [
            (live[name] * tensors.like(array, live[name])).sum()
            for name, array in framework_arrays(layout, given).items()
            if name in live and tensors.has_gradient(live[name])
        ]
        functools.reduce(operator.add, terms).backward()
        of_groups = [(group.numbers, [live[name] for name in group.names]) for group in groups if group.names]
        model.backend.optimizers.go_on(model.backend.optimizers.of_groups(entry.kind, of_groups), content)
        return {name: np.array(array) for name, array in model.weights().items() if name in start}


def _by_its_rule(
    sides: Sides, state: State, kept: Mapping[str, Arrays], before: Arrays, gradients: Arrays,
    made: Mapping[str, Arrays], labels: Sequence[str], apart: float,
) -> list[Row]:  # fmt: skip
    """Each side's step against the rule of its framework, made from what the origin's file holds."""
    rows, views = [], sides.layouts[sides.origin].views
    for side, label in zip((sides.origin, sides.into), labels, strict=True):
        exact = {}
        for name, weight in before.items():
            stored = views[name].stored_name
            ours = {moment: arrays[name] for moment, arrays in kept.items() if name in arrays}
            exact[name] = _rule(state, side, stored, ours, weight, gradients[name])
        exact = exact if side == sides.origin else sides.moved(exact)
        worst = _worst(made[side], exact)
        row = judged(About("one more step by rule", label, part=state.entry.kind, number=len(exact)), worst, QUANTITY)
        row.cause = Told(f"relative difference {worst:.1e}; the two rules are {apart:.1e} apart")
        rows.append(row)
    return rows


def _rule(state: State, side: str, stored: str, ours: Arrays, weight: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    entry, numbers = state.entry, dict(state.numbers_of(stored))
    rules = entry.in_paddle if side == "paddle" else {}
    for moment, row in entry.state.items():
        if row.scale and side == "paddle" and moment in ours:
            ours = ours | {moment: ours[moment].astype(np.float64) * numbers[row.scale]}
    numbers = {name: rounded(value) if name in entry.float32 else value for name, value in numbers.items()}
    exact = {moment: array.astype(np.float64) for moment, array in ours.items()}
    step = Step({"kind": entry.kind, **numbers, **rules}, weight, gradient,
                exact | {"step": state.steps.get(stored, 0)}, rules=STEP_RULES)  # fmt: skip
    change = step.update()
    assert change is not None  # of all kinds that keep something there is a rule
    return change


def paddle_content(state: State, kept: Accumulators, tensor_names: Mapping[str, str]) -> Arrays:
    """What a `.pdopt` holds, in float64 and under the names that live tensors have."""
    content = {}
    powers = {power_key(number): number for number in state.entry.powers}
    for word, arrays in kept.arrays.items():
        for name, array in arrays.items():
            number = powers.get(word)
            exact = array.astype(np.float64)
            if number:
                exact = beta_power(state.numbers_of(name)[number], state.steps[name], "float64")
            content[f"{tensor_names[name]}_{word}_0"] = exact
    return content


def torch_content(node: Any) -> Any:
    """A state dict of PyTorch's with its arrays in float64."""
    if isinstance(node, np.ndarray):
        return node.astype(np.float64)
    return {key: torch_content(value) for key, value in node.items()} if isinstance(node, dict) else node
