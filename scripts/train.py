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
    parser.add_argument("recipe", metavar="RECIPE", help="name of a recipe; `dualport recipes` lists them")
    parser.add_argument("--backend", required=True, metavar="torch|paddle", help="the framework to train in")
    add_training_options(parser)
    parser.add_argument("--out", metavar="DIR", help="the run's folder (default: runs/RECIPE-BACKEND)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, from its newest checkpoint")


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """Options that `train` and `reproduce` share."""
    parser.add_argument(
        "--data",
        metavar="SOURCE",
        help="digits or photos (embedded), mnist, or a path: .mat v7.3, the notebook's zip, a folder of idx files or "
        "of images (default: the recipe's own)",
    )
    parser.add_argument("--transposed", action="store_true", help="the data file holds its images with H and W swapped")
    parser.add_argument("--epochs", type=int, metavar="N", help="default: as published")
    parser.add_argument("--batch-size", type=int, metavar="N", help="default: as published")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of weights, order and noise (default: 1)")
    parser.add_argument("--device", default="auto", metavar="auto|cpu|cuda", help="default: a GPU where there is one")
    parser.add_argument(
        "--start",
        nargs="+",
        default=[],
        metavar="FILE",
        help="begin from these weight files, one a part, and the .pdopt beside a .pdparams, instead of fresh weights",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change a size or a setting; may be repeated"
    )


def run(arguments: argparse.Namespace) -> None:
    from dualport.backends.recipes.run import Job, default_out, execute, with_schedule
    from dualport.common import recipes
    from dualport.common.errors import choose
    from dualport.scripts.terminal.training_progress import TrainingProgress

    choose(arguments.device, ("auto", "cpu", "cuda"), "device")
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
