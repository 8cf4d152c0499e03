"""Errors against what rounding explains: layer by layer, and step by step while training."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInput
from .sheet import INK, LABEL, chart, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# A large pale disc, a cross on it, a ring around both, a dot: equal errors stay visible one above another.
MARKS = (
    {"color": "#7fb2e5", "marker": "o", "markersize": 9},
    {"color": "#b5451b", "marker": "x", "markersize": 6.5, "markeredgewidth": 1.8},
    {"color": "#1c7c3c", "marker": "s", "markersize": 12, "markerfacecolor": "none"},
    {"color": "#5b3a9e", "marker": ".", "markersize": 4},
)
ABOVE = "#c62828"  # the edge at which errors lie that are not a number
LONGEST_NAME = 48  # characters; of a longer name the end is kept, which tells layers apart
WIDTH, ROW = 1300, 34  # px
FAINT_LINE = 0.9


def error_by_layer(
    path: str | os.PathLike[str],
    names: Sequence[str],
    errors: Mapping[str, Sequence[float]],
    bounds: Sequence[float] | None = None,
    *,
    title: str | None = None,
) -> Path:
    """Draw the error of each layer, first layer on top, on a logarithmic scale; a row for each name.

    An error of exactly 0 has no place on that scale: it lies on the left edge, marked 0. One that is not a number lies
    on the right edge, which is then red.

    Args:
        names: layers in execution order, `[L]`. errors: name of the framework → relative errors, `[L]`.
        bounds: what rounding explains at each layer, `[L]`, drawn as steps; 0 where an error must be 0.

    Raises:
        BadInput: nothing to draw, a series of another length, or a negative error or bound.
        EnvironmentFailed: the file cannot be written.
    """
    series, limits = _checked(len(names), errors, bounds, "layer")
    shown = [name if len(name) <= LONGEST_NAME else f"…{name[1 - LONGEST_NAME :]}" for name in names]
    with chart(path, WIDTH, 190 + ROW * len(names), title) as figure:
        axes = figure.subplots()
        left, right = _range([*series.values(), limits])
        axes.set(xscale="log", xlim=(left, right), ylim=(len(names) - 0.5, -0.5), xlabel="relative error")
        axes.set_yticks(range(len(names)), shown, parse_math=False)
        axes.grid(True)
        if limits is not None:
            edges = np.arange(len(names) + 1) - 0.5
            axes.stairs(_placed(limits, left, right), edges, orientation="horizontal", baseline=None, **_limit_look())
        for (name, values), look in zip(series.items(), _looks(series), strict=True):
            axes.plot(_placed(values, left, right), range(len(names)), label=name, **look)
        _edges(axes, series, horizontal=True)
        _legend(figure, axes)
    return Path(path)


def error_growth(
    path: str | os.PathLike[str],
    steps: Sequence[int] | np.ndarray,
    errors: Mapping[str, Sequence[float]],
    *,
    bounds: Sequence[float] | None = None,
    title: str | None = None,
) -> Path:
    """Draw how an error grows from training step to training step, on a logarithmic scale, against its bound.

    Zeros lie on the bottom edge, marked 0; what is not a number lies on the top edge, which is then red.

    Args:
        steps: whole numbers `[S]`. errors: name of the line → relative errors, `[S]`. bounds: `[S]`, or None.

    Raises:
        BadInput: no step, a series of another length, or a negative error or bound.
        EnvironmentFailed: the file cannot be written.
    """
    from matplotlib.ticker import MaxNLocator

    steps = np.asarray(steps)
    series, limits = _checked(len(steps), errors, bounds, "step")
    with chart(path, WIDTH, 600, title) as figure:
        axes = figure.subplots()
        bottom, top = _range([*series.values(), limits])
        room = max(0.03 * (steps.max() - steps.min()), 0.5)
        axes.set(yscale="log", ylim=(bottom, top), xlim=(steps.min() - room, steps.max() + room))
        axes.set(xlabel="step", ylabel="relative error")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1))
        axes.grid(True)
        if limits is not None:
            axes.plot(steps, _placed(limits, bottom, top), marker="_" if len(steps) == 1 else None, **_limit_look())
        for (name, values), look in zip(series.items(), _looks(series), strict=True):
            line = {**look, "linestyle": "-", "linewidth": FAINT_LINE}
            axes.plot(steps, _placed(values, bottom, top), label=name, **line)
        _edges(axes, series, horizontal=False)
        _legend(figure, axes)
    return Path(path)


def _checked(count: int, errors: Mapping, bounds: Sequence[float] | None, of: str) -> tuple[dict, np.ndarray | None]:
    """Every series as float64, each of `count` values that are not negative."""
    if not count or not errors:
        raise BadInput(f"there is no error to draw; give one series at least, with an error for each {of}")
    series = {name: np.asarray(values, np.float64) for name, values in errors.items()}
    limits = None if bounds is None else np.asarray(bounds, np.float64)
    for name, values in (series if limits is None else series | {"bounds": limits}).items():
        if values.shape != (count,) or (values < 0).any():
            raise BadInput(f"{name}: needs one number ≥ 0 for each {of}, {count} in all; its shape is {values.shape}")
    return series, limits


def _range(parts: Sequence[np.ndarray | None]) -> tuple[float, float]:
    """Lower and upper end: room for all that a logarithmic scale can hold, at least two decades."""
    every = np.concatenate([part for part in parts if part is not None])
    held = every[np.isfinite(every) & (every > 0)]
    if not len(held):
        held = np.array([np.finfo(np.float64).eps])
    # Just short of a whole decade below: the axis has no label there that a zero could be mistaken for.
    return 10 ** (np.floor(np.log10(held.min())) - 0.95), 10 ** (np.ceil(np.log10(held.max())) + 0.95)


def _placed(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Zeros on the lower edge, what is not a number on the upper."""
    return np.where(np.isfinite(values), np.maximum(values, low), high)


def _looks(series: Mapping) -> list[dict]:
    common = {"linestyle": "", "clip_on": False, "zorder": 3}
    return [MARKS[index % len(MARKS)] | common for index in range(len(series))]


def _limit_look() -> dict:
    return {"color": INK, "linewidth": 1.4, "linestyle": (0, (5, 3)), "label": "what rounding explains", "zorder": 2}


def _edges(axes: Axes, series: Mapping[str, np.ndarray], horizontal: bool) -> None:
    """Say what the edges stand for: 0 at the lower one, and that the upper one is no number."""
    every = np.concatenate(list(series.values()))
    size = {"fontsize": LABEL - 0.5, "annotation_clip": False, "textcoords": "offset points"}
    if (every == 0).any():
        if horizontal:
            axes.annotate("0", (0, 0), xycoords="axes fraction", xytext=(0, -12), ha="center", va="top", **size)
        else:
            axes.annotate("0", (0, 0), xycoords="axes fraction", xytext=(-10, 0), ha="right", va="center", **size)
    if not np.isfinite(every).all():
        side = "right" if horizontal else "top"
        axes.spines[side].set(visible=True, color=ABOVE, linewidth=2)
        at = {"xy": (1, 1), "xycoords": "axes fraction", "xytext": (0, 4), "ha": "right", "va": "bottom"}
        axes.annotate(f"{side} edge: not a number", color=ABOVE, **at, **size)


def _legend(figure, axes: Axes) -> None:
    """Below the panel, as many columns as fit."""
    handles, names = axes.get_legend_handles_labels()
    columns = max(1, min(len(names), WIDTH // (90 + max(text_width(name) for name in names))))
    legend = figure.legend(handles, names, loc="outside lower center", ncols=columns, handlelength=2.4)
    for text in legend.get_texts():
        text.set_parse_math(False)
