"""Pictures of rungs: errors layer by layer, and how they grow from step to step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from .. import drawing
from ..compare.verdict import Rung
from .blocks import Figure
from .rungs import most_telling

MOST_LAYERS = 80  # in one figure
FEWEST_LAYERS = 2  # a figure of one says no more than its row


def layers_plot(rung: Rung, sides: Sequence[str], folder: Path) -> list[Figure]:
    """The errors of one rung, layer by layer; without what cannot be compared, or is whole numbers."""
    lossy = any(row.error32 for row in rung.rows)
    rows = [row for row in rung.rows if (len(row.error32) == len(sides) if lossy else _finite(row.error64))]
    chosen = most_telling(rows, MOST_LAYERS)
    if len(chosen) < FEWEST_LAYERS:
        return []
    bounds = [row.bound32 if lossy else row.bound64 for row in chosen]
    path = drawing.error_by_layer(
        folder / f"{rung.name.replace(', ', '-')}.png",
        [row.name for row in chosen],
        _series(sides, lossy, lambda side: [row.error32[side] for row in chosen], [row.error64 for row in chosen]),
        [math.inf if limit is None else limit for limit in bounds],
        title=f"{sides[0]} and {sides[1]}, layer by layer: {rung.name}",
    )
    caption = "Each side's float32 against its own float64, and the two in float64." if lossy else "The two sides."
    caption += " Where the dashed line is at the right edge, float32 is not judged." if None in bounds else ""
    caption += f" The {len(chosen)} most telling of {len(rows)}." if len(chosen) < len(rows) else ""
    return [Figure(path, caption)]


def steps_plot(steps: Sequence[Rung], sides: Sequence[str], folder: Path) -> list[Figure]:
    """The worst error of each step, where each side goes on from its own state."""
    lossy = any(row.error32 for rung in steps for row in rung.rows)
    between = [rung.float64_error for rung in steps]
    series = _series(sides, lossy, lambda side: [rung.float32_error(side) for rung in steps], between)
    if not series:
        return []
    title = f"{sides[0]} and {sides[1]}, step by step: the worst error"
    numbers = [rung.step for rung in steps if rung.step is not None]
    path = drawing.error_growth(folder / "steps.png", numbers, series, title=title)
    caption = "The largest error of each step; what is zero but for rounding is left out."
    grows = " In float32 errors grow by themselves: after the first step they are shown, not judged." if lossy else ""
    return [Figure(path, caption + grows)]


def growth_plot(rung: Rung, folder: Path) -> list[Figure]:
    """How far each side's float32, left alone, goes from float64."""
    if not rung.growth:
        return []
    path = drawing.error_growth(
        folder / "growth.png",
        list(range(1, max(map(len, rung.growth.values())) + 1)),
        {f"{side} float32": errors for side, errors in rung.growth.items()},
        title="float32 on its own, weights against float64",
    )
    return [Figure(path, "Left alone, rounding grows from step to step in either framework: shown, not judged.")]


def _finite(error: float | None) -> bool:
    return error is not None and math.isfinite(error)


def _series(sides: Sequence[str], lossy: bool, of_side: Callable, between: list) -> dict[str, list]:
    """Errors of each side's float32, where there is any, and between the two; without a line that has gaps."""
    series = {f"{side} float32": of_side(side) for side in sides} if lossy else {}
    series["float64 between the two" if lossy else "between the two"] = between
    return {name: errors for name, errors in series.items() if None not in errors}
