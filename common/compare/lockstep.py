"""Two frameworks step by step from the same state.

Left to themselves, two float32 trainings part: rounding grows tenfold every few steps while the model leaves its first
plateau. So one framework records the state before each of its steps, and the other takes each step from that state. A
difference is then that of one step, and a wrong formula cannot hide behind chaos.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..distance import apart, relative_error
from ..runs.checkpoint import Position, load_newest, save
from ..runs.epoch_plan import EpochPlan, plan_epoch
from ..runs.session_state import capture, restore
from ..spec import Recipe

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


def first_steps(recipe: Recipe, seed: int, count: int, steps: int = STEPS) -> Iterator[tuple[EpochPlan, int]]:
    """The plan and the step within it of each of the first steps; small data goes through several epochs."""
    epoch, done = 0, 0
    while done < steps:
        plan = plan_epoch(recipe, seed, epoch, count)
        for step in range(min(plan.steps, steps - done)):
            yield plan, step
            done += 1
        epoch += 1


def record(session, seed: int, count: int, folder: Path, steps: int = STEPS) -> None:
    """Take the first steps and keep the state before each and after the last, with the losses, in `folder`."""
    losses: list[list[float]] = []
    for plan, step in first_steps(session.recipe, seed, count, steps):
        _keep(session, folder, losses)
        losses.append(take_step(session, plan, step).tolist())
    _keep(session, folder, losses)


def _keep(session, folder: Path, losses: list) -> None:
    place = folder / f"{len(losses):03d}"
    place.mkdir(parents=True)
    save(place, capture(session, Position(total=len(losses), terms=list(losses))))


def replay(session, seed: int, count: int, folder: Path) -> list[StepDifference]:
    """Take every recorded step from the recorded state and compare what it gives."""
    recipe = session.recipe
    rates = {
        name: optimizer.learning_rate
        for optimizer in recipe.training.optimizers
        for name in recipe.optimizer_parameters(optimizer)
    }
    states = [load_newest(place)[0] for place in sorted(folder.iterdir())]
    losses = states[-1].position.terms
    differences = []
    for number, (plan, step) in enumerate(first_steps(recipe, seed, count, len(losses))):
        restore(session, states[number])
        terms, after = take_step(session, plan, step), states[number + 1]
        own = session.weights()
        worst = max(apart(own[name], after.weights[name]).error / rate for name, rate in rates.items())
        differences.append(StepDifference(number, relative_error(terms[0], losses[number][0]), worst))
    return differences
