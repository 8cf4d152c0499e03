"""Training steps of one framework, watched: exact in float64, and each step again in float32 from the same state."""

from __future__ import annotations

import numpy as np

from ...common.arrays import Arrays, under
from ...common.compare.lockstep import take_step
from ...common.distance import apart, relative_error
from ...common.runs.checkpoint import Checkpoint, Position
from ...common.runs.session_state import capture, restore


class Trajectory:
    """The first steps of a ladder, taken as far as they are asked for.

    Left alone, float32 parts from float64 tenfold every few steps, whoever computes it. So beside the float64 steps go
    two more from the same state, rounded to float32: one in float32, one in float64, a single step's rounding apart.
    """

    def __init__(self, evidence) -> None:
        self.recipe, self.path = evidence.side.recipe, evidence.path()
        self.exact, self.rounded = evidence.session("float64"), evidence.session("float64")
        self.single, self.free = evidence.session("float32"), evidence.session("float32")
        self.rates = {
            name: one.learning_rate
            for one in self.recipe.training.optimizers
            for name in self.recipe.optimizer_parameters(one)
        }
        self.taken = 0
        self.shown: Arrays = {}
        self.first_statistics: Arrays = {}
        self.apart: list[list[float]] = []

    def until(self, steps: int) -> Arrays:
        """Weights, moments and losses after each of the first `steps` steps; and what float32 loses in each."""
        while self.taken < steps:
            self._step(*next(self.path))
        return self.shown

    @property
    def final(self) -> Arrays:
        return self.exact.weights()

    def statistics(self) -> Arrays:
        """Running statistics after the first step and the last."""
        return under("first", self.first_statistics) | under("last", self._statistics(self.final))

    def growth(self) -> Arrays:
        """How far float32 on its own has gone from float64 after each step: loss, and weights, `[steps, 2]`."""
        return {"growth": np.array(self.apart)}

    def _step(self, plan, step: int) -> None:
        before = narrowed(capture(self.exact, Position()))
        terms = take_step(self.exact, plan, step)
        after = capture(self.exact, Position())
        here = f"{self.taken:04d}"
        self.shown[f"float64/terms/{here}"] = terms
        self.shown |= under(f"float64/moments/{here}", after.moments)
        self.shown |= under(f"float64/weights/{here}", {name: after.weights[name] for name in self.rates})
        settings = {
            name: np.array([one[key] for key in ("step", "learning_rate", "beta1", "beta2")])
            for name, one in after.optimizers.items()
        }
        self.shown |= under(f"float64/settings/{here}", settings)
        self._in_single(before, plan, step, here)
        self._freely(plan, step, terms, after.weights)
        if not self.taken:
            self.first_statistics = self._statistics(after.weights)
        self.taken += 1

    def _in_single(self, before: Checkpoint, plan, step: int, here: str) -> None:
        ends = []
        for session in (self.single, self.rounded):
            restore(session, before)
            ends.append((take_step(session, plan, step), session.weights()))
        (terms, weights), (true_terms, true_weights) = ends
        self.shown[f"precision/loss/{here}"] = np.array(relative_error(terms[0], true_terms[0]))
        for name, rate in self.rates.items():
            error = apart(weights[name], true_weights[name]).error / rate
            self.shown[f"precision/update/{here}/{name}"] = np.array(error)

    def _freely(self, plan, step: int, terms: np.ndarray, weights: Arrays) -> None:
        loss = relative_error(take_step(self.free, plan, step)[0], terms[0])
        free = self.free.weights()
        one, other = (np.concatenate([arrays[name].ravel() for name in self.rates]) for arrays in (free, weights))
        self.apart.append([loss, relative_error(one, other)])

    def _statistics(self, weights: Arrays) -> Arrays:
        return {name: weights[name] for name in self.recipe.model.buffers() if name in weights}


def narrowed(state: Checkpoint) -> Checkpoint:
    """A state as float32 holds it; counters stay."""

    def narrow(arrays: Arrays) -> Arrays:
        return {name: a.astype(np.float32) if a.dtype == np.float64 else a for name, a in arrays.items()}

    return Checkpoint(state.position, narrow(state.weights), state.optimizers, narrow(state.moments))


def carry_on(session, path: list) -> Arrays:
    """Losses, weights and moments after the steps of `path`."""
    terms = np.concatenate([take_step(session, plan, step) for plan, step in path])
    state = capture(session, Position())
    return under("weights", state.weights) | under("moments", state.moments) | {"terms": terms}
