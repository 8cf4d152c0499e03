"""What a diagnosis is made of: the evidence, a difference to test, and what the test left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...distance import relative_error
from ...tolerances import bound
from ..facts import About
from ..wording import name, number

MOST = 3  # explanations that only reduce a divergence: more are noise


@dataclass(frozen=True)
class Evidence:
    """One matched call whose inputs agree and whose outputs do not."""

    names: tuple[str, str]  # what the sides are called, e.g. ("paddle", "torch")
    kinds: tuple[str, str]
    inputs: tuple[list[np.ndarray], list[np.ndarray]]
    outputs: tuple[np.ndarray, np.ndarray]  # the outputs that differ
    settings: tuple[dict, dict]
    weights: tuple[dict[str, np.ndarray], dict[str, np.ndarray]]  # PyTorch layout and names
    training: bool
    input_names: tuple[Sequence[str], Sequence[str]] = ((), ())  # as the calls name them; a place where they do not


@dataclass(frozen=True)
class Explanation:
    """A difference that was applied to one side, in one sentence that a user can act on.

    `before` and `after` are relative errors: as they are, NaN where that was not measured, and with the difference
    applied. `limit` names the bound of the table that `after` has to keep; `about` is what the explained row is about.
    """

    text: str
    before: float
    after: float
    limit: str = "diagnosis removes it"
    about: About | None = None

    @property
    def removed(self) -> bool:
        return self.after <= bound(self.limit) and not self.after >= self.before

    @property
    def call(self) -> str | None:
        """The name of what it explains."""
        return None if self.about is None else name(self.about)

    def as_json(self) -> dict[str, Any]:
        return {
            "call": self.call,
            "text": self.text,
            "before": number(self.before),
            "after": number(self.after),
            "removed": self.removed,
        }


@dataclass(frozen=True)
class Trial:
    """A difference to test: what is said of it, how it is applied, what that makes, and what it should be."""

    claim: str
    applied: str
    made: np.ndarray | None
    wanted: np.ndarray


def removes(left: float, before: float = float("inf")) -> bool:
    """Whether an error is what rounding leaves of the same values, and far less than it was."""
    return left <= bound("diagnosis removes it") and reduces(left, before)


def reduces(left: float, before: float) -> bool:
    """Whether an error is far less than it was, and than that of unrelated arrays, which is about 1."""
    return left <= min(before, 1.0) * bound("diagnosis reduces it")


def reproduces(made: np.ndarray | None, output: np.ndarray, before: float) -> bool:
    """Whether a recomputed call makes what the call made: without that, a change of it would show nothing."""
    left = relative_error(made, output)
    return left <= bound("diagnosis reproduces it") and reduces(left, before)


def first_that_removes(families: Iterable[Iterable[Trial]], outputs, noun: str = "outputs") -> list[Explanation]:
    """Test each family in order. One that removes the divergence ends it; else the best of those that reduce it."""
    reduced: list[Explanation] = []
    for family in families:
        best: dict[str, Explanation] = {}  # what is said may have been applied to either side
        for trial in family:
            tested, kept = _tested(trial, outputs, noun), best.get(trial.claim)
            if kept is None or (tested.after < kept.after and not removes(kept.after, kept.before)):
                best[trial.claim] = tested
        removed = [explanation for explanation in best.values() if removes(explanation.after, explanation.before)]
        if removed:
            return removed
        reduced += [explanation for explanation in best.values() if reduces(explanation.after, explanation.before)]
    return sorted(reduced, key=lambda explanation: explanation.after)[:MOST]


def exchanged(things: Sequence, trial: Callable[[list], Trial], outputs) -> Iterator[Trial]:
    """One side with each thing of the other's on its own; if none suffices, with the fewest that do together, found by
    leaving out one after another."""
    before = relative_error(*outputs)

    def enough(chosen: list) -> bool:
        tried = trial(chosen)
        return removes(relative_error(tried.made, tried.wanted), before)

    single = [[thing] for thing in things]
    yield from map(trial, single)
    if len(single) > 1 and not any(map(enough, single)):
        chosen = list(things)
        for thing in things:
            fewer = [kept for kept in chosen if kept != thing]
            if fewer and enough(fewer):
                chosen = fewer
        yield trial(chosen)


def _tested(trial: Trial, outputs: tuple[np.ndarray, np.ndarray], noun: str) -> Explanation:
    other = outputs[1] if trial.wanted is outputs[0] else outputs[0]
    before, after = relative_error(other, trial.wanted), relative_error(trial.made, trial.wanted)
    end = f"the {noun} agree" if removes(after, before) else f"the error falls from {before:.2g} to {after:.2g}"
    return Explanation(f"{trial.claim}: {trial.applied} {end}", before, after)
