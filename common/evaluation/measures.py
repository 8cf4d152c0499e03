"""One measured number: its value, its unit, how sure it is; or the reason why there is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# progress(what is being done, done so far, in all)
Progress = Callable[[str, int, int], None]


def unwatched(what: str, done: int, total: int) -> None:
    """The progress of an evaluation that nobody watches."""


@dataclass(frozen=True)
class Measure:
    """A number with its unit.

    Attributes:
        value: None where it was not computed; `note` then says why.
        unit: of the value, in words.
        standard_error: of the value as a mean over the images, in the same unit.
        note: how it was computed, as far as a reader needs it to compare.
        details: more numbers behind it, as JSON.
    """

    value: float | None
    unit: str = ""
    standard_error: float | None = None
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Only what there is: a skipped measure has a reason and no value."""
        if self.value is None:
            return {"value": None, "skipped": self.note}
        fields = {"value": self.value, "unit": self.unit}
        if self.standard_error is not None:
            fields["standard_error"] = self.standard_error
        if self.note:
            fields["note"] = self.note
        return fields | dict(self.details)


def skipped(reason: str) -> Measure:
    """A measure that makes no sense here, and why."""
    return Measure(None, note=reason)


def mean_of(each: np.ndarray, unit: str, note: str = "", **details: Any) -> Measure:
    """The mean of one value an image `[N]`, with its standard error where there are two images or more."""
    error = float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else None
    return Measure(float(each.mean()), unit, error, note, details)


def share_of(right: np.ndarray, unit: str, note: str = "", **details: Any) -> Measure:
    """The share of `[N]` booleans that are true, with its binomial standard error."""
    share = float(right.mean())
    return Measure(share, unit, float(np.sqrt(share * (1 - share) / len(right))), note, details)
