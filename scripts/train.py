"""`dualport train`: one recipe on one backend, into a run folder."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  dualport train aistudio-vae --backend torch --data digits --epochs 5
  dualport train aistudio-cvae --backend paddle --data path/to/train.mat --epochs 1 --out runs/D
  dualport train aistudio-vae --backend torch --data mnist --set latent=8 --set learning_rate=1e-3
  dualport train aistudio-vae --backend paddle --epochs 20 --resume --out runs/A     go on, in either framework
"""


def configure(parser: argparse.ArgumentParser) -> None:
    from dualport.scripts.terminal.run_options import add_training_options

    parser.add_argument("recipe", metavar="RECIPE", help="name of a recipe; `dualport recipes` lists them")
    parser.add_argument("--backend", required=True, metavar="torch|paddle", help="the framework to train in")
    add_training_options(parser)
    parser.add_argument("--out", metavar="DIR", help="the run's folder (default: runs/RECIPE-BACKEND)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, from its newest checkpoint")


def run(arguments: argparse.Namespace) -> None:
    from dualport.backends.recipes.run import Job, default_out, execute, with_schedule
    from dualport.common import recipes
    from dualport.scripts.terminal.run_options import check_device
    from dualport.scripts.terminal.training_progress import TrainingProgress

    check_device(arguments.device)
    recipe = recipes.recipe(arguments.recipe, recipes.parse_settings(arguments.set))
    recipe = with_schedule(recipe, arguments.epochs, arguments.batch_size)
    out = arguments.out or default_out(recipe, arguments.backend)
    job = Job(
        recipe=recipe,
        backend=arguments.backend,
        source=recipe.data.source if arguments.data is None else arguments.data,
        seed=arguments.seed,
        out=out,
        device=arguments.device,
        resume=arguments.resume,
        transposed=arguments.transposed,
        start=tuple(arguments.start),
    )
    with TrainingProgress() as progress:
        folder = execute(job, lambda event: progress.show(arguments.backend, event))
    last = folder.read_metrics()[-1]
    print(f"{recipe.name} in {arguments.backend}: epoch {last['epoch']}, loss {last['loss']:.2f} an image")
    print(f"weights in {folder.weights}; draw the figures with `dualport figures {out}`")
