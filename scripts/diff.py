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
    from dualport.scripts.terminal.comparison import add_outcome_options

    parser.add_argument("first", metavar="A.h5", help="a file that `dualport trace` wrote")
    parser.add_argument("second", metavar="B.h5", help="another one, of either framework")
    add_outcome_options(parser)
    parser.add_argument("--map", action="append", default=[], metavar="A=B", help="the path of a layer in the first "
                        "model, =, its path in the second; may be repeated")  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    from dualport.common.atomic import make_folder
    from dualport.common.compare.explanation.divergence import explain_difference, guarded
    from dualport.common.compare.located import locate_from_traces
    from dualport.common.compare.matching.layers import parse_map
    from dualport.common.compare.models import diff
    from dualport.common.traces.reading import open_trace
    from dualport.scripts.terminal.comparison import show
    from dualport.scripts.terminal.tracing_progress import TracingProgress

    folder = make_folder(arguments.report) if arguments.report else None
    with open_trace(arguments.first) as a, open_trace(arguments.second) as b, TracingProgress() as progress:
        comparison = diff(a, b, parse_map(arguments.map), lambda mode: progress.show("compare", mode))
        if not comparison.ok:
            with guarded(comparison, "where it parts"):
                locate_from_traces(comparison, a, b)
            progress.show("explain", "what is known to differ")
            comparison.explanations += explain_difference(comparison, a, b)
    return show(comparison, folder, arguments)
