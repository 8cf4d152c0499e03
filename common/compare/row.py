"""One row of a comparison: what was held against what, how far it is apart, and what it is held to."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..tolerances import TOLERANCES
from . import wording
from .facts import About, Cause, Place


@dataclass
class Row:
    """What was found of one array, or of one number.

    Errors are ‖a − b‖ / max(‖b‖, scale); of whole numbers, the share that is not equal. `error64` is the largest
    between any two of the sides and the witness; `error32` is that of each side's float32 against its own float64,
    `ulp` the same in units of the last place, and `worst` its worst element; on the rung of a lower precision they are
    of that one, not of float32. A bound of None: shown, not judged.

    Attributes:
        quantity: the key of the table of tolerances that `bound64` comes from, which says why it is that.
        below_rounding: its true value is so near zero that rounding, not the table, says how far the sides may be
            apart: such errors are judged, and not told as figures.
        by_itself: what it was given agrees, and what it made does not.
        error_of_inputs: the largest. error_on_same_inputs: measured where a call was given its counterpart's inputs.
    """

    about: About
    error64: float | None = None
    bound64: float | None = None
    error32: dict[str, float] = field(default_factory=dict)
    bound32: float | None = None
    ulp: dict[str, float] = field(default_factory=dict)
    worst: dict[str, str] = field(default_factory=dict)
    quantity: str = ""
    place: Place = field(default_factory=Place)
    cause: Cause | None = None
    below_rounding: bool = False
    by_itself: bool = False
    error_of_inputs: float | None = None
    error_on_same_inputs: float | None = None

    @property
    def name(self) -> str:
        return wording.name(self.about)

    @property
    def remark(self) -> str:
        """Who differs, what is missing, or why it parts."""
        return wording.remark(self.cause, self.place)

    @property
    def same(self) -> bool:
        """Whether the mathematics agrees. An error that is not a number does not."""
        return self.error64 is None or self.bound64 is None or bool(self.error64 <= self.bound64)

    @property
    def precise(self) -> bool:
        """Whether rounding explains what float32 loses, on both sides."""
        return self.bound32 is None or all(error <= self.bound32 for error in self.error32.values())

    @property
    def ok(self) -> bool:
        return self.same and self.precise

    @property
    def judged(self) -> bool:
        """Whether anything is held against a bound."""
        return self.bound64 is not None or self.bound32 is not None

    @property
    def why(self) -> str:
        """Why its bound is what it is, or why it has none."""
        return TOLERANCES[self.quantity].why if self.quantity else wording.UNJUDGED.get(self.about.what, "")

    @property
    def error_by_itself(self) -> float | None:
        """What a call differs by on its own: as it was measured, else the error of what it made."""
        return self.error64 if self.error_on_same_inputs is None else self.error_on_same_inputs

    @property
    def share(self) -> float:
        """The largest share of a bound that it uses up."""
        shares = [self.error64 / self.bound64] if self.bound64 and self.error64 is not None else []
        shares += [error / self.bound32 for error in self.error32.values()] if self.bound32 else []
        return max(shares, default=0.0)


def judged(about: About, error: float, quantity: str) -> Row:
    """A row of one number, held against the table of tolerances."""
    return Row(about, error, TOLERANCES[quantity].bound, quantity=quantity)
