"""A session's state as a checkpoint, and back: the canonical form that both frameworks read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Protocol

import numpy as np

from ..arrays import Arrays
from ..weights.optimizer.adam_state import OptimizerState
from .checkpoint import Checkpoint, Position
from .epoch_plan import EpochPlan


class Trainable(Protocol):
    """What the training loop asks of a framework's session."""

    def epoch(self, plan: EpochPlan, first_step: int = 0) -> Iterator[np.ndarray]:
        """Train from `first_step` on; give the losses of the steps since the last reading, `[k, 3]`."""
        ...

    def look(self, plan: EpochPlan, step: int) -> tuple[np.ndarray, bool]:
        """`[3]`, loss and summed terms of a step's batch as the model is and stays; whether a gradient is left."""
        ...

    def weights(self) -> Arrays: ...

    def load_weights(self, weights: Arrays) -> None: ...

    def optimizer_states(self) -> dict[str, OptimizerState]: ...

    def load_optimizer_states(self, states: dict[str, OptimizerState]) -> None: ...


def capture(session: Trainable, position: Position, seconds: float = 0.0) -> Checkpoint:
    """Weights, moments and position of `session` as they are now."""
    settings, moments = as_arrays(session.optimizer_states())
    return Checkpoint(deepcopy(position), session.weights(), settings, moments, seconds)


def as_arrays(states: Mapping[str, OptimizerState]) -> tuple[dict[str, dict], dict[str, np.ndarray]]:
    """Optimiser states as plain settings by name, and moments by `name/which/parameter`."""
    moments = {
        f"{name}/{which}/{parameter}": array
        for name, state in states.items()
        for which, arrays in (("first", state.first), ("second", state.second))
        for parameter, array in arrays.items()
    }
    numbers = ("step", "learning_rate", "beta1", "beta2")
    return {name: {key: getattr(state, key) for key in numbers} for name, state in states.items()}, moments


def restore(session: Trainable, checkpoint: Checkpoint) -> None:
    """Put a checkpoint into `session`, whichever framework wrote it."""
    session.load_weights(checkpoint.weights)
    states = {}
    for name, settings in checkpoint.optimizers.items():
        moments: dict[str, Arrays] = {"first": {}, "second": {}}
        for key, array in checkpoint.moments.items():
            owner, which, parameter = key.split("/", 2)
            if owner == name:
                moments[which][parameter] = array
        states[name] = OptimizerState(**settings, first=moments["first"], second=moments["second"])
    session.load_optimizer_states(states)
