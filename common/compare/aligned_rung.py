"""A rung of a comparison of two traces."""

from __future__ import annotations

import math

from .verdict import Rung


class AlignedRung(Rung):
    """A rung whose rows have bounds of their own."""

    @property
    def float64_error(self) -> float | None:
        """The largest of the rows whose values are more than rounding, and of those that fail."""
        rows = [row for row in self.rows if row.error64 is not None]
        found = [row.error64 for row in rows if not (row.same and getattr(row, "noise", False))]
        return max(found, key=lambda error: (math.isnan(error), error), default=None)

    @property
    def bound(self) -> float | None:
        """Of the first row that fails; else that of most rows."""
        row = self.first
        if row is not None:
            return row.bound32 if row.same else row.bound64
        found = [one.bound64 for one in self.rows if one.bound64 is not None]
        return max(found, key=found.count, default=None)
