"""A run from beginning to end on one backend: data, session, loop, weights. `train` and `reproduce` both start it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ...common import data
from ...common.atomic import make_folder, remove_litter
from ...common.drawing.figure_source import FigureSource
from ...common.drawing.progress_figures import draw_progress, join_progress, progress_figure
from ...common.errors import BadInput, EnvironmentFailed
from ...common.runs import checkpoint as checkpoints
from ...common.runs.config import agrees, run_config
from ...common.runs.divergence import diverged
from ...common.runs.folder import RunFolder
from ...common.runs.initial_weights import initial_weights
from ...common.runs.loop import train
from ...common.runs.published_start import published_start
from ...common.runs.weight_files import write_weights
from ...common.spec import Recipe
from .. import load_backend

HELD_BYTES = 2**31  # of float32 images that a session holds; all of MNIST is a tenth of it, CelebA five times it


@dataclass(frozen=True)
class Job:
    """What to run. `source` is what `--data` takes; without `resume`, `out` must not hold a run yet. `start` names
    published weight files to begin from instead of fresh weights."""

    recipe: Recipe
    backend: str
    source: str
    seed: int
    out: str
    device: str = "auto"
    resume: bool = False
    transposed: bool = False
    start: tuple[str, ...] = ()


def load_data(
    recipe: Recipe, source: str, transposed: bool = False, progress: Callable[[int, int], None] | None = None
) -> data.Dataset:
    """The images that the recipe trains on, checked against its model.

    Raises:
        BadInput: the data does not fit: size, channels, labels, or too few images.
    """
    dataset = data.load(
        source, transposed=transposed, image_shape=recipe.model.image_shape, crop=recipe.data.crop, progress=progress
    )
    wanted, given = recipe.model.image_shape, tuple(dataset.images.shape[1:])
    if wanted != given:
        raise BadInput(
            f"{source}: images are {given}, the recipe takes {wanted}; change it with --set image=… channels=…"
        )
    low, high = recipe.data.value_range
    if recipe.objective.reconstruction == "binary_cross_entropy" and (low < 0 or high > 1):
        raise BadInput(
            f"{recipe.name}: binary_cross_entropy takes pixels in [0, 1], but the recipe's are in [{low:g}, {high:g}]; "
            "choose --set reconstruction=squared_error"
        )
    if recipe.data.indices is not None:
        dataset = dataset.subset(list(recipe.data.indices))
    if recipe.model.conditional:
        dataset.one_hot(recipe.model.classes)  # refuses absent labels and labels beyond the classes
    if recipe.training.drop_last and len(dataset) < recipe.training.batch_size:
        raise BadInput(
            f"{source}: holds {len(dataset)} images, fewer than one batch of {recipe.training.batch_size}; "
            "use a smaller --batch-size"
        )
    return dataset


def feed(session, dataset: data.Dataset) -> None:
    """Give a session its training set: whole where it fits, otherwise batch by batch from where it lies."""
    recipe = session.recipe
    low, high = recipe.data.value_range
    hot = dataset.one_hot(recipe.model.classes) if recipe.model.conditional else None
    if dataset.nbytes_scaled > HELD_BYTES:
        session.stream_data(lambda rows: dataset.scaled_rows(rows, low, high), hot)
    else:
        session.load_data(dataset.scaled(low, high), hot)


def beginning(job: Job) -> checkpoints.Checkpoint:
    """Where a new run begins: fresh weights from the seed, or published ones with their optimiser state."""
    if job.start:
        return published_start(job.recipe, job.start)
    return checkpoints.Checkpoint(checkpoints.Position(), initial_weights(job.recipe, job.seed), {}, {})


def execute(job: Job, on_event: Callable[[dict], None] = lambda event: None) -> RunFolder:
    """Train, keeping the sample grid of each epoch, and write the weights. Nothing is written before all input is good.

    Raises:
        BadInput, EnvironmentFailed, Diverged, Interrupted: see `common.errors`.
    """
    folder, recipe = RunFolder(job.out), job.recipe
    _check_resume(job, folder)
    backend = load_backend(job.backend)
    dataset = load_data(recipe, job.source, job.transposed)
    config = run_config(job, dataset)
    start = beginning(job)
    with out_folder(folder):
        _check_resume(job, folder)  # again: until now another process could begin or go on here
        if job.resume:
            config = agrees(folder.read_config(), config)
            start = _newest_checkpoint(folder) or start
        session = backend.Session(recipe, start.weights, job.device)
        config["device"] = session.device
        folder.make()
        folder.write_config(config)
        feed(session, dataset)
        source = FigureSource(recipe, session, dataset, job.seed, [], folder.figures, job.backend)
        if progress_figure(recipe):
            remove_litter(make_folder(folder.progress))
        on_event({"backend": job.backend, "recipe": recipe.name, "epochs": recipe.training.epochs})
        with _memory_told(job, session.device):
            train(
                recipe, session, len(dataset), job.seed, folder, start, on_event,
                after_epoch=lambda epoch: _keep_progress(folder, source, epoch),
            )  # fmt: skip
        join_progress(folder.figures)
        write_weights(recipe, session.weights(), folder.weights)
    return folder


@contextlib.contextmanager
def _memory_told(job: Job, device: str):
    """Both frameworks raise a RuntimeError of their own when a device's memory is used up: say what would help."""
    try:
        yield
    except RuntimeError as error:
        if "out of memory" not in str(error).lower():
            raise
        size = job.recipe.training.batch_size
        raise EnvironmentFailed(
            f"{job.backend} on {device}: out of memory with a batch of {size}; use a smaller --batch-size"
        ) from error


def _check_resume(job: Job, folder: RunFolder) -> None:
    if folder.exists() and not job.resume:
        raise BadInput(f"{job.out}: already holds a run; go on with --resume, or choose another --out")
    if job.resume and not folder.exists():
        raise BadInput(f"{job.out}: holds no run to go on with; leave out --resume to begin one")


def _keep_progress(folder: RunFolder, source: FigureSource, epoch: int) -> None:
    """Draw the epoch's sample grid. Weights beyond use show here first: their pictures hold no finite numbers."""
    try:
        draw_progress(source, epoch)
    except BadInput as error:
        raise diverged(folder, f"after epoch {epoch}, {error}") from error


def _newest_checkpoint(folder: RunFolder) -> checkpoints.Checkpoint | None:
    """The newest whole checkpoint; damaged ones are told on stderr."""
    start, complaints = checkpoints.load_newest(folder.checkpoints)
    for complaint in complaints:
        print(f"dualport: {complaint}", file=sys.stderr)
    return start


@contextlib.contextmanager
def out_folder(folder: RunFolder):
    """Make the run's folder and hold it; take away what was made if the run fails before its config is written."""
    made = [path for path in (folder.path, *folder.path.parents) if not path.exists()]
    make_folder(folder.path)
    with folder.locked():
        try:
            yield
        except BaseException:
            if made and not folder.exists():
                shutil.rmtree(folder.path, ignore_errors=True)
                with contextlib.suppress(OSError):  # a parent that meanwhile holds something else stays
                    for parent in made[1:]:
                        parent.rmdir()
            raise


def open_run(path: str, backend: str | None = None, device: str = "auto") -> FigureSource:
    """A trained run with its weights in a session, ready to be drawn.

    Args:
        backend: which framework to use; by default the one that trained it, or the other if that is not installed.

    Raises:
        BadInput: not a run, or not trained yet. EnvironmentFailed: no framework.
    """
    from .. import NAMES, installed

    folder = RunFolder(path)
    config, recipe = folder.read_config(), folder.recipe()
    start = _newest_checkpoint(folder)
    if start is None:
        raise BadInput(
            f"{path}: holds no checkpoint yet; train it with `dualport train {recipe.name} --resume --out {path}`"
        )
    preferred = [name for name in (config["backend"], *NAMES) if installed(name)]
    chosen = backend or (preferred or [config["backend"]])[0]
    session = load_backend(chosen).Session(recipe, start.weights, device)
    dataset = load_data(recipe, config["data"]["source"], config["data"].get("transposed", False))
    if dataset.sha256 != config["data"]["sha256"]:
        raise BadInput(f"{config['data']['source']}: is not the data that {path} was trained on; its hash differs")
    make_folder(folder.figures)
    return FigureSource(recipe, session, dataset, config["seed"], folder.read_metrics(), folder.figures, chosen)


def with_schedule(recipe: Recipe, epochs: int | None, batch_size: int | None) -> Recipe:
    """The recipe with `--epochs` and `--batch-size` applied."""
    changes = {"epochs": epochs, "batch_size": batch_size}
    training = replace(recipe.training, **{name: value for name, value in changes.items() if value is not None})
    return replace(recipe, training=training)


def default_out(recipe: Recipe, backend: str, parent: str | os.PathLike[str] = "runs") -> str:
    """`runs/aistudio-vae-torch`."""
    return str(Path(parent) / f"{recipe.name}-{backend}")
