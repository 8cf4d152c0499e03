"""Where the encoder puts the images: means and standard deviations in the latent plane."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInput
from .sheet import chart

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANEL, HEIGHT, LEGEND_COLUMN = 640, 690, 100  # px
LEGEND_ROWS, LARGEST_LEGEND = 20, 60


def latent_scatter(
    path: str | os.PathLike[str],
    means: np.ndarray,
    standard_deviations: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    *,
    title: str | None = None,
    colour_bar: bool = False,
) -> Path:
    """Scatter the posterior means, and beside them the standard deviations, coloured by digit (write-ups 1 and 3).

    Args:
        means: `[N, D]`. Of D > 2 latent dimensions the first two are drawn, and the axes say so; D = 1 is drawn
            against the number of the image.
        standard_deviations: σ, not log σ², `[N, D]`; None for an autoencoder, which has none: one panel.
        labels: whole numbers `[N]`, or None for one colour. More than sixty classes get no legend.
        colour_bar: explain the colours by a bar, as write-up 3 does, instead of a legend.

    Raises:
        BadInput: the shapes do not match, or labels are not whole numbers.
        EnvironmentFailed: the file cannot be written.
    """
    panels = _panels(means, standard_deviations)
    digits = None if labels is None else _whole_numbers(labels, len(means))
    classes = np.array([0]) if digits is None else np.unique(digits)
    explained = digits is not None and len(classes) <= LARGEST_LEGEND
    width = PANEL * len(panels) + LEGEND_COLUMN * (-(-len(classes) // LEGEND_ROWS) if explained else 0)
    with chart(path, width, HEIGHT, title) as figure:
        colours = _colours(classes)
        chosen = colours[np.zeros(len(means), int) if digits is None else np.searchsorted(classes, digits)]
        for axes, (heading, name, values) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            _panel(axes, values, name, chosen)
            axes.set_title(heading)
        if explained:
            (_colour_bar if colour_bar else _legend)(figure, classes, colours)
    return Path(path)


def _panels(means: np.ndarray, standard_deviations: np.ndarray | None) -> list[tuple[str, str, np.ndarray]]:
    """What is drawn, from left to right: heading, name at the axes, values `[N, D]`."""
    if standard_deviations is None:
        panels = [("latents", "", np.asarray(means))]
    else:
        panels = [
            ("posterior mean", "mean", np.asarray(means)),
            ("posterior standard deviation", "σ", np.asarray(standard_deviations)),
        ]
    for heading, _, values in panels:
        if values.ndim != 2 or 0 in values.shape or values.shape != panels[0][2].shape:
            raise BadInput(f"{heading}: needs [N, D], the same for every panel; got {list(values.shape)}")
    return panels


def _panel(axes: Axes, values: np.ndarray, name: str, colours: np.ndarray) -> None:
    """One square panel. All classes in one call, in the order of the data: the last class must not hide the first."""
    count, dimensions = values.shape
    if dimensions == 1:
        x, y = np.arange(count), values[:, 0]
        axes.set(xlabel="image", ylabel=name or "latent")
    else:
        x, y = values[:, 0], values[:, 1]
        of = f" of {dimensions}" if dimensions > 2 else ""
        before = f"{name}, " if name else ""
        axes.set(xlabel=f"{before}latent dimension 1{of}", ylabel=f"{before}latent dimension 2{of}")
    area = float(np.clip(18000 / count, 5, 60))  # points²: few images as large dots, thousands as small ones
    axes.scatter(x, y, s=area, c=colours, alpha=0.85, linewidths=0)
    axes.locator_params(nbins=6)
    axes.grid(True)
    axes.set_box_aspect(1)


def _legend(figure: Figure, classes: np.ndarray, colours: np.ndarray) -> None:
    """A dot for each class that occurs, outside the panels."""
    from matplotlib.lines import Line2D

    dots = [Line2D([], [], marker="o", linestyle="", markersize=6, color=colour) for colour in colours]
    names = [str(label) for label in classes]
    title = "digit" if classes.max() < 10 else "class"
    look = {"ncols": -(-len(names) // LEGEND_ROWS), "handletextpad": 0.1, "columnspacing": 0.8}
    figure.legend(dots, names, loc="outside right center", title=title, **look)


def _colour_bar(figure: Figure, classes: np.ndarray, colours: np.ndarray) -> None:
    """One block of colour for each class that occurs."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    norm = BoundaryNorm(np.arange(len(classes) + 1) - 0.5, len(classes))
    bar = figure.colorbar(ScalarMappable(norm, ListedColormap(colours)), ax=figure.axes, ticks=np.arange(len(classes)))
    bar.ax.set_yticklabels([str(label) for label in classes])
    bar.ax.minorticks_off()
    bar.set_label("digit" if classes.max() < 10 else "class")


def _colours(classes: np.ndarray) -> np.ndarray:
    """A colour `[K, 4]` for each class: a digit always has its own of tab10; other label sets share a wider map."""
    from matplotlib import colormaps

    if classes.min() >= 0 and classes.max() < 10:
        return colormaps["tab10"](classes)
    return colormaps["turbo"](np.linspace(0.05, 0.95, len(classes)))


def _whole_numbers(labels: np.ndarray, count: int) -> np.ndarray:
    """Labels `[N]` as integers."""
    labels = np.asarray(labels)
    if labels.shape != (count,) or not np.isfinite(labels).all() or (labels != np.round(labels)).any():
        raise BadInput(f"labels must be {count} whole numbers, one for each image; their shape is {list(labels.shape)}")
    return labels.astype(np.int64)
