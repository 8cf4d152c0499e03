"""Training steps of one framework, watched: exact in float64, and each step again in float32 from the same state."""

from __future__ import annotations

import numpy as np

from ...common.arrays import Arrays
from ...common.compare.lockstep import take_step
from ...common.distance import apart, relative_error
from ...common.runs.checkpoint import Checkpoint, Position
from ...common.runs.session_state import capture, restore
from ...common.traces.writing import Stored, put_all


class Trajectory:
    """The first steps of one side, taken as far as they are asked for.

    Left alone, float32 parts from float64 tenfold every few steps, whoever computes it. So beside the float64 steps go
    two more from the same state, rounded to float32: one in float32, one in float64, a single step's rounding apart.
    """

    def __init__(self, evidence) -> None:
        self.recipe, self.path = evidence.side.recipe, evidence.path()
        self.exact, self.rounded = evidence.session("float64"), evidence.session("float64")
        self.single, self.free = evidence.session("float32"), evidence.session("float32")
        self.rates = {name: optimizer.learning_rate for name, optimizer in self.recipe.owners().items()}
        self.taken = 0
        self.lost: dict[str, dict[str, tuple[float, float]]] = {}
        self.growth: list[tuple[float, float]] = []

    def until(self, steps: int, exact: Stored, single: Stored) -> None:
        """Take the first `steps` steps.

        Args:
            exact: takes terms, weights, moments and settings after each. single: takes what float32 loses in each, the
                weights in learning rates; and how far float32 on its own has gone from float64, in loss and weights.
        """
        while self.taken < steps:
            self._step(exact, *next(self.path))
        single.note("lost", self.lost)
        single.note("growth", self.growth)

    def _step(self, writer: Stored, plan, step: int) -> None:
        before = narrowed(capture(self.exact, Position()))
        terms = take_step(self.exact, plan, step)
        after = capture(self.exact, Position())
        self.taken += 1
        here = str(self.taken)
        writer.put("terms", here, terms)
        for key, array in after.moments.items():
            _, moment, name = key.split("/", 2)
            writer.put(f"moments/{here}/{moment}", name, array)
        told = (*self.rates, *self.recipe.model.buffers())
        put_all(writer, f"weights/{here}", {name: after.weights[name] for name in told if name in after.weights})
        for name, state in after.optimizers.items():
            numbers = [state[key] for key in ("step", "learning_rate", "beta1", "beta2")]
            writer.put(f"settings/{here}", name, np.array(numbers))
        self._in_single(before, plan, step, here)
        self._freely(plan, step, terms, after.weights)

    def _in_single(self, before: Checkpoint, plan, step: int, here: str) -> None:
        ends = []
        for session in (self.single, self.rounded):
            restore(session, before)
            ends.append((take_step(session, plan, step), session.weights()))
        (terms, weights), (true_terms, true_weights) = ends
        self.lost.setdefault("terms", {})[here] = (relative_error(terms[0], true_terms[0]), 1.0)
        self.lost[f"weights/{here}"] = {
            name: (apart(weights[name], true_weights[name]).error, rate) for name, rate in self.rates.items()
        }

    def _freely(self, plan, step: int, terms: np.ndarray, weights: Arrays) -> None:
        loss = relative_error(take_step(self.free, plan, step)[0], terms[0])
        free = self.free.weights()
        free_vector, other = (
            np.concatenate([arrays[name].ravel() for name in self.rates]) for arrays in (free, weights)
        )
        self.growth.append((loss, relative_error(free_vector, other)))


def narrowed(state: Checkpoint) -> Checkpoint:
    """A state as float32 holds it; counters stay."""

    def narrow(arrays: Arrays) -> Arrays:
        return {name: a.astype(np.float32) if a.dtype == np.float64 else a for name, a in arrays.items()}

    return Checkpoint(state.position, narrow(state.weights), state.optimizers, narrow(state.moments))


def carry_on(session, path: list, writer: Stored, section: str) -> None:
    """Leave the losses, weights and moments after the steps of `path` in a trace."""
    writer.put(f"{section}/terms", "terms", np.concatenate([take_step(session, plan, step) for plan, step in path]))
    state = capture(session, Position())
    put_all(writer, f"{section}/weights", state.weights)
    put_all(writer, f"{section}/moments", state.moments)
