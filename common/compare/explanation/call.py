"""Why one matched call differs: known differences, each applied to one side in NumPy, and what that leaves.

Nothing is returned that was not applied and compared. What was recorded of the two calls comes first (settings,
weights, kinds), then rules that no setting tells (`other_rules`), then what the outputs alone show
(`array_changes`); the first of the three that removes the divergence ends the search.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ...dictionary.formula import Call
from ...dictionary.index import BY_KIND
from ...distance import relative_error
from .array_changes import mutual_changes, rearranged_inputs
from .dropped import dropped
from .evidence import Evidence, Explanation, Trial, exchanged, first_that_removes, removes, reproduces
from .other_inputs import claim_of_input, differing_places, shifted, with_others_inputs
from .other_rules import other_rules
from .positions import other_positions

__all__ = ["Evidence", "Explanation", "explain"]
Thing = tuple[str, Any]  # where it is found in a call, and its name or place there
LARGE = 2**20  # elements of an output; of a larger one, two examples are enough to tell the rule


def explain(evidence: Evidence) -> list[Explanation]:
    """What removes the divergence of one call; if nothing does, the best of what makes it ten times smaller."""
    if not all(np.all(np.isfinite(output)) for output in evidence.outputs):
        return []
    before = relative_error(*evidence.outputs)
    if before == 0:
        return []
    evidence = _fewer(evidence)
    calls = [
        Call(BY_KIND.get(kind), inputs, settings, weights, evidence.training)
        for kind, inputs, settings, weights in zip(
            evidence.kinds, evidence.inputs, evidence.settings, evidence.weights, strict=True
        )
    ]
    with np.errstate(all="ignore"):
        understood = [side for side in (1, 0) if reproduces(calls[side].output(), evidence.outputs[side], before)]
        families = (
            _recorded(evidence, calls, understood),
            dropped(evidence),
            other_rules(evidence, calls, understood),
            _seen(evidence),
        )
        return first_that_removes(families, evidence.outputs)


def _fewer(evidence: Evidence) -> Evidence:
    """The first two examples of a large output whose formula is slow, if they differ as well."""
    output, entry = evidence.outputs[0], BY_KIND.get(evidence.kinds[0])
    arrays = [evidence.outputs[1], *(array for inputs in evidence.inputs for array in inputs[:1])]
    if output.size <= LARGE or entry is None or not entry.by_example:
        return evidence
    if output.ndim < 3 or any(np.shape(array)[:1] != output.shape[:1] for array in arrays):
        return evidence
    inputs = tuple([call_inputs[0][:2], *call_inputs[1:]] for call_inputs in evidence.inputs)
    few = replace(evidence, inputs=inputs, outputs=tuple(array[:2] for array in evidence.outputs))
    return few if relative_error(*few.outputs) >= relative_error(*evidence.outputs) / 2 else evidence


def _recorded(evidence: Evidence, calls: list[Call], understood: list[int]) -> Iterator[Trial]:
    """One side's call with what was recorded of the other side's."""
    if evidence.kinds[0] == evidence.kinds[1]:
        for side in understood:
            trials = list(_exchanged(evidence, calls, side))
            yield from trials
            before = relative_error(*evidence.outputs)
            if any(removes(relative_error(trial.made, trial.wanted), before) for trial in trials):
                return
    elif len(understood) == 2:  # each side computes what it is called after
        a, b = evidence.names
        words = [f"{kind}{_listed(told)}" for kind, told in zip(evidence.kinds, evidence.settings, strict=True)]
        made = replace(calls[0], inputs=calls[1].inputs).output()
        claim = f"{a} computes {words[0]} and {b} {words[1]}"
        yield Trial(claim, f"with {a}'s on {b}'s input", made, evidence.outputs[0])


def _listed(settings: dict) -> str:
    told = [f"{name} {value}" for name, value in settings.items() if value is not None]
    return f" ({', '.join(told)})" if told else ""


def _exchanged(evidence: Evidence, calls: list[Call], side: int) -> Iterator[Trial]:
    """One side's call with what differs of the other's."""
    other, wanted = 1 - side, evidence.outputs[1 - side]
    things = _differing(calls[side], calls[other])

    def trial(chosen: list[Thing]) -> Trial:
        claim = " and ".join(_claim(evidence, thing) for thing in chosen)
        value = "value" if len(chosen) == 1 else "values"
        made = _taken(calls[side], calls[other], chosen).output()
        return Trial(claim, f"with {evidence.names[other]}'s {value}", made, wanted)

    yield from exchanged(things, trial, evidence.outputs)


def _differing(a: Call, b: Call) -> list[Thing]:
    """("settings", name), ("weights", name) and ("inputs", place) of what is not the same, or is on one side only."""
    differing: list[Thing] = []
    for where, mine, others in (("settings", a.settings, b.settings), ("weights", a.weights, b.weights)):
        for name in [*mine, *(name for name in others if name not in mine)]:
            both = name in mine and name in others
            if not both or not np.array_equal(_comparable(mine[name]), _comparable(others[name])):
                differing.append((where, name))
    return differing + [("inputs", place) for place in differing_places(a.inputs, b.inputs)]


def _comparable(value) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError:  # lists of unequal length
        return np.asarray(str(value))


def _taken(mine: Call, others: Call, things: list[Thing]) -> Call:
    """One call with some things of the other's; what the other has not is taken away."""
    parts = {"settings": dict(mine.settings), "weights": dict(mine.weights)}
    places = [place for where, place in things if where == "inputs"]
    for where, name in things:
        if where == "inputs":
            continue
        source = getattr(others, where)
        parts[where].pop(name, None)
        if name in source:
            parts[where][name] = source[name]
    return replace(mine, inputs=with_others_inputs(mine.inputs, others.inputs, places), **parts)


def _claim(evidence: Evidence, thing: Thing) -> str:
    where, name = thing
    if where == "inputs":
        return claim_of_input(evidence, int(name))
    values, (a, b) = getattr(evidence, where), evidence.names
    missing = [side for side in (0, 1) if name not in values[side]]
    if where == "weights":
        if missing:
            return f"{name} is missing in {evidence.names[missing[0]]}"
        return f"{name} differs by {relative_error(values[0][name], values[1][name]):.2g} between {a} and {b}"
    told = [str(values[side].get(name, "not given")) for side in (0, 1)]
    return f"{name} is {told[0]} in {a} and {told[1]} in {b}"


def _seen(evidence: Evidence) -> Iterator[Trial]:
    """What the outputs show by themselves, whatever made them."""
    first, second = evidence.outputs
    if first.dtype.kind in "iu" and second.dtype.kind in "iu" and (shift := shifted(evidence.names, (first, second))):
        yield Trial(f"a constant of whole numbers is {shift}", "so shifted,", second, second)
    told = [settings.get(name) for settings in evidence.settings for name in ("p", "dropout")]
    p = next((value for value in told if isinstance(value, float)), None)
    yield from mutual_changes(evidence.names, evidence.outputs, "output", p)
    if all(len(arrays) == 1 for arrays in evidence.inputs):
        rearranged = rearranged_inputs([arrays[0] for arrays in evidence.inputs], evidence.outputs, evidence.names)
        yield from (Trial(claim, "with the same order", made, evidence.outputs[1]) for claim, made in rearranged)
        taken = other_positions([arrays[0] for arrays in evidence.inputs], evidence.outputs, evidence.names)
        yield from (Trial(claim, "with the same position", made, evidence.outputs[1]) for claim, made in taken)
