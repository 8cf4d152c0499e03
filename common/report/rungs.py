"""Tables of rungs: all of them in one, and the rows of one of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..compare.row import Row
from ..compare.verdict import FAIL, Rung, Verdict
from ..compare.wording import error_text, short
from .blocks import Cell, Table

MANY_ULPS = 1e6  # written as a power of ten from there on


def rungs_table(verdict: Verdict, exact: str = "float64 error") -> Table:
    """One row for each rung, with its worst figures.

    Args:
        exact: what the error between the two sides is called.
    """
    sides, lossy = verdict.sides, any(row.error32 for rung in verdict.rungs for row in rung.rows)
    timed = any(rung.seconds for rung in verdict.rungs)
    header = ["rung", "verdict", exact, "bound"]
    header += [*(f"{side} float32" for side in sides), "ratio", "of what rounding explains"] * lossy
    header += ["seconds"] * timed + ["first divergence"] * (not verdict.ok)
    rows: list[list[Cell]] = []
    for rung in verdict.rungs:
        line: list[Cell] = [rung.name, rung.status, error_text(rung.float64_error), error_text(rung.bound)]
        if lossy:
            errors = [rung.float32_error(side) for side in sides]
            line += [*map(error_text, errors), _ratio(errors), _percent([rung.share(side) for side in sides])]
        line += [f"{rung.seconds:.1f}"] * timed
        rows.append(line + [rung.first.name if rung.first else None] * (not verdict.ok))
    marks = [None if rung.skipped else rung.status != FAIL for rung in verdict.rungs]
    note = "Each column shows its worst value."
    if lossy:
        note += f" ratio: the float32 error of {sides[-1]} over that of {sides[0]}."
    if any(rung.dtype != "float32" for rung in verdict.rungs):
        note += " A rung named after another precision has that precision's errors instead of float32's."
    return Table(header, rows, marks, note)


def rows_table(rung: Rung, sides: Sequence[str], most: int, exact: str = "float64 error") -> Table:
    """The rows of one rung; of more than `most`, the most telling. A column that would be empty is left out."""
    rows = most_telling(rung.rows, most)
    columns: list[tuple[str, Sequence[Cell]]] = [
        ("", [f"{row.name} – {row.remark}" if row.remark else row.name for row in rows]),
        (exact, [error_text(row.error64) for row in rows]),
        ("bound", ["not judged" if row.bound64 is None else error_text(row.bound64) for row in rows]),
    ]
    limits = [row.bound32 if row.error32 else None for row in rows]
    if any(row.error32 for row in rows):
        columns += [(f"{side} {rung.dtype}", [error_text(row.error32.get(side)) for row in rows]) for side in sides]
    if any(limit is not None for limit in limits):
        columns.append(("rounding explains", [error_text(limit) for limit in limits]))
    if any(row.ulp for row in rows):
        columns += [(f"{side} ulp", [_ulps(row, side) for row in rows]) for side in sides]
    if any(row.worst for row in rows):
        worst = f"worst element, exact as {rung.dtype}"
        columns += [(f"{side}: {worst}", [row.worst.get(side) for row in rows]) for side in sides]
    fewer = len(rows) < len(rung.rows)
    note = f"{len(rows)} of {len(rung.rows)} rows: those that fail, and those nearest to their bounds." if fewer else ""
    header, cells = zip(*columns, strict=True)
    return Table(header, list(zip(*cells, strict=True)), [row.ok for row in rows], note)


def most_telling(rows: Sequence[Row], most: int) -> list[Row]:
    """At most `most` rows, in their order: what parts by itself, others that fail, then the nearest to their bounds."""
    if len(rows) <= most:
        return list(rows)
    chosen = sorted(range(len(rows)), key=lambda place: _urgency(rows[place]))[:most]
    return [rows[place] for place in sorted(chosen)]


def _urgency(row: Row) -> tuple:
    """The smaller, the more telling."""
    return (True, True, 1.0 - row.share) if row.ok else (not row.by_itself, row.same, 0.0)


def _ulps(row: Row, side: str) -> str:
    value = row.ulp.get(side) if side in row.error32 else None
    if value is None:
        return "–"
    return f"{value:,.1f}" if value < MANY_ULPS else short(value)


def _ratio(values: Sequence[float | None]) -> str:
    first, last = values[0], values[-1]
    return "–" if first is None or last is None or not first else f"{last / first:.2f}"


def _percent(values: Sequence[float | None]) -> str:
    numbers = [value for value in values if value is not None]
    if not numbers:
        return "–"
    return f"{max(numbers):.0%}" if all(map(math.isfinite, numbers)) else "inf"
