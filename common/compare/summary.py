"""What a comparison found, as data: where two models part first, what parts by itself, and `alignment.json`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from ..traces.reading import Call
from .matching.calls import CallPair
from .models import Difference
from .row import Row
from .verdict import Rung, number

LONGEST_SETTINGS = 90  # characters


def first_divergence(difference: Difference) -> tuple[Rung, Row] | None:
    """The first rung that fails and its first row that does."""
    rung = difference.verdict.failed
    return None if rung is None else (rung, rung.first)


def own_errors(difference: Difference) -> Iterator[tuple[Rung, Row]]:
    """All rows with an error of their own: what they were given agrees, what they made does not."""
    for rung in difference.verdict.rungs:
        for row in rung.rows:
            if getattr(row, "own", False):
                yield rung, row


def own_error(row: Row) -> float | None:
    """What a call differs by on its own: as it was measured, else the error of what it made."""
    measured = getattr(row, "own_error", None)
    return row.error64 if measured is None else measured


def pair_of(difference: Difference, rung: Rung, row: Row) -> CallPair | None:
    """The calls that a row is about; for a row of a weight, the first call of the layer that has it."""
    mode = next((mode for mode, forward in difference.forwards.items() if forward is rung), None)
    pairs = difference.pairs if mode is None else difference.paired[mode]
    place = getattr(row, "place", -1)
    if 0 <= place < len(pairs):
        return pairs[place]
    weight = row.name.rpartition(" of ")[2]
    if weight not in difference.matching.weights:
        return None
    layers = [pair for pair in pairs if pair.a.module and _has(pair.a.path, weight)]
    return max(layers, key=lambda pair: len(pair.a.path), default=None)


def lines_of(difference: Difference, rung: Rung, row: Row) -> tuple[str, str]:
    """The user's line on each side; empty where it is not known."""
    own, pair = getattr(row, "where", ("", "")), pair_of(difference, rung, row)
    return own if pair is None else (pair.a.where or own[0], pair.b.where or own[1])


def computes(call: Call, names: Collection[str] | None = None) -> str:
    """A call's name and its settings, or some of them."""
    chosen = call.settings if names is None else {name: call.settings[name] for name in names}
    told = ", ".join(f"{name} {value}" for name, value in chosen.items() if value is not None)
    told = told if len(told) <= LONGEST_SETTINGS else f"{told[: LONGEST_SETTINGS - 1]}…"
    return f"{call.label} ({told})" if told else call.label


def told_apart(pair: CallPair) -> tuple[str, str]:
    """What both sides compute; of the same operation, the settings that differ."""
    a, b = pair.a.settings, pair.b.settings
    if pair.a.kind != pair.b.kind:
        return computes(pair.a), computes(pair.b)
    other = [name for name in a if name in b and not _alike(a[name], b[name])]
    return computes(pair.a, other), computes(pair.b, other)


def alignment_json(difference: Difference) -> dict[str, Any]:
    """`alignment.json`; numbers that are not finite are text.

    Of a row, `error` is between the sides, `inherited` that of the inputs, `own` that on the counterpart's inputs.
    """
    names, found = difference.names, first_divergence(difference)
    return {
        "models": difference.verdict.recipe,
        "sides": list(names),
        "verdict": difference.sentence,
        "ok": difference.ok,
        "rungs": [rung.as_json(names) for rung in difference.verdict.rungs],
        "first_divergence": None if found is None else _row_json(difference, *found),
        "own_errors": [_row_json(difference, rung, row) for rung, row in own_errors(difference)],
        "explanations": [_explanation_json(one) for one in difference.explanations],
        "unpaired": {name: list(calls) for name, calls in zip(names, difference.unpaired, strict=True)},
        "moves": {name: list(calls) for name, calls in zip(names, difference.moves, strict=True)},
        "matching": _matching_json(difference),
        "notes": list(difference.notes),
    }


def _alike(x, y) -> bool:
    """Whether two settings are equal; 2 is [2, 2]."""
    x, y = (
        [one] * len(two) if isinstance(two, list) and not isinstance(one, list) else one
        for one, two in ((x, y), (y, x))
    )
    return x == y


def _has(path: str, weight: str) -> bool:
    return weight.startswith(f"{path}.") if path else "." not in weight


def _row_json(difference: Difference, rung: Rung, row: Row) -> dict[str, Any]:
    pair = pair_of(difference, rung, row)
    calls = (None, None) if pair is None else (computes(pair.a), computes(pair.b))
    return {
        "rung": rung.name,
        "name": row.name,
        "where": dict(zip(difference.names, lines_of(difference, rung, row), strict=True)),
        "computes": dict(zip(difference.names, calls, strict=True)),
        "error": number(row.error64),
        "own": number(own_error(row)),
        "inherited": number(getattr(row, "inherited", None)),
        "bound": number(row.bound64),
        "float32_error": {side: number(error) for side, error in row.error32.items()},
        "float32_bound": number(row.bound32),
        "remark": row.remark,
    }


def _explanation_json(explanation) -> dict[str, Any]:
    return {
        "call": getattr(explanation, "call", None),
        "text": explanation.text,
        "before": number(explanation.before),
        "after": number(explanation.after),
        "removed": bool(explanation.removed),
    }


def _matching_json(difference: Difference) -> dict[str, Any]:
    names, matching = difference.names, difference.matching
    return {
        "pairs": [{"names": [x, y], "how": how} for x, y, how in matching.pairs],
        "unmatched": {name: list(left) for name, left in zip(names, matching.unmatched, strict=True)},
        "ambiguous": [dict(zip(names, map(list, group), strict=True)) for group in matching.ambiguous],
        "conflicts": list(matching.conflicts),
    }
