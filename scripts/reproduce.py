"""`dualport reproduce`: the main job. Train and draw in both frameworks, check that they agree, write one report."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  dualport reproduce                                  the notebook's VAE and CVAE on the embedded digits, in minutes
  dualport reproduce aistudio-vae --data mnist --epochs 3 --out runs/A
  dualport reproduce aistudio-vae-one aistudio-vae-two --out runs/single
  dualport reproduce aistudio-cvae --backend torch --data digits
  dualport reproduce aistudio-vae --data mnist --epochs 1 --start A_encoder_False.pdparams A_decoder_False.pdparams

The same command goes on with what an interrupted one has trained. Exit code 1: the frameworks do not agree.
"""

FULL = 10_000  # images from which on an epoch's mean hardly depends on the trajectory
DEFAULT = ("aistudio-vae", "aistudio-cvae")


def configure(parser: argparse.ArgumentParser) -> None:
    from dualport.scripts.terminal.run_options import add_training_options

    parser.add_argument("recipes", nargs="*", metavar="RECIPE", help="default: aistudio-vae aistudio-cvae, on digits")
    parser.add_argument("--backend", default="both", metavar="torch|paddle|both", help="default: both")
    add_training_options(parser)
    parser.add_argument("--out", metavar="DIR", default="runs/reproduce", help="default: runs/reproduce")


def run(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    from dualport.backends import NAMES, load_backend
    from dualport.common.atomic import make_folder
    from dualport.common.errors import choose
    from dualport.common.report import write_report
    from dualport.common.report.reproduction import build_report
    from dualport.scripts.terminal.run_options import check_device

    check_device(arguments.device)
    choose(arguments.backend, (*NAMES, "both"), "backend")
    backends = NAMES if arguments.backend == "both" else (arguments.backend,)
    chosen = _chosen(arguments)
    for name in backends:
        load_backend(name)  # a missing framework is told before anything is trained
    out = make_folder(arguments.out)
    outcomes = [_reproduce(published, trained, source, arguments, backends) for published, trained, source in chosen]
    report = build_report(outcomes, make_folder(out / "figures"))
    path = write_report(Path(out) / "report.html", report)
    for outcome in outcomes:
        _print_outcome(outcome)
    print(report.verdict)
    print(f"report: {path}")
    return 1 if report.ok is False else 0


def _chosen(arguments: argparse.Namespace) -> list[tuple]:
    """For each recipe: as published, as trained here, and its data. All of it is checked before anything runs."""
    from dualport.backends.recipes.run import load_data, with_schedule
    from dualport.common import recipes
    from dualport.common.runs.published_start import published_start

    settings = recipes.parse_settings(arguments.set)
    rows = []
    for name in dict.fromkeys(arguments.recipes or DEFAULT):
        published = recipes.recipe(name)
        source = arguments.data or (published.data.source if arguments.recipes else "digits")
        quick = dict(published.quick) if source == "digits" else {}
        trained = with_schedule(recipes.recipe(name, quick | settings), arguments.epochs, arguments.batch_size)
        load_data(trained, source, arguments.transposed)
        if arguments.start:
            published_start(trained, arguments.start)
        rows.append((published, trained, source))
    return rows


def _reproduce(published, trained, source: str, arguments: argparse.Namespace, backends: tuple[str, ...]):
    import json
    from pathlib import Path

    from dualport.backends.processes import run_all
    from dualport.backends.recipes.reproduce import train_and_draw
    from dualport.backends.recipes.run import Job, default_out
    from dualport.common.compare import agreement
    from dualport.common.report.reproduction import Outcome
    from dualport.common.runs.folder import RunFolder
    from dualport.scripts.terminal.training_progress import TrainingProgress

    jobs = {}
    for backend in backends:
        place = default_out(trained, backend, arguments.out)
        jobs[backend] = Job(
            trained, backend, source, arguments.seed, place, arguments.device,
            resume=RunFolder(place).exists(), transposed=arguments.transposed,
            start=tuple(arguments.start),
        )  # fmt: skip
    with TrainingProgress() as progress:
        done = run_all({backend: (train_and_draw, (job,)) for backend, job in jobs.items()}, progress.show)
    folders = {backend: RunFolder(job.out) for backend, job in jobs.items()}
    configs = [json.loads(folder.config_file.read_text(encoding="utf8")) for folder in folders.values()]
    outcome = Outcome(
        published=published,
        trained=trained,
        source=source,
        images=configs[0]["data"]["images"],
        runs={backend: folder.path for backend, folder in folders.items()},
        figures={backend: [Path(path) for path in done[backend][0]] for backend in backends},
        history={backend: folder.read_metrics() for backend, folder in folders.items()},
        memory={backend: done[backend][1] for backend in backends},
        versions=configs[0]["versions"],
        seed=arguments.seed,
    )
    if len(backends) == 2:
        _compare(outcome, jobs, folders)
    if published.published:
        judge = outcome.images >= FULL and trained.training.optimizers == published.training.optimizers
        for backend, history in outcome.history.items():
            outcome.rows += agreement.published_rows(backend, history, published.published, judge)
    return outcome


def _compare(outcome, jobs: dict, folders: dict) -> None:
    """Fill in the agreement of two trained runs."""
    import tempfile
    from pathlib import Path

    from dualport.backends.processes import run_all
    from dualport.backends.recipes.reproduce import outputs_of, take_first_steps
    from dualport.common.compare import agreement, lockstep

    with tempfile.TemporaryDirectory() as scratch:
        states = str(Path(scratch) / "states")
        built = {}
        for backend in ("torch", "paddle"):
            built[backend], outcome.steps = run_all({backend: (take_first_steps, (jobs[backend], states))})[backend][0]
    runs = [str(folders[name].path) for name in ("torch", "paddle")]
    outputs = run_all({name: (outputs_of, (job, runs)) for name, job in jobs.items()})
    torch, paddle = outputs["torch"][0], outputs["paddle"][0]
    history = outcome.history
    outcome.rows = [
        agreement.initial_row(built["torch"], built["paddle"]),
        *agreement.lockstep_rows(outcome.steps),
        agreement.free_running_row(folders["torch"].read_steps(), folders["paddle"].read_steps(), lockstep.STEPS),
        agreement.epoch_row(history["torch"], history["paddle"], short=outcome.images < FULL),
        agreement.exchange_row("torch", "paddle", torch[0], paddle[0]),
        agreement.exchange_row("paddle", "torch", paddle[1], torch[1]),
    ]


def _print_outcome(outcome) -> None:
    from dualport.common.report.reproduction import published_rows
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for backend, history in outcome.history.items():
        seconds, last = sum(row["seconds"] for row in history), history[-1]
        console.print(
            f"{outcome.trained.name} {backend}: epoch {last['epoch']}, loss {last['loss']:.2f}, {seconds:.0f} s, "
            f"{outcome.memory[backend]} MB",
            highlight=False,
        )
    if outcome.published.published:
        table = Table(title=f"{outcome.trained.name}: {outcome.trained.objective.printed}", title_justify="left")
        header, rows = published_rows(outcome)
        for column in header:
            table.add_column(column, justify="right")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    if not outcome.rows:
        return
    table = Table(title=f"{outcome.trained.name}: agreement", title_justify="left")
    for column in ("", "difference", "bound", ""):
        table.add_column(column, justify="right" if column else "left")
    for row in outcome.rows:
        mark, limit = ("agrees" if row.ok else "DIFFERS", f"{row.bound64:.0e}") if row.judged else ("", "")
        table.add_row(row.name, f"{row.error64:.1e}", limit, mark)
    console.print(table)
