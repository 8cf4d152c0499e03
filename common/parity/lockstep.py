"""Two frameworks step by step from the same state.

Left to themselves, two float32 trainings part: rounding grows tenfold every few steps while the model leaves its first
plateau. So one framework records the state before each of its steps, and the other takes each step from that state. A
difference is then that of one step, and a wrong formula cannot hide behind chaos.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..runs.checkpoint import Checkpoint, Position, load_newest, save
from ..runs.state import capture, restore
from ..schedule import EpochPlan
from .tolerances import relative_error

STEPS = 20


@dataclass(frozen=True)
class StepDifference:
    """One step taken by both from the same state.

    `loss` is the relative difference of the losses. `weights` is that of the arrays after the step, as the root mean
    square over the worst array, in learning rates: Adam moves a weight by about one learning rate, so a wrong formula
    gives a tenth or more, and the rounding of the stored weights 1e-4.
    """

    step: int
    loss: float
    weights: float


def take_step(session, plan: EpochPlan, step: int) -> np.ndarray:
    """`[3]`: the terms of one step, which changes the session."""
    steps = session.epoch(plan, step)
    terms = next(steps)
    steps.close()
    return terms[0]


def record(session, plan: EpochPlan, folder: Path, steps: int = STEPS) -> None:
    """Take the first steps and keep the state before each and after the last, with the losses, in `folder`."""
    steps = min(steps, plan.steps)
    losses = []
    for step in range(steps):
        _keep(session, folder, step, losses)
        losses.append(take_step(session, plan, step).tolist())
    _keep(session, folder, steps, losses)


def _keep(session, folder: Path, step: int, losses: list) -> None:
    place = folder / f"{step:03d}"
    place.mkdir(parents=True)
    save(place, capture(session, Position(step=step, total=step, terms=list(losses))))


def replay(session, plan: EpochPlan, folder: Path) -> list[StepDifference]:
    """Take every recorded step from the recorded state and compare what it gives."""
    rates = {
        name: optimizer.learning_rate
        for optimizer in plan.recipe.training.optimizers
        for name in plan.recipe.optimizer_parameters(optimizer)
    }
    states = [_load(place) for place in sorted(folder.iterdir())]
    losses = states[-1].position.terms
    differences = []
    for step, (before, after) in enumerate(zip(states, states[1:], strict=False)):
        restore(session, before)
        terms = take_step(session, plan, step)
        own = session.weights()
        differences.append(
            StepDifference(
                step=step,
                loss=relative_error(terms[0], losses[step][0]),
                weights=max(_root_mean_square(own[name], after.weights[name]) / rate for name, rate in rates.items()),
            )
        )
    return differences


def _load(place: Path) -> Checkpoint:
    checkpoint, _ = load_newest(place)
    return checkpoint


def _root_mean_square(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.mean((a.astype(np.float64) - b) ** 2)))
