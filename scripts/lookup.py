"""`dualport lookup`: what both frameworks call a thing, where they differ, and how closely that was proved."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dualport.common.dictionary.entry import Entry

EXAMPLES = """examples:
  dualport lookup paddle.nn.Conv2DTranspose    both signatures, weights, what differs, how it was proved
  dualport lookup F.interpolate                any name of either framework, whole or in part, in any case
  dualport lookup paddle.scatter               `scatter` alone is two things: each framework means another
  dualport lookup torch.nn.LSTM --json         everything as data
  dualport lookup                              all that there is, by family
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="a class, function, tensor method or kind")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")


def run(arguments: argparse.Namespace) -> None:
    from dualport.common.dictionary import search
    from dualport.common.dictionary.facts import facts

    if arguments.name is None:
        _overview(search.FAMILIES, arguments.json)
        return
    entries = search.entries_named(arguments.name)
    if arguments.json:
        print(json.dumps({"name": arguments.name, "entries": [facts(entry) for entry in entries]}, allow_nan=False))
    elif len(entries) == 1:
        _show(entries[0])
    else:
        _choices(arguments.name, entries)


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False)


def _overview(families: Mapping[str, Sequence[Entry]], as_json: bool) -> None:
    kinds = {name: [entry.kind for entry in entries] for name, entries in families.items()}
    if as_json:
        print(json.dumps({"families": kinds}))
        return
    from rich.table import Table

    table = Table(title=f"{sum(map(len, kinds.values()))} entries", title_style="bold", header_style="bold")
    table.add_column("family", no_wrap=True)
    table.add_column("kinds")
    for name, there in kinds.items():
        table.add_row(name, " ".join(there))
    _console().print(table)


def _choices(name: str, entries: Sequence[Entry]) -> None:
    """An ambiguous name: what it may stand for, and the names that tell them apart."""
    from dualport.common.dictionary.search import FAMILY_OF, FRAMEWORKS, paths

    console = _console()
    console.print(f"{name!r} may be any of {len(entries)}; say which:", markup=False)
    for entry in entries:
        full = [f"{framework}.{path}" for framework in FRAMEWORKS for path in paths(entry, framework)[:1]]
        console.print(f"  {FAMILY_OF[id(entry)]}, {entry.kind}: {', '.join(full)}", markup=False, soft_wrap=True)


def _show(entry: Entry) -> None:
    from dualport.common.dictionary.page import sections
    from dualport.common.dictionary.search import FAMILY_OF
    from rich.box import SIMPLE_HEAD
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = _console()
    console.print(Text.assemble((entry.kind, "bold"), f"  ({FAMILY_OF[id(entry)]})"))
    for section in sections(entry):
        if not section.columns:
            for (line,) in section.rows:
                console.print(Text.assemble((f"{section.title}: ", "bold"), line))
            continue
        console.print(Text(section.title, "bold"))
        table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for column in section.columns:
            table.add_column(column, overflow="fold")
        for row in section.rows:
            table.add_row(*map(Text, row))
        console.print(Padding(table, (0, 0, 1, 2)))
