"""The verdict of each rung and of a whole comparison, as data and as `validation.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import wording
from .row import Row
from .wording import number

PASS, FAIL, SKIPPED = "pass", "fail", "skipped"


@dataclass
class Rung:
    """One rung.

    Attributes:
        key: what it compares, such as `forward`; with `mode`, that of the pass where it is not the first one, with
            `step` and with `dtype`, the precision that its float32 figures are of, it makes the rung's name.
        skip: why it was left out, a key of `wording.SKIPS`. lacking: side → why it has not the rung's precision.
        growth: side → how far its float32, left alone, is from float64 after each step.
    """

    key: str
    rows: list[Row] = field(default_factory=list)
    mode: str = ""
    step: int | None = None
    dtype: str = "float32"
    seconds: float = 0.0
    skip: str = ""
    lacking: Mapping[str, str] = field(default_factory=dict)
    growth: dict[str, list[float]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return wording.rung_name(self.key, self.mode, self.step, self.dtype)

    @property
    def skipped(self) -> bool:
        """Whether it was left out, or no side has its precision."""
        return bool(self.skip or (self.lacking and not self.rows))

    @property
    def reason(self) -> str:
        """Why it was skipped, or what its figures do not show."""
        return wording.SKIPS[self.skip] if self.skip else wording.lacking(self.lacking)

    @property
    def status(self) -> str:
        if self.skipped:
            return SKIPPED
        return PASS if all(row.ok for row in self.rows) else FAIL

    @property
    def first(self) -> Row | None:
        """The first row that fails. Wrong mathematics comes before lost precision, which follows from it."""
        wrong = [row for row in self.rows if not row.same]
        return next(iter(wrong or [row for row in self.rows if not row.precise]), None)

    @property
    def quantity(self) -> str:
        """What its figures are of: the quantity of the first divergence; else that of most rows."""
        if self.first is not None and not self.first.same:
            return self.first.quantity
        judged = [row.quantity for row in self.rows if row.bound64 is not None]
        return max(judged, key=judged.count, default="")

    @property
    def float64_error(self) -> float | None:
        """The largest of the rows of its quantity whose values are more than rounding, and of those that fail."""
        quantity = self.quantity
        return _worst(
            row.error64
            for row in self.rows
            if not row.same or (row.bound64 is not None and row.quantity == quantity and not row.below_rounding)
        )

    @property
    def bound(self) -> float | None:
        """Of the first divergence; else that of most rows. Of float32 where there is no mathematics to judge."""
        if self.first is not None:
            return self.first.bound32 if self.first.same else self.first.bound64
        bounds = [row.bound64 for row in self.rows if row.bound64 is not None]
        bounds = bounds or [row.bound32 for row in self.rows if row.bound32 is not None]
        return max(bounds, key=bounds.count, default=None)

    def float32_error(self, side: str) -> float | None:
        return _worst(row.error32.get(side) for row in self.rows)

    def share(self, side: str) -> float | None:
        """The largest error in the rung's dtype as a share of what rounding explains."""
        return _worst(
            row.error32[side] / row.bound32 if row.bound32 else (0.0 if row.error32[side] == 0 else math.inf)
            for row in self.rows
            if row.bound32 is not None and side in row.error32
        )

    def ulp(self, side: str) -> float | None:
        return _worst(row.ulp.get(side) for row in self.rows)

    def as_json(self, sides: Sequence[str]) -> dict[str, Any]:
        """One shape for all. In a lower precision `float32_error` and `bound` are of its `dtype`, which is then told,
        as is the `reason` where a side is null."""
        more = {} if self.dtype == "float32" else {"dtype": self.dtype, "reason": self.reason}
        return {
            "name": self.name,
            "status": self.status,
            "float64_error": number(self.float64_error),
            "float32_error": {side: number(self.float32_error(side)) for side in sides},
            "bound": number(self.bound),
            "first_divergence": None if self.first is None or self.skipped else self.first.name,
            "seconds": round(self.seconds, 3),
            **more,
        }


@dataclass
class Verdict:
    """All rungs of a comparison. `title` says of what, `sides` are the backends' names, `dtype` is the highest
    precision that both have."""

    title: str
    sides: tuple[str, ...]
    rungs: list[Rung] = field(default_factory=list)
    dtype: str = "float64"

    @property
    def failed(self) -> Rung | None:
        return next((rung for rung in self.rungs if rung.status == FAIL), None)

    @property
    def ok(self) -> bool:
        return self.failed is None

    @property
    def sentence(self) -> str:
        return wording.sentence(self)

    def as_json(self) -> dict[str, Any]:
        """`validation.json`."""
        return {
            "recipe": self.title,
            "verdict": self.sentence,
            "rungs": [rung.as_json(self.sides) for rung in self.rungs],
        }

    def text(self) -> str:
        return json.dumps(self.as_json(), indent=2, allow_nan=False) + "\n"


def _worst(values: Iterable[float | None]) -> float | None:
    """The largest; NaN if one is; None of none."""
    known = [value for value in values if value is not None]
    if any(math.isnan(value) for value in known):
        return math.nan
    return max(known, default=None)
