"""The outcome of `diff` and `align`: in the terminal the rungs, where the sides part and why; as JSON; as a report."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from dualport.common.compare.models import Comparison
    from dualport.common.report.blocks import Cell

MOST_BY_THEMSELVES, MOST_CALLS = 8, 20
WAYS = {"name": "by name", "graph": "by what feeds them", "only one of its kind": "as the only ones of their kind",
        "map": "as --map says", "value": "by the values that they make", "trial": "by trial"}  # fmt: skip


def add_outcome_options(parser: argparse.ArgumentParser) -> None:
    """How the outcome is shown."""
    parser.add_argument("--report", metavar="DIR", help="write alignment.json and report.html there")
    parser.add_argument("--json", action="store_true", help="print alignment.json instead of the table")
    parser.add_argument("--all", action="store_true", help="show every call, not the rungs alone")


def show(comparison: Comparison, folder: Path | None, arguments: argparse.Namespace) -> int:
    """Print the outcome and write the report; return the exit code."""
    if arguments.json:
        print(alignment_text(comparison), end="")
    else:
        print_outcome(comparison, arguments.all)
    if folder is not None:
        path = _write(comparison, folder)
        if not arguments.json:
            print(f"report: {path}")
    return 0 if comparison.ok else 1


def alignment_text(comparison: Comparison) -> str:
    """`alignment.json`."""
    import json

    from dualport.common.compare.summary import alignment_json

    return json.dumps(alignment_json(comparison), indent=2, allow_nan=False) + "\n"


def _write(comparison: Comparison, folder: Path) -> Path:
    from dualport.common.atomic import make_folder, write_text
    from dualport.common.report import write_report
    from dualport.common.report.comparison import alignment_report

    write_text(folder / "alignment.json", alignment_text(comparison))
    report = alignment_report(comparison, _facts(*comparison.heads), make_folder(folder / "figures"))
    return write_report(folder / "report.html", report)


def _facts(a: dict, b: dict) -> list[tuple[str, Cell]]:
    """What was compared with what."""
    inputs = ", ".join(
        f"{array['name'] or 'input'} {'×'.join(map(str, array['shape']))} {array['dtype']}" for array in a["inputs"]
    )
    facts = [
        ("first", f"{a['model']}, {a['framework_version']}"),
        ("second", f"{b['model']}, {b['framework_version']}"),
    ]
    facts += [("inputs", inputs), ("seed", a["seed"]), ("precisions", ", ".join(a["dtypes"])), ("loss", a["loss"])]
    return [*facts, ("optimiser", f"{a['optimiser']}, {a['steps']} steps" if a["steps"] else "none")]


def print_outcome(comparison: Comparison, every: bool = False) -> None:
    """Rungs, what parts by itself, tested explanations, calls without counterpart, and the verdict last."""
    from dualport.common.compare.wording import error_text, measured, short
    from dualport.common.errors import listed
    from dualport.scripts.terminal.rung_table import RungTable

    table = RungTable(comparison.names, timed=False)
    for rung in comparison.verdict.rungs:
        table.show(rung)
        for row in rung.rows if every else []:
            lost = "  ".join(f"{side} float32 {short(error)}" for side, error in row.error32.items())
            mark = "" if row.ok else "  <--"
            print(f"    {row.name:<60} {error_text(row.error64, 'equal'):>9}  {lost}  {row.remark}{mark}".rstrip())
    _by_themselves(comparison)
    for cause in comparison.explanations:
        mark = "explained" if cause.removed else "reduced"
        print(
            f"{mark}: {cause.call}: {cause.text} ({measured(cause.before, 'equal')} → {measured(cause.after, 'equal')})"
        )
    for side, calls in zip(comparison.names, comparison.unpaired, strict=True):
        if calls:
            print(f"no counterpart, {side}: {listed(calls, MOST_CALLS)}")
    for note in comparison.notes:
        print(f"note: {note}")
    print(_matched(comparison.matching))
    print(comparison.sentence)


def _by_themselves(comparison) -> None:
    from dualport.common.compare.wording import error_text

    told = set()
    for rung in comparison.forwards.values():
        groups: dict[tuple, list] = {}
        for row in rung.rows:
            if row.by_itself and row.name not in told:
                pair = comparison.pair_of(rung, row)
                groups.setdefault((pair and pair.cause) or (row.name,), []).append(row)
        for row, *alike in list(groups.values())[:MOST_BY_THEMSELVES]:
            told |= {each.name for each in (row, *alike)}
            more = f", and {len(alike)} more whose settings differ alike" if alike else ""
            print(f"by itself: {row.name}: {row.remark}, error {error_text(row.error_by_itself, 'equal')}{more}")
        if len(groups) > MOST_BY_THEMSELVES:
            print(f"by themselves: {len(groups) - MOST_BY_THEMSELVES} more calls, all in the report")


def _matched(matching) -> str:
    """How the layers were matched, in one line."""
    from collections import Counter

    counts = Counter(how for _, _, how in matching.pairs)
    ways = ", ".join(f"{count} {WAYS[how]}" for how, count in counts.items())
    return f"layers with weights matched: {ways or 'none'}"
