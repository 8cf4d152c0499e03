"""What `reproduce` does in each framework's process: train and draw, take steps together, exchange trained weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...common.compare.lockstep import record, replay
from ...common.compare.row import Row
from ...common.drawing.write_up import draw
from ...common.random_streams import normal
from ...common.runs.checkpoint import newest
from ...common.runs.folder import RunFolder
from ...common.runs.session_state import restore
from .. import load_backend
from .run import Job, beginning, execute, feed, load_data, open_run

Tell = Callable[[dict], None]
EXCHANGED = 64  # images whose outputs are compared


def train_and_draw(job: Job, tell: Tell) -> list[str]:
    """Train, or finish, one run and draw every figure of the recipe; returns the figures' paths."""
    execute(job, tell)
    opened = open_run(job.out, job.backend, job.device)
    return [str(path) for figure in opened.recipe.figures for path in draw(opened, figure)]


def take_first_steps(job: Job, folder: str, tell: Tell) -> tuple[dict[str, np.ndarray], list[tuple[Row, Row]]]:
    """Initial weights as this framework built them; then record the first steps, or take the recorded ones.

    Args:
        folder: where the states are; the framework that comes first finds it absent and records.
    """
    recipe, place = job.recipe, Path(folder)
    dataset = load_data(recipe, job.source, job.transposed)
    start = beginning(job)
    session = load_backend(job.backend).Session(recipe, start.weights, job.device)
    restore(session, start)
    built = session.weights()
    feed(session, dataset)
    if place.exists():
        return built, replay(session, job.seed, len(dataset), place)
    record(session, job.seed, len(dataset), place)
    return built, []


def outputs_of(job: Job, runs: list[str], tell: Tell) -> list[list[np.ndarray]]:
    """For each run's trained weights: encoder heads and decoded means of the first images, in this framework."""
    recipe = job.recipe
    dataset = load_data(recipe, job.source, job.transposed)
    dataset = dataset.subset(np.arange(min(EXCHANGED, len(dataset))))
    hot = dataset.one_hot(recipe.model.classes) if recipe.model.conditional else None
    images = dataset.scaled(*recipe.data.value_range)
    # The same latents for both: decoding one's own means would mix the encoder's rounding into the decoder's.
    z = normal(job.seed, "exchange", shape=(len(images), recipe.model.latent.size))
    outputs = []
    for run in runs:
        session = load_backend(job.backend).Session(recipe, newest(RunFolder(run).checkpoints).weights, job.device)
        heads = session.encode(images, hot)
        outputs.append([*heads, session.decode(z, hot)])
    return outputs
