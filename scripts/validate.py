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
DEVICES = ("cpu", "cuda")
MARKS = {"pass": "[green]pass[/]", "fail": "[bold red]FAIL[/]", "skipped": "[dim]skipped[/]"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("recipe", metavar="RECIPE", help="name of a recipe; `dualport recipes` lists them")
    parser.add_argument(
        "--device", default="cpu", metavar="WHERE", help="cpu (default), cuda, or one for each: torch=cuda,paddle=cpu"
    )
    parser.add_argument("--isolate", action="store_true", help="each framework in its own process; on CUDA always so")
    parser.add_argument("--data", metavar="SOURCE", help="as for train (default: digits or photos, embedded)")
    parser.add_argument("--transposed", action="store_true", help="the data file holds its images with H and W swapped")
    parser.add_argument("--steps", type=int, default=20, metavar="N", help="training steps to compare (default: 20)")
    parser.add_argument("--epochs", type=int, default=0, metavar="N", help="train for N epochs as well (default: 0)")
    parser.add_argument("--batch-size", type=int, metavar="N", help=f"default: {BATCH}, or as published if less")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of weights, order and noise (default: 1)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a size or a setting; may be repeated"
    )
    parser.add_argument(
        "--precision", action="append", default=[], metavar="DTYPE",
        help="one forward pass in tf32 (CUDA only), float16 or bfloat16 as well, against float64; may be repeated, or "
        "several with commas (default: float32, which is always there)",
    )  # fmt: skip
    parser.add_argument("--all", action="store_true", help="climb on after a rung that fails")
    parser.add_argument("--report", metavar="DIR", help="write validation.json and report.html there")


def run(arguments: argparse.Namespace) -> int:
    import os

    devices = devices_of(arguments.device)
    precisions = precisions_of(arguments.precision, devices)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # small batches: a second thread costs more than it gives

    from dualport.backends import NAMES
    from dualport.backends.recipes.run import load_data, with_schedule
    from dualport.backends.recipes.validate import validate
    from dualport.common import recipes
    from dualport.common.atomic import make_folder
    from dualport.common.compare.ladder import Climb, Side

    settings = recipes.parse_settings(arguments.set)
    recipe = recipes.recipe(arguments.recipe, settings)
    batch = arguments.batch_size
    if batch is None and "batch_size" not in settings:
        batch = min(BATCH, recipe.training.batch_size)
    recipe = with_schedule(recipe, None, batch)
    # Embedded data: the ladder needs a few batches that fit the model, not the published set.
    arguments.data = arguments.data or ("photos" if recipe.data.source == "photos" else "digits")
    dataset = load_data(recipe, arguments.data, arguments.transposed)
    climb = Climb(recipe, dataset, arguments.seed, arguments.steps, arguments.epochs, precisions)
    folder = make_folder(arguments.report) if arguments.report else None
    sides = tuple(Side(name, recipe, devices[name]) for name in NAMES)
    isolate = arguments.isolate or "cuda" in devices.values()
    table = Rows(NAMES)
    verdict = validate(sides, climb, isolate, arguments.all, table.show)
    print(verdict.sentence)
    if folder is not None:
        _write(folder, verdict, climb, devices, isolate, arguments)
    return 0 if verdict.ok else 1


def devices_of(text: str) -> dict[str, str]:
    """`cuda`, or `torch=cuda,paddle=cpu` → the device of each backend.

    Raises:
        BadInput: neither form, an unknown backend or device, or a backend without a device.
    """
    from dualport.backends import NAMES
    from dualport.common.errors import BadInput, choose

    if "=" not in text:
        return dict.fromkeys(NAMES, choose(text, DEVICES, "device"))
    pairs = [pair.partition("=")[::2] for pair in text.split(",")]
    found = {choose(name.strip(), NAMES, "backend"): choose(where.strip(), DEVICES, "device") for name, where in pairs}
    if len(found) != len(NAMES) or len(pairs) != len(NAMES):
        raise BadInput(f"--device {text}: give one device for each, as in torch=cuda,paddle=cpu")
    return found


def precisions_of(texts: list[str], devices: dict[str, str]) -> tuple[str, ...]:
    """`["tf32,bfloat16", "float16"]` → the precisions, each once.

    Raises:
        BadInput: an unknown one, or TF32 where nothing runs on CUDA.
    """
    from dualport.common.compare.ladder import PRECISIONS
    from dualport.common.errors import BadInput, choose

    wanted = [choose(one.strip(), PRECISIONS, "precision") for text in texts for one in text.split(",")]
    if "tf32" in wanted and "cuda" not in devices.values():
        raise BadInput("--precision tf32: TF32 exists on CUDA only")
    return tuple(dict.fromkeys(wanted)) or PRECISIONS[:1]


class Rows:
    """The table of rungs, a line as each is done."""

    def __init__(self, sides: tuple[str, ...], timed: bool = True) -> None:
        from rich.console import Console

        self.timed = timed  # whether a rung has a time of its own
        self.console, self.sides, self.begun = Console(highlight=False, soft_wrap=True), sides, False

    def show(self, rung) -> None:
        """Print one rung, the first under a header; below it where the sides part."""
        if not self.begun:
            self._head()
        if rung.skipped:
            self._say(f"{rung.name:<20}[dim]skipped: {rung.reason}[/]")
            return
        lost = "".join(f"{_figure(rung.float32_error(side)):>16}" for side in self.sides)
        shares = [share for share in (rung.share(side) for side in self.sides) if share is not None]
        share = f"{max(shares):.0%} of the bound" if shares else "–"
        mark = MARKS[rung.status] + " " * (8 - len(rung.status))
        self._say(
            f"{rung.name:<20}{mark}{_figure(rung.float64_error):>14}{_figure(rung.bound):>9}{lost}{share:>23}"
            + (f"{rung.seconds:>7.1f}" if self.timed else "")
        )
        if rung.first is not None:
            remark = f": {rung.first.remark}" if rung.first.remark else ""
            self._say(f"{'':<20}[red]first at {rung.first.name}[/]{remark}")
        if rung.reason:
            self._say(f"{'':<20}[dim]{rung.reason}[/]")

    def _head(self) -> None:
        lost = "".join(f"{side + ' float32':>16}" for side in self.sides)
        figures = f"{'float64 error':>14}{'bound':>9}{lost}{'explained by rounding':>23}" + f"{'s':>7}" * self.timed
        self._say(f"[bold]{'':<28}{figures}[/]")
        self.begun = True

    def _say(self, line: str) -> None:
        self.console.print(line)


def _figure(value: float | None) -> str:
    from dualport.common.compare.verdict import short

    if value is None:
        return "–"
    return "equal" if value == 0 else short(value)


def _write(folder, verdict, climb, devices: dict[str, str], isolate: bool, arguments: argparse.Namespace) -> None:
    from dualport.common.atomic import make_folder, write_text
    from dualport.common.report import write_report
    from dualport.common.report.validation import build_report
    from dualport.common.runs.config import versions

    write_text(folder / "validation.json", verdict.text())
    facts = [("data", f"{arguments.data}, {len(climb.dataset):,} images"), ("seed", climb.seed)]
    facts += [("batch", climb.recipe.training.batch_size), ("steps", climb.steps)]
    facts += [(f"device of {name}", where) for name, where in devices.items()]
    facts += [("processes", "one for each framework" if isolate else "one"), *versions().items()]
    report = build_report(verdict, facts, make_folder(folder / "figures"))
    print(f"report: {write_report(folder / 'report.html', report)}")
