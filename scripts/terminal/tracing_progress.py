"""Progress of passes in the terminal: what each side is at, on one line where someone watches."""

from __future__ import annotations

import sys
from types import TracebackType


class TracingProgress:
    """A line that says what each framework is at."""

    def __init__(self) -> None:
        self.live = sys.stderr.isatty()
        self.at: dict[str, str] = {}

    def __enter__(self) -> TracingProgress:
        if self.live:
            from rich.console import Console
            from rich.status import Status

            self.status = Status("", console=Console(stderr=True))
            self.status.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.live:
            self.status.stop()

    def show(self, who: str, what: str) -> None:
        """Say that `who` is at `what`."""
        self.at[who] = what
        if self.live:
            self.status.update("   ".join(f"{who}: {what}" for who, what in self.at.items()))
