"""A session's state as a checkpoint, and back: the canonical form that both frameworks read."""

from __future__ import annotations

from copy import deepcopy

from .checkpoint import Checkpoint, Position


def capture(session, position: Position, seconds: float = 0.0) -> Checkpoint:
    """Weights, moments and position of `session` as they are now."""
    states = session.optimizer_states()
    moments = {
        f"{name}/{which}/{parameter}": array
        for name, state in states.items()
        for which, arrays in (("first", state.first), ("second", state.second))
        for parameter, array in arrays.items()
    }
    settings = {
        name: {
            "step": state.step,
            "learning_rate": state.learning_rate,
            "beta1": state.beta1,
            "beta2": state.beta2,
        }
        for name, state in states.items()
    }
    return Checkpoint(deepcopy(position), session.weights(), settings, moments, seconds)


def restore(session, checkpoint: Checkpoint) -> None:
    """Put a checkpoint into `session`, whichever framework wrote it."""
    from ..optimizer_state import OptimizerState

    session.load_weights(checkpoint.weights)
    states = {}
    for name, settings in checkpoint.optimizers.items():
        moments = {which: {} for which in ("first", "second")}
        for key, array in checkpoint.moments.items():
            owner, which, parameter = key.split("/", 2)
            if owner == name:
                moments[which][parameter] = array
        states[name] = OptimizerState(**settings, **moments)
    session.load_optimizer_states(states)
