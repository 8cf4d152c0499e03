"""`dualport validate`: climb the ladder with both frameworks, and say whether they are one system."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  dualport validate aistudio-vae                                      every rung, in half a minute on a CPU
  dualport validate aistudio-cvae --report runs/v                     with validation.json and report.html
  dualport validate aistudio-vae --isolate                            each framework in a process of its own
  dualport validate aistudio-vae --device torch=cuda,paddle=cpu
  dualport validate aistudio-cvae --set learning_rate=1e-3 --epochs 2 --all
  dualport validate aistudio-vae --device cuda --precision tf32,bfloat16

exit codes: 0 the same system, 1 different systems, 2 bad input, 3 a framework or a device is missing
"""

BATCH = 16  # enough for every formula to show; the published batch takes longer and proves no more


def configure(parser: argparse.ArgumentParser) -> None:
    from dualport.scripts.terminal.run_options import add_settings

    parser.add_argument("recipe", metavar="RECIPE", help="name of a recipe; `dualport recipes` lists them")
    parser.add_argument(
        "--device", default="cpu", metavar="WHERE", help="cpu (default), cuda, or one for each: torch=cuda,paddle=cpu"
    )
    parser.add_argument("--isolate", action="store_true", help="each framework in its own process; on CUDA always so")
    parser.add_argument("--data", metavar="SOURCE", help="as for train (default: digits or photos, embedded)")
    parser.add_argument("--steps", type=int, default=20, metavar="N", help="training steps to compare (default: 20)")
    parser.add_argument("--epochs", type=int, default=0, metavar="N", help="train for N epochs as well (default: 0)")
    parser.add_argument("--batch-size", type=int, metavar="N", help=f"default: {BATCH}, or as published if less")
    add_settings(parser)
    parser.add_argument(
        "--precision", action="append", default=[], metavar="DTYPE",
        help="one forward pass in tf32 (CUDA only), float16 or bfloat16 as well, against float64; may be repeated, or "
        "several with commas (default: float32, which is always there)",
    )  # fmt: skip
    parser.add_argument("--all", action="store_true", help="climb on after a rung that fails")
    parser.add_argument("--report", metavar="DIR", help="write validation.json and report.html there")


def run(arguments: argparse.Namespace) -> int:
    import os

    from dualport.scripts.terminal.run_options import devices_of, precisions_of

    devices = devices_of(arguments.device)
    precisions = precisions_of(arguments.precision, devices)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # small batches: a second thread costs more than it gives

    from dualport.backends import NAMES
    from dualport.backends.recipes.run import load_data, with_schedule
    from dualport.backends.recipes.validate import validate
    from dualport.common import recipes
    from dualport.common.atomic import make_folder
    from dualport.common.compare.ladder import LadderPlan, Side
    from dualport.scripts.terminal.rung_table import RungTable

    settings = recipes.parse_settings(arguments.set)
    recipe = recipes.recipe(arguments.recipe, settings)
    batch = arguments.batch_size
    if batch is None and "batch_size" not in settings:
        batch = min(BATCH, recipe.training.batch_size)
    recipe = with_schedule(recipe, None, batch)
    # Embedded data: the ladder needs a few batches that fit the model, not the published set.
    arguments.data = arguments.data or ("photos" if recipe.data.source == "photos" else "digits")
    dataset = load_data(recipe, arguments.data, arguments.transposed)
    plan = LadderPlan(recipe, dataset, arguments.seed, arguments.steps, arguments.epochs, precisions)
    folder = make_folder(arguments.report) if arguments.report else None
    first, second = (Side(name, recipe, devices[name]) for name in NAMES)
    isolate = arguments.isolate or "cuda" in devices.values()
    table = RungTable(NAMES)
    verdict = validate((first, second), plan, isolate, arguments.all, table.show)
    print(verdict.sentence)
    if folder is not None:
        _write(folder, verdict, plan, devices, isolate, arguments)
    return 0 if verdict.ok else 1


def _write(folder, verdict, plan, devices: dict[str, str], isolate: bool, arguments: argparse.Namespace) -> None:
    from dualport.common.atomic import make_folder, write_text
    from dualport.common.report import write_report
    from dualport.common.report.comparison import validation_report
    from dualport.common.runs.config import versions

    write_text(folder / "validation.json", verdict.text())
    facts = [("data", f"{arguments.data}, {len(plan.dataset):,} images"), ("seed", plan.seed)]
    facts += [("batch", plan.recipe.training.batch_size), ("steps", plan.steps)]
    facts += [(f"device of {name}", where) for name, where in devices.items()]
    facts += [("processes", "one for each framework" if isolate else "one"), *versions().items()]
    report = validation_report(verdict, facts, make_folder(folder / "figures"))
    print(f"report: {write_report(folder / 'report.html', report)}")
