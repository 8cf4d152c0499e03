"""A weight file on a terminal or in a pipe: what it is, then its tensors and what stands beside them, in columns."""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from textwrap import wrap
from typing import Any

LINE = 400  # characters of what is said in one line, before it is broken
NARROW = 40  # characters, the least that lines are broken to
HIDDEN = ("NaN", "bytes", "mean", "max", "min")  # columns that are given up, in this order, where a terminal is narrow


def printable(text: object, limit: int = 60) -> str:
    """`text` without control characters (a name could otherwise repaint the terminal), cut to `limit` characters."""
    text = str(text)
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= limit else text[: limit - 1] + "…"


def print_report(report: dict[str, Any], rows: int | None) -> None:
    """Print what `describe` gives, at most `rows` rows of each table."""
    for line in _lines(report):
        _say(line)
    header = ("name", "shape", "dtype", "bytes", "min", "max", "mean", "NaN")
    _table(header, [_row(tensor) for tensor in report["tensors"][:rows]], len(report["tensors"]))
    for title in ("names", "values", "metadata"):
        content = {key: value for key, value in report[title].items() if key != value}  # a .pdopt names itself
        if content:
            lines = [(printable(key), printable(value)) for key, value in list(content.items())[:rows]]
            headers = {"names": ("name", "parameter"), "values": ("value", "is"), "metadata": ("metadata", "is")}
            _table(headers[title], lines, len(content))


def _lines(report: dict[str, Any]) -> Iterator[str]:
    """What is said before the tables, a line each."""
    verified = "matches its sha256" if report["verified"] else "not verified (no sha256 was given)"
    form = ", ".join(
        [report["written"] or report["format"]]
        + ([f"pickle protocol {report['protocol']}"] if report["protocol"] else [])
    )
    yield f"{printable(report['file'], LINE)}: {form}, for {report['framework'] or 'any framework'}; {verified}"
    if report.get("sha256"):
        yield f"{report['size']:,} bytes"
        yield f"sha256 {report['sha256']}"
    parts = [f"{printable(key)} ({kind})" for key, kind in report["parts"].items() if key != "."]
    if parts:
        yield f"parts: {_some(parts, 20)}"
    if report["optimiser_steps"]:
        yield "optimiser steps: " + _some(
            ["unknown" if step is None else f"{step:,}" for step in report["optimiser_steps"]], 10
        )
    if report["training"]:
        yield "training: " + ", ".join(f"{name} {value}" for name, value in report["training"].items())
    if report["layers"]:
        yield "layers by their classes: " + _counted(dict(Counter(map(_last, report["layers"].values())).most_common()))
    yield from _export_lines(report["export"] or {})
    for note in report["unread"]:
        yield printable(note, LINE)
    if report["prefix"]:
        yield f"all names begin with {printable(report['prefix'])}"
    kinds = _counted(report["dtypes"])
    yield f"tensors: {len(report['tensors']):,} ({kinds}), {report['elements']:,} values, {report['bytes']:,} bytes"


def _say(line: str) -> None:
    """A line, broken where a terminal would break it in the middle of a word."""
    line = printable(line, LINE)
    width = _width()
    for part in wrap(line, width, subsequent_indent="  ", break_on_hyphens=False) if width else [line]:
        print(part)


def _width() -> int | None:
    """Columns of the terminal; None in a pipe, where nothing is broken or given up."""
    if not sys.stdout.isatty():
        return None
    return max(shutil.get_terminal_size().columns, NARROW)


def _some(words: list[str], most: int) -> str:
    return ", ".join(words[:most]) + (" …" if len(words) > most else "")


def _last(label: str) -> str:
    return printable(label.rpartition(".")[2])


def _export_lines(export: dict[str, Any]):
    """What is said of an inference export before its tensors."""
    from dualport.common.weights.exports.summary import in_ranges

    program = export.get("program")
    if program:
        made = "PIR of version {} (Paddle 3)" if program["kind"] == "PIR" else "made by Paddle {}"
        yield f"program: {made.format(program['version'])}, {sum(export['operations'].values()):,} operations"
        for side in ("inputs", "outputs"):
            yield f"{side}: " + ", ".join(_variable(variable) for variable in program[side])
        yield "operations: " + _counted(export["operations"])
    elif export:
        yield "program: none, one file a variable"
    if export.get("layers"):
        yield "layers by their names: " + _counted(export["layers"])
    if export.get("untold"):
        yield f"of no told kind: {len(export['untold'])} tensors, such as {', '.join(export['untold'][:8])}"
    folded = export.get("folded", {})
    for layer, suffixes in folded.get("partly", {}).items():
        yield f"folded: of {layer} there is no {', '.join(suffixes)}"
    if folded.get("skipped"):
        gaps = ", ".join(in_ranges(folded["skipped"]))
        yield f"left out (folded, pruned or never used), by the gaps in the numbers: {gaps}"
    for what in ("fused", "quantised"):
        if folded.get(what):
            yield f"{what}: {_counted(folded[what])}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items())


def _variable(variable: dict[str, Any]) -> str:
    shape = variable["shape"]
    sizes = "of no told shape" if shape is None else "×".join("?" if size < 0 else str(size) for size in shape)
    return f"{variable['name']} {sizes or 'scalar'} {variable['dtype'] or ''}".rstrip()


def _row(tensor: dict[str, Any]) -> tuple[str, ...]:
    numbers = ["–" if tensor[key] is None else _short(tensor[key]) for key in ("min", "max", "mean")]
    shape = "×".join(map(str, tensor["shape"])) or "scalar"
    return printable(tensor["name"]), shape, tensor["dtype"], f"{tensor['bytes']:,}", *numbers, f"{tensor['nan']:,}"


def _short(number: float | str) -> str:
    return number if isinstance(number, str) else f"{number:.4g}"


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]], total: int) -> None:
    """Plain columns; names stay whole and can be searched. Says which columns and how many rows it leaves out."""
    if not rows:
        return
    table = [header, *rows]
    hidden = []
    for title in HIDDEN if _width() else ():
        at = table[0].index(title) if title in table[0] and _too_wide(table) else 0
        if at:
            table = [(*row[:at], *row[at + 1 :]) for row in table]
            hidden.append(title)
    if len(header) == 2 and _too_wide(table):
        room = max((_width() or 0) - 2 - max(len(row[0]) for row in table), NARROW // 2)
        table = [(name, printable(value, room)) for name, value in table]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    print()
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if hidden:
        _say(f"(too narrow for {', '.join(reversed(hidden))}: a wider terminal or a pipe shows them, --json too)")
    if total > len(rows):
        print(f"… and {total - len(rows):,} more rows: --all shows them, --json too")


def _too_wide(table: list[tuple[str, ...]]) -> bool:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return sum(widths) + 2 * (len(widths) - 1) > (_width() or 10**9)
