"""`dualport evaluate`: held-out numbers of a run, each with its unit."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  dualport evaluate runs/A-torch
  dualport evaluate runs/A-torch --data mnist --images 1000        on other images than the run's own
  dualport evaluate runs/mlp-vae --samples 5000                    a tighter bound on the log-likelihood
  dualport evaluate runs/A-torch --backend paddle --json           the same weights in the other framework

The images are the test part of the run's data; where it has none (digits, a single file) the output says what was used
instead. Values are means over the images ± their standard error. The numbers are kept in RUN/evaluation.json.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    from dualport.scripts.terminal.run_options import add_device

    parser.add_argument("run", metavar="RUN", help="the folder of a run that `train` or `reproduce` made")
    parser.add_argument("--data", metavar="SOURCE", help="images to judge on (default: the test part of the run's own)")
    parser.add_argument("--transposed", action="store_true", help="that file holds its images with H and W swapped")
    parser.add_argument(
        "--samples", type=int, default=200, metavar="K", help="importance samples an image (default: 200)"
    )
    parser.add_argument("--images", type=int, metavar="N", help="judge on N images, evenly spread (default: all)")
    parser.add_argument("--backend", metavar="torch|paddle", help="default: the one that trained the run")
    add_device(parser)
    parser.add_argument("--seed", type=int, metavar="N", help="of the samples (default: the run's)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of lines of text")
    parser.add_argument("--out", metavar="FILE", help="keep the JSON in this file instead of RUN/evaluation.json")


def run(arguments: argparse.Namespace) -> None:
    import json
    from pathlib import Path

    from dualport.backends.recipes.run import open_run
    from dualport.common.atomic import make_folder, write_text
    from dualport.common.evaluation import evaluate, held_out_set
    from dualport.common.runs.config import versions
    from dualport.common.runs.folder import RunFolder
    from dualport.scripts.terminal.stage_progress import StageProgress

    _check(arguments)
    recorded = RunFolder(arguments.run).read_config()["data"]
    out = Path(arguments.out or Path(arguments.run) / "evaluation.json")
    make_folder(out.parent)  # told before minutes of work, not after
    opened = open_run(arguments.run, arguments.backend, arguments.device)
    transposed = recorded.get("transposed", False) if arguments.data is None else arguments.transposed
    data = held_out_set(opened.recipe, opened.data, recorded["source"], arguments.data, transposed, arguments.images)
    seed = opened.seed if arguments.seed is None else arguments.seed
    with StageProgress() as progress:
        outcome = evaluate(opened.recipe, opened.session, data, seed, arguments.samples, progress.show)
    epoch = opened.history[-1]["epoch"] if opened.history else None
    head = {"backend": opened.backend, "device": opened.session.device, "epoch": epoch}
    text = json.dumps(head | outcome.to_json() | {"versions": versions()}, indent=1, ensure_ascii=False)
    write_text(out, text + "\n")
    if arguments.json:
        print(text)
        return
    print(f"{opened.recipe.name} in {opened.backend}" + ("" if epoch is None else f", epoch {epoch}"))
    print("\n".join(outcome.lines()))
    print(f"kept in {out}")


def _check(arguments: argparse.Namespace) -> None:
    """Refuse bad options before anything is loaded."""
    from pathlib import Path

    from dualport.common.errors import BadInput
    from dualport.scripts.terminal.run_options import check_device

    check_device(arguments.device)
    for name in ("samples", "images"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise BadInput(f"--{name} must be at least 1, but is {value}")
    if arguments.seed is not None and arguments.seed < 0:
        raise BadInput(f"the seed must not be negative, but is {arguments.seed}")
    if arguments.transposed and arguments.data is None:
        raise BadInput("--transposed is about the file that --data names; the run's own data is read as in training")
    if arguments.out is not None and Path(arguments.out).is_dir():
        raise BadInput(f"{arguments.out}: is a folder; name a file in it")
