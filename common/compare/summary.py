"""`alignment.json`: what a comparison found, as data."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ..traces.reading import Call
from .matching.calls import CallPair, call_name
from .models import Comparison
from .row import Row
from .verdict import Rung, number

LONGEST_SETTINGS = 90  # characters


def computes(call: Call, names: Collection[str] | None = None) -> str:
    """A call's name and its settings, or some of them."""
    chosen = call.settings if names is None else {name: call.settings[name] for name in names}
    told = ", ".join(f"{name} {value}" for name, value in chosen.items() if value is not None)
    told = told if len(told) <= LONGEST_SETTINGS else f"{told[: LONGEST_SETTINGS - 1]}…"
    return f"{call.label} ({told})" if told else call.label


def told_apart(pair: CallPair) -> tuple[str, str]:
    """What both sides compute; of the same operation, the settings that differ."""
    if pair.a.kind != pair.b.kind:
        return computes(pair.a), computes(pair.b)
    return computes(pair.a, pair.other_settings), computes(pair.b, pair.other_settings)


def alignment_json(comparison: Comparison) -> dict[str, Any]:
    """`alignment.json`; numbers that are not finite are text.

    Of a row, `error` is between the sides, `inherited` that of the inputs, `own` that on the counterpart's inputs.
    """
    names, first = comparison.names, comparison.first_divergence
    return {
        "models": comparison.verdict.title,
        "sides": list(names),
        "verdict": comparison.sentence,
        "ok": comparison.ok,
        "rungs": [rung.as_json(names) for rung in comparison.verdict.rungs],
        "first_divergence": None if first is None else _row_json(comparison, *first),
        "own_errors": [_row_json(comparison, rung, row) for rung, row in comparison.by_themselves()],
        "explanations": [explanation.as_json() for explanation in comparison.explanations],
        "unpaired": {name: list(calls) for name, calls in zip(names, comparison.unpaired, strict=True)},
        "moves": {name: list(calls) for name, calls in zip(names, comparison.moves, strict=True)},
        "rewritten": _rewritten_json(comparison),
        "matching": _matching_json(comparison),
        "notes": list(comparison.notes),
    }


def _row_json(comparison: Comparison, rung: Rung, row: Row) -> dict[str, Any]:
    pair = comparison.pair_of(rung, row)
    calls = (None, None) if pair is None else (computes(pair.a), computes(pair.b))
    return {
        "rung": rung.name,
        "name": row.name,
        "where": dict(zip(comparison.names, comparison.lines_of(rung, row), strict=True)),
        "computes": dict(zip(comparison.names, calls, strict=True)),
        "error": number(row.error64),
        "own": number(row.error_by_itself),
        "inherited": number(row.error_of_inputs),
        "bound": number(row.bound64),
        "float32_error": {side: number(error) for side, error in row.error32.items()},
        "float32_bound": number(row.bound32),
        "remark": row.remark,
    }


def _rewritten_json(comparison: Comparison) -> list[dict[str, Any]]:
    """Where the sides compute the same in other steps: the calls of each."""
    told = []
    for mode, regions in comparison.rewritten.items():
        for region in regions:
            named = ([call_name(call) for call in calls] for calls in region.calls)
            told.append({"mode": mode, **dict(zip(comparison.names, named, strict=True))})
    return told


def _matching_json(comparison: Comparison) -> dict[str, Any]:
    names, matching = comparison.names, comparison.matching
    return {
        "pairs": [{"names": [x, y], "how": how} for x, y, how in matching.pairs],
        "unmatched": {name: list(left) for name, left in zip(names, matching.unmatched, strict=True)},
        "ambiguous": [dict(zip(names, map(list, group), strict=True)) for group in matching.ambiguous],
        "conflicts": [misfit.told(names) for misfit in matching.misfits],
    }
