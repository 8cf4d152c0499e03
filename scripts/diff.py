"""`dualport diff`: hold two traces against each other; needs no framework."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  dualport diff t.h5 p.h5
  dualport diff t.h5 p.h5 --report runs/diff                     with alignment.json and report.html
  dualport diff t.h5 p.h5 --map head.fc1=classifier.0            for layers that cannot be told apart

exit codes: 0 the same system, 1 different systems, 2 bad input
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", metavar="A.h5", help="a file that `dualport trace` wrote")
    parser.add_argument("second", metavar="B.h5", help="another one, of either framework")
    add_outcome_options(parser)
    parser.add_argument("--map", action="append", default=[], metavar="A=B", help="the path of a layer in the first "
                        "model, =, its path in the second; may be repeated")  # fmt: skip


def add_outcome_options(parser: argparse.ArgumentParser) -> None:
    """How the outcome is shown, for `align` too."""
    parser.add_argument("--report", metavar="DIR", help="write alignment.json and report.html there")
    parser.add_argument("--json", action="store_true", help="print alignment.json instead of the table")
    parser.add_argument("--all", action="store_true", help="show every call, not the rungs alone")


def run(arguments: argparse.Namespace) -> int:
    from dualport.common.atomic import make_folder
    from dualport.common.compare.explanation.divergence import explain_difference
    from dualport.common.compare.matching.layers import parse_map
    from dualport.common.compare.models import diff
    from dualport.common.traces.reading import open_trace
    from dualport.scripts.terminal.tracing_progress import TracingProgress

    folder = make_folder(arguments.report) if arguments.report else None
    with open_trace(arguments.first) as a, open_trace(arguments.second) as b, TracingProgress() as progress:
        difference = diff(a, b, parse_map(arguments.map), lambda mode: progress.show("compare", mode))
        if not difference.ok:
            progress.show("explain", "what is known to differ")
            difference.explanations += explain_difference(difference, a, b)
        facts = facts_of(a.head, b.head)
    return show(difference, facts, folder, arguments)


def facts_of(a: dict, b: dict) -> list[tuple[str, object]]:
    """What was compared with what, for a report."""
    inputs = ", ".join(
        f"{one['name'] or 'input'} {'×'.join(map(str, one['shape']))} {one['dtype']}" for one in a["inputs"]
    )
    facts = [
        ("first", f"{a['model']}, {a['framework_version']}"),
        ("second", f"{b['model']}, {b['framework_version']}"),
    ]
    facts += [("inputs", inputs), ("seed", a["seed"]), ("precisions", ", ".join(a["dtypes"])), ("loss", a["loss"])]
    return [*facts, ("optimiser", f"{a['optimiser']}, {a['steps']} steps" if a["steps"] else "none")]


def show(difference, facts, folder, arguments: argparse.Namespace) -> int:
    """Print the outcome and write the report; return the exit code."""
    from dualport.scripts.terminal.comparison import print_outcome

    if arguments.json:
        print(_json(difference), end="")
    else:
        print_outcome(difference, arguments.all)
    if folder is not None:
        path = _write(difference, facts, folder)
        if not arguments.json:
            print(f"report: {path}")
    return 0 if difference.ok else 1


def _json(difference) -> str:
    import json

    from dualport.common.compare.summary import alignment_json

    return json.dumps(alignment_json(difference), indent=2, allow_nan=False) + "\n"


def _write(difference, facts, folder):
    from dualport.common.atomic import make_folder, write_text
    from dualport.common.report import write_report
    from dualport.common.report.comparison import build_report

    write_text(folder / "alignment.json", _json(difference))
    return write_report(folder / "report.html", build_report(difference, facts, make_folder(folder / "figures")))
