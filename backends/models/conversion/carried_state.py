"""What an optimizer keeps, carried from the layout of one framework into the other's exactly as its weights are.

Moments are laid out as their weights: where those are transposed, packed or taken apart, so are they.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ....common.errors import BadInput, listed
from ....common.weights.fit import LISTED
from ....common.weights.model_conversion import framework_arrays
from ....common.weights.optimizer.state import Group, State
from ....common.weights.rules import to_canonical, with_aliases
from .pairing import Sides


def carried_state(path: str, state: State, sides: Sides, wanted: Mapping[str, object]) -> State:
    """The state under the target's names, in its layout.

    Args:
        wanted: the target's parameters by name, in their order.

    Raises:
        BadInput: something is kept of a parameter that has no counterpart, or that is one with others that were
            stepped otherwise.
    """
    made_of = sources(sides, wanted)
    stepped = set(state.stepped)
    lost = stepped - {name for names in made_of.values() for name in names}
    if lost:
        raise BadInput(f"{path}: keeps the state of {listed(sorted(lost), LISTED)}, of which nothing is known there")
    kept = {
        moment: moved
        for moment, arrays in state.kept.items()
        if (moved := _moved(path, arrays, sides, made_of)) or not arrays
    }
    steps = {}
    for name, names in made_of.items():
        counts = {state.steps[one] for one in names if one in state.steps}
        if len(counts) > 1:
            raise BadInput(f"{path}: {name} is made of {listed(names, LISTED)}, which have taken different steps")
        steps |= {name: counts.pop()} if counts else {}
    groups = _groups(path, state, made_of)
    return State(state.entry, groups, kept, steps, _moved(path, state.masters, sides, made_of), state.schedule)


def sources(sides: Sides, wanted: Mapping[str, object]) -> dict[str, list[str]]:
    """Parameter of the target → the parameters of the origin that it is made of, by their names in state dicts."""
    views, others = sides.layouts[sides.into].views, sides.layouts[sides.origin].views
    back = {y: (x,) for x, y in sides.pairs.items()}
    back |= {y: carry.names for y, carry in (sides.matching.carries if sides.matching else {}).items()}
    made_of: dict[str, dict[str, None]] = {}
    for y, view in views.items():
        if view.stored_name in wanted:
            names = made_of.setdefault(view.stored_name, {})
            names |= {others[x].stored_name: None for x in back.get(y, ()) if x in others}
    order = [name for name in wanted if name in made_of]
    return {name: list(made_of[name]) for name in order}


def _moved(
    path: str, arrays: Mapping[str, np.ndarray], sides: Sides, made_of: Mapping[str, list[str]]
) -> dict[str, np.ndarray]:
    views, others = sides.layouts[sides.into].views, sides.layouts[sides.origin].views
    moved = sides.moved(with_aliases(to_canonical(others, arrays), others))
    lacking = {view.stored_name for name, view in views.items() if name not in moved}
    parted = sorted({view.stored_name for name, view in views.items() if name in moved} & lacking & set(made_of))
    if parted:
        raise BadInput(
            f"{path}: {listed(parted, LISTED)} is made of weights of which only some were stepped; step them all once"
        )
    made = framework_arrays(sides.layouts[sides.into], moved)
    return {name: made[name] for name in made_of if name in made and name not in lacking}


def _groups(path: str, state: State, made_of: Mapping[str, list[str]]) -> list[Group]:
    place = {name: at for at, group in enumerate(state.groups) for name in group.names}
    groups = [Group(group.numbers, []) for group in state.groups]
    for name, names in made_of.items():
        places = {place[one] for one in names if one in place}
        if len(places) > 1:
            raise BadInput(f"{path}: {name} is made of {listed(names, LISTED)}, which are in different groups")
        if places:
            groups[places.pop()].names.append(name)
    return groups
