"""Grids of decoded images: samples, reconstructions, one for each class, and a sheet of the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .figure_source import FigureSource
from .image_grids import image_grid, two_rows


def samples(source: FigureSource, rows: int, columns: int) -> list[Path]:
    """Decoded noise; a conditional model draws one row for each digit where there are as many rows as digits."""
    picture, labels = sample_grid(source, rows, columns)
    rowwise = labels is not None and rows == source.recipe.model.classes
    names = [str(row) for row in range(rows)] if rowwise else None
    path = source.folder / "samples.png"
    title = source.title("one row a digit" if names else "random samples")
    return [image_grid(path, picture, rows, columns, source.value_range, row_labels=names, title=title)]


def sample_grid(source: FigureSource, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Images `[rows · columns, C, H, W]` from the same noise at every call, and their labels if they have any."""
    model, labels, hot = source.recipe.model, None, None
    if model.conditional:
        rowwise = rows == model.classes
        labels = np.repeat(np.arange(rows), columns) if rowwise else np.arange(rows * columns) % model.classes
        hot = source.one_hot(labels)
    return source.session.decode(source.noise("samples", rows * columns), hot), labels


def posterior_prior(source: FigureSource, count: int) -> list[Path]:
    """Two rows: decoded from the posterior of the first images, and from plain noise."""
    images, hot, _ = source.first(count)
    above = source.session.decode(source.sample(images, hot, "posterior"), hot)
    below = source.session.decode(source.noise("prior", len(images)), hot)
    path, title = source.folder / "posterior-prior.png", source.title("posterior and prior")
    return [two_rows(path, above, below, source.value_range, row_labels=("posterior", "prior"), title=title)]


def reconstructions(source: FigureSource, count: int) -> list[Path]:
    """Originals over what the model makes of them."""
    images, hot, _ = source.first(count)
    again = source.session.decode(source.sample(images, hot, "reconstruction"), hot)
    path, title = source.folder / "reconstructions.png", source.title("reconstructions")
    return [two_rows(path, images, again, source.value_range, row_labels=("original", "decoded"), title=title)]


def classes(source: FigureSource) -> list[Path]:
    """One decoded sample for each label, from the same noise."""
    labels = np.arange(source.recipe.model.classes)
    picture = source.session.decode(source.noise("classes", len(labels)), source.one_hot(labels))
    names, title = [str(label) for label in labels], source.title("one sample for each label")
    path, span = source.folder / "classes.png", source.value_range
    return [image_grid(path, picture, 1, len(labels), span, column_labels=names, title=title)]


def data_sheet(source: FigureSource, side: int) -> list[Path]:
    """The first images of the data, as the model sees them."""
    images, _, _ = source.first(side * side)
    path, title = source.folder / "data-sheet.png", source.title("a batch of the data")
    return [image_grid(path, images, side, side, source.value_range, title=title)]
