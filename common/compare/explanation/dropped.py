"""Dropout, whose masks both sides make of the same numbers: with another probability, another scale, or both."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...dictionary.index import DROPOUT
from ...distance import relative_error
from .evidence import Evidence, Trial, removes

LATER = "downscale_in_infer"  # Paddle's mode that scales in evaluation, not in training


def dropped(evidence: Evidence) -> Iterator[Trial]:
    """What the two sides' settings make of one input, if each is a dropout by its own settings.

    Of the same numbers, the side that drops less keeps all that the other keeps.
    """
    if not set(evidence.kinds) <= DROPOUT or not all(len(inputs) for inputs in evidence.inputs):
        return
    sides = [_Dropped(evidence, side) for side in (0, 1)]
    if not all(side.understood for side in sides):
        return
    more, less = sorted(sides, key=lambda side: side.p, reverse=True)
    differing = [name for name in ("p", "mode") if getattr(sides[0], name) != getattr(sides[1], name)]
    if not differing or np.any(more.kept & ~less.kept):
        return
    a, b = evidence.names
    told = [f"{name} is {getattr(sides[0], name)} in {a} and {getattr(sides[1], name)} in {b}" for name in differing]
    value = "value" if len(differing) == 1 else "values"
    made = sides[0].given * sides[1].kept * sides[1].scale
    yield Trial(" and ".join(told), f"with {b}'s {value}", made, evidence.outputs[1])


class _Dropped:
    """One side's dropout: `kept` is read off what it made, `scale` follows from its settings."""

    def __init__(self, evidence: Evidence, side: int) -> None:
        settings = evidence.settings[side]
        self.given, made = np.asarray(evidence.inputs[side][0], np.float64), evidence.outputs[side]
        self.p, self.mode = float(settings.get("p", 0.5)), str(settings.get("mode", "upscale_in_train"))
        training = bool(settings.get("training", True)) and evidence.training
        same = np.shape(made) == self.given.shape
        self.kept = (
            (np.asarray(made) != 0) | (self.given == 0) if same and training else np.ones(self.given.shape, bool)
        )
        now = 1.0 if self.mode == LATER or self.p >= 1 else 1 / (1 - self.p)
        self.scale = now if training else (1 - self.p if self.mode == LATER else 1.0)
        self.understood = same and removes(relative_error(self.given * self.kept * self.scale, made))
