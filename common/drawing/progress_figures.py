"""The sample grid after each epoch: kept as pictures, and joined into one GIF in which one sees the run learn."""

from __future__ import annotations

from math import prod
from pathlib import Path

from ..spec import Figure, Recipe
from .animation import save_gif
from .figure_source import FigureSource
from .pixels import raster, save_png
from .sample_figures import sample_grid


def progress_figure(recipe: Recipe) -> Figure | None:
    """The sample grid that is kept after each epoch, if the write-up shows one."""
    return next((figure for figure in recipe.figures if figure.kind == "samples"), None)


def draw_progress(source: FigureSource, epoch: int) -> Path | None:
    """Keep the sample grid of one epoch as a plain picture."""
    figure = progress_figure(source.recipe)
    if figure is None:
        return None
    rows, columns = figure.options["rows"], figure.options["columns"]
    images, _ = sample_grid(source, rows, columns)
    scale = 1 if prod(source.recipe.model.image_shape[1:]) > 1024 else 2
    path = source.folder / "progress" / f"epoch-{epoch:03d}.png"
    return save_png(path, raster(images, rows, columns, source.value_range, scale=scale))


def join_progress(folder: Path) -> Path | None:
    """Make one looping GIF of the pictures that `draw_progress` kept."""
    pictures = sorted((folder / "progress").glob("epoch-*.png"))
    if not pictures:
        return None
    captions = [f"epoch {int(path.stem.split('-')[1])}" for path in pictures]
    return save_gif(folder / "progress.gif", pictures, max(80, 4000 // len(pictures)), captions=captions)
