"""The state of an Adam in a form that belongs to neither framework."""

from __future__ import annotations

from dataclasses import dataclass

from ...arrays import Arrays


@dataclass
class OptimizerState:
    """One Adam in the canonical form.

    `first` and `second` hold the moments by canonical parameter name, in the canonical layout; a parameter that never
    had a gradient has none. `step` counts the steps taken.
    """

    step: int
    learning_rate: float
    beta1: float
    beta2: float
    first: Arrays
    second: Arrays
