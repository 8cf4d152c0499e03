"""`dualport figures`: every figure of the write-up from a run's weights."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  dualport figures runs/A-torch
  dualport figures runs/A-torch --backend paddle      the same weights drawn by the other framework
"""


def configure(parser: argparse.ArgumentParser) -> None:
    from dualport.scripts.terminal.run_options import add_device

    parser.add_argument("run", metavar="RUN", help="the folder of a run that `train` or `reproduce` made")
    parser.add_argument("--backend", metavar="torch|paddle", help="default: the one that trained the run")
    add_device(parser)


def run(arguments: argparse.Namespace) -> None:
    from dualport.backends.recipes.run import open_run
    from dualport.common.drawing.write_up import draw
    from dualport.scripts.terminal.run_options import check_device
    from rich.progress import track

    check_device(arguments.device)
    opened = open_run(arguments.run, arguments.backend, arguments.device)
    paths = [
        path for figure in track(opened.recipe.figures, "drawing", transient=True) for path in draw(opened, figure)
    ]
    for path in paths:
        print(path)
