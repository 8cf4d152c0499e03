"""The table of rungs in the terminal, for recipes as for models."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dualport.common.compare.verdict import Rung

MARKS = {"pass": "[green]pass[/]", "fail": "[bold red]FAIL[/]", "skipped": "[dim]skipped[/]"}


class RungTable:
    """The table of rungs, a line as each is done."""

    def __init__(self, sides: tuple[str, ...], timed: bool = True) -> None:
        from rich.console import Console

        self.timed = timed  # whether a rung has a time of its own
        self.console, self.sides, self.begun = Console(highlight=False, soft_wrap=True), sides, False

    def show(self, rung: Rung) -> None:
        """Print one rung, the first under a header; below it where the sides part."""
        from dualport.common.compare.wording import error_text
        from rich.markup import escape

        if not self.begun:
            self._head()
        if rung.skipped:
            self._say(f"{rung.name:<20}[dim]skipped: {escape(rung.reason)}[/]")
            return
        lost = "".join(f"{error_text(rung.float32_error(side), 'equal'):>16}" for side in self.sides)
        shares = [share for share in (rung.share(side) for side in self.sides) if share is not None]
        share = f"{max(shares):.0%} of the bound" if shares else "–"
        mark = MARKS[rung.status] + " " * (8 - len(rung.status))
        exact = f"{error_text(rung.float64_error, 'equal'):>14}{error_text(rung.bound, 'equal'):>9}"
        seconds = f"{rung.seconds:>7.1f}" if self.timed else ""
        self._say(f"{rung.name:<20}{mark}{exact}{lost}{share:>23}{seconds}")
        if rung.first is not None:
            remark = f": {rung.first.remark}" if rung.first.remark else ""
            self._say(f"{'':<20}[red]first at {escape(rung.first.name)}[/]{escape(remark)}")
        if rung.reason:
            self._say(f"{'':<20}[dim]{escape(rung.reason)}[/]")

    def _head(self) -> None:
        lost = "".join(f"{side + ' float32':>16}" for side in self.sides)
        figures = f"{'float64 error':>14}{'bound':>9}{lost}{'explained by rounding':>23}" + f"{'s':>7}" * self.timed
        self._say(f"[bold]{'':<28}{figures}[/]")
        self.begun = True

    def _say(self, line: str) -> None:
        self.console.print(line)
