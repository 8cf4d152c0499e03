"""Two frameworks step by step from the same state.

Left to themselves, two float32 trainings part: rounding grows tenfold every few steps while the model leaves its first
plateau. So one framework records the state before each of its steps, and the other takes each step from that state. A
difference is then that of one step, and a wrong formula cannot hide behind chaos.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np

from ..distance import apart, relative_error
from ..runs.checkpoint import Position, newest, save
from ..runs.epoch_plan import EpochPlan
from ..runs.session_state import capture, restore
from .facts import About
from .ladder import steps_of
from .row import Row, judged

STEPS = 20


def take_step(session, plan: EpochPlan, step: int) -> np.ndarray:
    """`[3]`: the terms of one step, which changes the session."""
    steps = session.epoch(plan, step)
    terms = next(steps)
    steps.close()
    return terms[0]


def record(session, seed: int, count: int, folder: Path, steps: int = STEPS) -> None:
    """Take the first steps and keep the state before each and after the last, with the losses, in `folder`."""
    losses: list[list[float]] = []
    for plan, step in islice(steps_of(session.recipe, seed, count), steps):
        _keep(session, folder, losses)
        losses.append(take_step(session, plan, step).tolist())
    _keep(session, folder, losses)


def _keep(session, folder: Path, losses: list) -> None:
    place = folder / f"{len(losses):03d}"
    place.mkdir(parents=True)
    save(place, capture(session, Position(total=len(losses), terms=list(losses))))


def replay(session, seed: int, count: int, folder: Path) -> list[tuple[Row, Row]]:
    """Take every recorded step from the recorded state; of each the row of the loss, and that of the weights.

    The error of the weights is the root mean square over the worst array, in learning rates: Adam moves a weight by
    about one learning rate, so a wrong formula gives a tenth or more, and the rounding of the stored weights 1e-4.
    """
    recipe = session.recipe
    rates = {name: optimizer.learning_rate for name, optimizer in recipe.owners().items()}
    states = [newest(place) for place in sorted(folder.iterdir())]
    losses = states[-1].position.terms
    rows = []
    for step, (plan, within) in enumerate(islice(steps_of(recipe, seed, count), len(losses))):
        restore(session, states[step])
        terms, after = take_step(session, plan, within), states[step + 1]
        taken, loss = session.weights(), relative_error(terms[0], np.asarray(losses[step][0]))
        worst = max(apart(taken[name], after.weights[name]).error / rate for name, rate in rates.items())
        about = About("loss of a step", number=step), About("weights of a step", number=step)
        rows.append((judged(about[0], loss, "float32 step loss"), judged(about[1], worst, "float32 step weights")))
    return rows
