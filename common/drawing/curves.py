"""Numbers over time: losses epoch by epoch, and how far two backends drift apart step by step."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInput
from .sheet import INK, LABEL, chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

QUANTITIES = {"loss": "loss", "reconstruction": "reconstruction", "kl": "KL divergence"}
# Each line is thinner than the one under it and broken otherwise: equal curves stay visible one above another.
LINES = (
    {"color": "#7fb2e5", "linewidth": 4.5, "linestyle": "-", "marker": "o", "markersize": 9},
    {"color": "#b5451b", "linewidth": 1.6, "linestyle": (0, (4, 2.5)), "marker": "x", "markersize": 6},
    {"color": "#1c7c3c", "linewidth": 1.2, "linestyle": (0, (1, 3)), "marker": "+", "markersize": 11},
    {"color": "#5b3a9e", "linewidth": 1.0, "linestyle": (0, (7, 2, 1, 2)), "marker": "s", "markersize": 3},
)
ALONE = {"color": "#2563a8", "linewidth": 1.8, "linestyle": "-", "marker": "o", "markersize": 6}
POINT, ABOVE = "#2563a8", "#c62828"


def loss_curves(
    path: str | os.PathLike[str],
    histories: Mapping[str, Sequence[Mapping[str, float]]],
    *,
    title: str | None = None,
    units: str = "mean per image",
) -> Path:
    """Draw loss, reconstruction and KL over the epochs, one line for each backend.

    Args:
        histories: name of the line → rows of `metrics.jsonl`: `epoch`, `loss`, `reconstruction`, `kl`. A part that no
            row holds (an autoencoder has no KL) gets no panel; a value that is not finite leaves a gap.
        units: what the numbers are, written at the vertical axis.

    Raises:
        BadInput: no history, an empty one, or a row without `epoch` or `loss`.
        EnvironmentFailed: the file cannot be written.
    """
    for name, rows in histories.items():
        if not rows or any("epoch" not in row or "loss" not in row for row in rows):
            raise BadInput(f"the history {name!r} needs rows with epoch and loss; train for one epoch at least")
    if not histories:
        raise BadInput("there is no history to draw; train for one epoch at least")
    every_row = [row for rows in histories.values() for row in rows]
    drawn = [key for key in QUANTITIES if any(row.get(key) is not None for row in every_row)] or ["loss"]
    width = (760, 1120, 1500)[len(drawn) - 1]
    looks = [ALONE] if len(histories) == 1 else [LINES[index % len(LINES)] for index in range(len(histories))]
    with chart(path, width, 580, title) as figure:
        panels = figure.subplots(1, len(drawn), squeeze=False)[0]
        for axes, key in zip(panels, drawn, strict=True):
            lines = [_line(axes, rows, key, look) for rows, look in zip(histories.values(), looks, strict=True)]
            axes.set_title(QUANTITIES[key])
            _epoch_axis(axes, [row["epoch"] for row in every_row])
        panels[0].set_ylabel(units, parse_math=False)
        legend = figure.legend(lines, histories.keys(), loc="outside lower center", ncols=4, handlelength=3.2)
        for text in legend.get_texts():
            text.set_parse_math(False)
    return Path(path)


def _line(axes: Axes, rows: Sequence[Mapping[str, float]], key: str, look: Mapping) -> Line2D:
    """Draw one history; a history of one epoch is a point, and a point needs a marker."""
    epochs = np.array([row["epoch"] for row in rows], float)
    values = np.array([row.get(key) for row in rows], float)  # None becomes nan, which leaves a gap
    return axes.plot(epochs, values, **{**look, "marker": look["marker"] if len(rows) == 1 else None})[0]


def _epoch_axis(axes: Axes, epochs: Sequence[float] | np.ndarray) -> None:
    """Whole epochs only, with room at both sides."""
    from matplotlib.ticker import MaxNLocator

    first, last = min(epochs), max(epochs)
    room = max(0.04 * (last - first), 0.5 if first == last else 0.0)
    axes.set_xlim(first - room, last + room)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1))
    axes.margins(y=0.08)
    axes.set_xlabel("epoch")
    axes.grid(True)


def step_difference(
    path: str | os.PathLike[str],
    steps: Sequence[int] | np.ndarray,
    relative_difference: Sequence[float] | np.ndarray,
    bound: float,
    *,
    title: str | None = None,
) -> Path:
    """Draw the relative difference of two losses at each training step, on a logarithmic scale, against its bound.

    Steps that are exactly equal have no place on that scale: they lie on the bottom edge, marked 0, as hollow points.
    Steps above the bound are red, and those that are not a number lie on the top edge as crosses.

    Args:
        steps: whole numbers `[S]`.
        relative_difference: `|a − b| / |b|`, `[S]`, not negative.
        bound: above 0.

    Raises:
        BadInput: no step, shapes that differ, a negative difference, or a bound that is not above 0.
        EnvironmentFailed: the file cannot be written.
    """
    steps, difference = np.asarray(steps), np.asarray(relative_difference, float)
    if steps.ndim != 1 or steps.shape != difference.shape or not len(steps) or (difference < 0).any():
        raise BadInput(f"needs one difference ≥ 0 for each step; got {list(steps.shape)} and {list(difference.shape)}")
    if not 0 < bound < np.inf:
        raise BadInput(f"the bound must be a number above 0, or it has no place on a logarithmic scale; it is {bound}")
    with chart(path, 1200, 560, title) as figure:
        axes = figure.subplots()
        _difference_points(axes, steps, difference, bound)
        _epoch_axis(axes, steps)
        axes.set(xlabel="step", ylabel="relative difference of the loss")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return Path(path)


def _difference_points(axes: Axes, steps: np.ndarray, difference: np.ndarray, bound: float) -> None:
    """The points, sorted into their four kinds, and the bound."""
    finite = np.isfinite(difference)
    seen = np.append(difference[finite & (difference > 0)], bound)
    # Just short of a whole decade below: the axis has no label there that a zero could be mistaken for.
    bottom, top = 10 ** (np.floor(np.log10(seen.min())) - 0.95), seen.max() * 10
    axes.set_yscale("log")
    axes.set_ylim(bottom, top)
    axes.axhline(bound, color=INK, linewidth=1.2, linestyle=(0, (5, 3)), label=f"bound {bound:g}")
    kinds = (
        (finite & (difference > 0) & (difference <= bound), difference, POINT, "o", POINT, "within"),
        (finite & (difference > bound), difference, ABOVE, "o", ABOVE, "above"),
        (finite & (difference == 0), np.full_like(difference, bottom), POINT, "o", "white", "exactly equal"),
        (~finite, np.full_like(difference, top), ABOVE, "X", ABOVE, "not a number"),
    )
    if (difference == 0).any():
        place = {"xycoords": ("axes fraction", "data"), "xytext": (-10, 0), "textcoords": "offset points"}
        axes.annotate("0", (0, bottom), ha="right", va="center_baseline", fontsize=LABEL - 0.5, **place)
    size = float(np.clip(60 / len(steps) ** 0.5, 2.5, 6))
    for where, height, edge, marker, face, label in kinds:
        if where.any():
            look = {"marker": marker, "markerfacecolor": face, "markersize": size, "clip_on": False, "zorder": 3}
            axes.plot(steps[where], height[where], linestyle="", color=edge, label=label, **look)
