"""Tables of rungs: all of them in one, and the rows of one of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..compare.row import Row
from ..compare.verdict import FAIL, Verdict, short
from .blocks import Cell, Table

MANY_ULPS = 1e6  # written as a power of ten from there on


def rungs_table(verdict: Verdict, exact: str = "float64 error") -> Table:
    """One row for each rung, with its worst figures.

    Args:
        exact: what the error between the two sides is called.
    """
    sides, lossy = verdict.sides, any(row.error32 for rung in verdict.rungs for row in rung.rows)
    header = ["rung", "verdict", exact, "bound"]
    header += [*(f"{side} float32" for side in sides), "of its bound"] * lossy
    header += ["first divergence"] * (not verdict.ok)
    rows: list[list[Cell]] = []
    for rung in verdict.rungs:
        line = [rung.name, rung.status, error_text(rung.float64_error), error_text(rung.bound)]
        if lossy:
            line += [*(error_text(rung.float32_error(side)) for side in sides)]
            line.append(_percent([rung.share(side) for side in sides]))
        rows.append(line + [rung.first.name if rung.first else None] * (not verdict.ok))
    marks = [None if rung.skipped else rung.status != FAIL for rung in verdict.rungs]
    share = "; “of its bound” is the float32 error as a share of what rounding explains"
    return Table(header, rows, marks, f"Each column shows its worst value{share if lossy else ''}.")


def rows_table(rows: Sequence[Row], sides: Sequence[str], most: int, exact: str = "float64 error") -> Table:
    """The rows of one rung; of more than `most`, the most telling. A column that would be empty is left out."""
    chosen = most_telling(rows, most)
    columns: list[tuple[str, list[Cell]]] = [
        ("", [f"{row.name} – {row.remark}" if row.remark else row.name for row in chosen]),
        (exact, [error_text(row.error64) for row in chosen]),
        ("bound", ["not judged" if row.bound64 is None else error_text(row.bound64) for row in chosen]),
    ]
    if any(row.error32 for row in chosen):
        limits = [row.bound32 if row.error32 else None for row in chosen]
        columns += [(f"{side} float32", [error_text(row.error32.get(side)) for row in chosen]) for side in sides]
        columns += [("explained", [error_text(limit) for limit in limits])] * any(one is not None for one in limits)
        columns += [
            (f"{side} ulp", [_ulps(row, side) for row in chosen]) for side in sides if any(r.ulp for r in chosen)
        ]
    fewer = len(chosen) < len(rows)
    note = f"{len(chosen)} of {len(rows)} rows: those that fail, and those nearest to their bounds." if fewer else ""
    header, cells = zip(*columns, strict=True)
    return Table(header, list(zip(*cells, strict=True)), [row.ok for row in chosen], note)


def most_telling(rows: Sequence[Row], most: int) -> list[Row]:
    """At most `most` rows, in their order: errors of their own, others that fail, then the nearest to their bounds."""
    if len(rows) <= most:
        return list(rows)
    chosen = sorted(range(len(rows)), key=lambda place: _urgency(rows[place]))[:most]
    return [rows[place] for place in sorted(chosen)]


def error_text(value: float | None) -> str:
    """An error with two digits; a dash where there is none."""
    if value is None:
        return "–"
    return "0" if value == 0 else short(value)


def _urgency(row: Row) -> tuple:
    """The smaller, the more telling."""
    if not row.ok:
        return not getattr(row, "own", False), row.same, 0.0
    shares = [row.error64 / row.bound64] if row.bound64 and row.error64 is not None else []
    shares += [error / row.bound32 for error in row.error32.values()] if row.bound32 else []
    return True, True, 1.0 - max(shares, default=0.0)


def _ulps(row: Row, side: str) -> str:
    value = row.ulp.get(side) if side in row.error32 else None
    if value is None:
        return "–"
    return f"{value:,.1f}" if value < MANY_ULPS else short(value)


def _percent(values: Sequence[float | None]) -> str:
    found = [value for value in values if value is not None]
    if not found:
        return "–"
    return f"{max(found):.0%}" if all(map(math.isfinite, found)) else "inf"
