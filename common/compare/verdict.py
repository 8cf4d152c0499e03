"""The verdict of each rung and of the whole ladder, in words and as `validation.json`."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .row import Row

PASS, FAIL, SKIPPED = "pass", "fail", "skipped"


@dataclass
class Rung:
    """One rung. `reason` says why it was skipped, or what its figures do not show; `dtype` is what its rows' float32
    figures are of."""

    name: str
    rows: list[Row] = field(default_factory=list)
    seconds: float = 0.0
    reason: str = ""
    skipped: bool = False
    growth: dict[str, list[float]] = field(default_factory=dict)
    dtype: str = "float32"

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
    def float64_error(self) -> float | None:
        """The largest of the rows that have the rung's bound, or that fail."""
        limit = self.bound
        return _worst(
            row.error64 for row in self.rows if row.bound64 is not None and (row.bound64 == limit or not row.same)
        )

    @property
    def bound(self) -> float | None:
        """Of the first divergence; else that of most rows. Of float32 where there is no mathematics to judge."""
        rows = [self.first] if self.first else self.rows
        bounds = [row.bound64 for row in rows if row.bound64 is not None and not (self.first and row.same)]
        bounds = bounds or [row.bound32 for row in rows if row.bound32 is not None]
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
    """All rungs climbed. `sides` are the backends' names."""

    recipe: str
    sides: tuple[str, ...]
    rungs: list[Rung] = field(default_factory=list)

    @property
    def failed(self) -> Rung | None:
        return next((rung for rung in self.rungs if rung.status == FAIL), None)

    @property
    def ok(self) -> bool:
        return self.failed is None

    @property
    def sentence(self) -> str:
        """What a user wants to know, in one line."""
        if self.failed is None:
            forward = next((rung for rung in self.rungs if rung.name == "forward" and not rung.skipped), None)
            lower = [rung for rung in self.rungs if rung.dtype != "float32"]
            lost = [f"{rung.dtype} differences {self._lost(rung)}" for rung in lower]
            if forward:
                lost.insert(0, f"float32 differences {self._lost(forward)}")
            return "; ".join(["same system", *lost])
        first, rung = self.failed.first, self.failed
        if not first.same:
            found = f"{rung.name}: float64 error {short(first.error64)}" if first.bound64 else f"{rung.name}: not equal"
            if math.isinf(first.error64):
                found = f"{rung.name}: {first.remark or 'not comparable'}"
            elif rung.name == "forward":
                found = f"float64 error {short(first.error64)}"
            return f"different systems: first at {first.name} ({found})"
        side, error = max(first.error32.items(), key=lambda item: (math.isnan(item[1]), item[1]))
        return (
            f"different precision: first at {first.name} ({rung.name}: {rung.dtype} error of {side} {short(error)}, "
            f"rounding explains {short(first.bound32)})"
        )

    def _lost(self, rung: Rung) -> str:
        if rung.skipped:
            return "not measured: neither has it"
        found = {side: rung.ulp(side) for side in self.sides}
        each = [f"{side} not supported" if ulp is None else f"{side} {ulp:.1f} ulp" for side, ulp in found.items()]
        return f"are rounding ({', '.join(each)})"

    def as_json(self) -> dict[str, Any]:
        """`validation.json`."""
        return {
            "recipe": self.recipe,
            "verdict": self.sentence,
            "rungs": [rung.as_json(self.sides) for rung in self.rungs],
        }

    def text(self) -> str:
        return json.dumps(self.as_json(), indent=2, allow_nan=False) + "\n"


def short(value: float) -> str:
    """Two digits: `3e-2`, not `3e-02`."""
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}" if exponent else mantissa


def number(value: float | None) -> float | str | None:
    """A number that JSON knows: what is not finite becomes text."""
    return value if value is None or math.isfinite(value) else str(value)


def _worst(values) -> float | None:
    """The largest; NaN if one is; None of none."""
    found = [value for value in values if value is not None]
    if any(math.isnan(value) for value in found):
        return math.nan
    return max(found, default=None)
