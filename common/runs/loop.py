"""The training loop: epochs, metrics, checkpoints, interruption. Works on any backend's session."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite

import numpy as np

from ..errors import Interrupted
from ..spec import Recipe
from . import checkpoint as checkpoints
from .checkpoint import Checkpoint, Position
from .divergence import LossWatch, diverged
from .epoch_plan import EpochPlan, plan_epoch
from .folder import RunFolder
from .session_state import Trainable, capture, restore

Event = dict
CHECKPOINT_SECONDS = 5.0  # between two checkpoints at the ends of epochs; the last epoch always writes one
EVENT_SECONDS = 0.1  # between two events: averaging the losses so far costs more than a small step


class Stop:
    """Set by the first signal, so that the step in hand ends and the run is saved; the second signal stops at once."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def __call__(self, number: int, _frame: object) -> None:
        if self.signal is not None:
            raise KeyboardInterrupt(number)
        self.signal = number

    @property
    def exit_code(self) -> int:
        return 143 if self.signal == signal.SIGTERM else 130


@contextmanager
def stopping() -> Iterator[Stop]:
    """Turn Ctrl-C and SIGTERM into a request to stop after the step."""
    stop, before = Stop(), {}
    for number in (signal.SIGINT, signal.SIGTERM):
        before[number] = signal.signal(number, stop)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def train(
    recipe: Recipe,
    session: Trainable,
    count: int,
    seed: int,
    folder: RunFolder,
    start: Checkpoint | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    after_epoch: Callable[[int], None] = lambda epoch: None,
) -> list[dict]:
    """Train to the recipe's last epoch and return the rows of `metrics.jsonl`.

    Args:
        session: a backend's session, with its data loaded. count: images in that data.
        start: where to go on from; `None` begins.
        on_event: gets position, losses and speed after each reading of the losses.
        after_epoch: called with the number of each epoch that ends.

    Raises:
        Diverged: a loss or a weight is not finite, or the loss has left its range.
        Interrupted: a signal came; the run is saved.
    """
    position, spent = (start.position, start.seconds) if start else (Position(), 0.0)
    log = Log(recipe, folder, position)
    if start:
        restore(session, start)
    with stopping() as stop:
        while position.epoch < recipe.training.epochs:
            row, spent = _one_epoch(recipe, session, count, seed, position, spent, on_event, stop, log)
            log.watch.end_epoch(position.epoch)
            log.add(row, position.terms)
            after_epoch(position.epoch)
            position.epoch, position.step, position.terms, spent = position.epoch + 1, 0, [], 0.0
            last = position.epoch >= recipe.training.epochs
            if last:
                plan = plan_epoch(recipe, seed, position.epoch - 1, count)
                log.watch.end_run(*session.look(plan, plan.steps - 1), plan, plan.steps - 1)
            if last or stop.signal is not None or log.due():
                log.save(session, position)
            if stop.signal is not None and not last:
                raise Interrupted(_saved(folder, position), stop.exit_code)
    return log.rows


class Log:
    """What a run has done so far, written together with each checkpoint so that files and checkpoint say the same."""

    def __init__(self, recipe: Recipe, folder: RunFolder, position: Position) -> None:
        self.folder, self.watch = folder, LossWatch(recipe, folder)
        self.rows = [row for row in folder.read_metrics() if row["epoch"] < position.epoch]
        self.steps = folder.read_steps()[: position.total - position.step].tolist()
        self.saved_at = time.monotonic()

    def add(self, row: dict, terms: list[list[float]]) -> None:
        self.rows.append(row)
        self.steps += terms

    def due(self) -> bool:
        """Epochs of a second or less are not worth a checkpoint each."""
        return time.monotonic() - self.saved_at >= CHECKPOINT_SECONDS

    def save(self, session: Trainable, position: Position, seconds: float = 0.0) -> None:
        state = capture(session, position, seconds)
        # The last step can ruin the weights after its loss was computed: that must not become the last good state.
        if not all(np.isfinite(array).all() for array in state.weights.values()):
            raise diverged(self.folder, f"the weights hold a value that is not finite after step {position.total}")
        self.folder.write_metrics(self.rows)
        self.folder.write_steps(self.steps)
        checkpoints.save(self.folder.checkpoints, state)
        self.saved_at = time.monotonic()


def _one_epoch(recipe, session, count, seed, position, spent, on_event, stop, log) -> tuple[dict, float]:
    """Run the rest of one epoch; save and raise when a signal comes in the middle of it."""
    plan = plan_epoch(recipe, seed, position.epoch, count)
    began, first = time.perf_counter() - spent, position.step
    done_before, told = plan.bounds(first)[0], 0.0
    for terms in session.epoch(plan, first):
        log.watch.see(terms, plan, position)
        position.terms += terms.tolist()
        position.step += len(terms)
        position.total += len(terms)
        seconds = time.perf_counter() - began
        speed = (plan.bounds(position.step - 1)[1] - done_before) / max(seconds - spent, 1e-9)
        if seconds - told >= EVENT_SECONDS or position.step == plan.steps:
            told = seconds
            where = {"epoch": position.epoch, "step": position.step, "steps": plan.steps, "images_per_second": speed}
            on_event(where | epoch_means(recipe, position.terms, plan))
        if stop.signal is not None and position.step < plan.steps:
            log.save(session, position, seconds)
            raise Interrupted(_saved(log.folder, position), stop.exit_code)
    seconds = time.perf_counter() - began
    speed = (len(plan.order) - done_before) / max(seconds - spent, 1e-9)
    row = {"epoch": position.epoch} | epoch_means(recipe, position.terms, plan)
    return row | {"seconds": round(seconds, 3), "images_per_second": round(speed, 1)}, 0.0


def _saved(folder: RunFolder, position: Position) -> str:
    return f"interrupted after epoch {position.epoch}, step {position.step}; go on with --resume --out {folder.path}"


def epoch_means(recipe: Recipe, terms: list[list[float]], plan: EpochPlan) -> dict[str, float]:
    """Loss, reconstruction and KL as means per image of the steps so far, and the number that the write-up prints."""
    losses, reconstruction, kl = np.asarray(terms).T
    images = plan.bounds(len(terms) - 1)[1]
    objective = recipe.objective
    loss = (reconstruction.sum() + objective.beta * kl.sum()) / images
    printed = {
        "per_image": loss,
        "epoch_sum": loss * images,
        "batch_means_per_image": losses.sum() / images,
    }[objective.printed]
    means = {"loss": loss, "reconstruction": reconstruction.sum() / images, "kl": kl.sum() / images, "printed": printed}
    return {name: float(value) for name, value in means.items() if isfinite(value)}
