"""Progress of one or more trainings in the terminal: bars where someone watches, a line an epoch elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import TaskID

LINE_SECONDS = 1.0  # at least, between two lines of one run


class TrainingProgress:
    """A bar for each run, fed by the events of the training loop."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._live = sys.stderr.isatty()
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[losses]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not self._live,
        )
        self._tasks: dict[str, TaskID] = {}
        self._heads: dict[str, dict] = {}
        self._printed: dict[str, float] = {}

    def __enter__(self) -> TrainingProgress:
        self._bars.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def show(self, key: str, event: dict) -> None:
        """Take one event: the first of a run names recipe, backend and epochs; the others position and losses."""
        if "epochs" in event:
            self._heads[key] = event
            name = f"{event['recipe']} {event['backend']}"
            self._tasks[key] = self._bars.add_task(name, total=event["epochs"], losses="")
            return
        head = self._heads[key]
        done = event["epoch"] + event["step"] / event["steps"]
        text = (
            f"epoch {event['epoch'] + 1}/{head['epochs']}  loss {event['loss']:.2f}  "
            f"reconstruction {event['reconstruction']:.2f}  KL {event['kl']:.2f}  "
            f"{event['images_per_second']:,.0f} images/s"
        )
        self._bars.update(self._tasks[key], completed=done, losses=text)
        if not self._live and event["step"] == event["steps"] and self._due(key, event["epoch"] + 1 == head["epochs"]):
            print(f"{head['recipe']} {head['backend']}: {text}", file=sys.stderr)

    def _due(self, key: str, last: bool) -> bool:
        """A log gets a line an epoch, but of very short epochs only one every few seconds, and the last."""
        now = time.monotonic()
        if last or now - self._printed.get(key, 0.0) >= LINE_SECONDS:
            self._printed[key] = now
            return True
        return False
