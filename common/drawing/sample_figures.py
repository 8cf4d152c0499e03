"""Grids of decoded images: samples, reconstructions, one for each class, and a sheet of the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .. import drawing
from .figure_source import Canvas


def samples(canvas: Canvas, rows: int, columns: int) -> list[Path]:
    """Decoded noise; a conditional model draws one row for each digit where there are as many rows as digits."""
    picture, labels = sample_grid(canvas, rows, columns)
    rowwise = labels is not None and rows == canvas.recipe.model.classes
    names = [str(row) for row in range(rows)] if rowwise else None
    path = canvas.folder / "samples.png"
    title = canvas.title("one row a digit" if names else "random samples")
    return [drawing.image_grid(path, picture, rows, columns, canvas.value_range, row_labels=names, title=title)]


def sample_grid(canvas: Canvas, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Images `[rows · columns, C, H, W]` from the same noise at every call, and their labels if they have any."""
    model, labels, hot = canvas.recipe.model, None, None
    if model.conditional:
        rowwise = rows == model.classes
        labels = np.repeat(np.arange(rows), columns) if rowwise else np.arange(rows * columns) % model.classes
        hot = canvas.one_hot(labels)
    return canvas.session.decode(canvas.noise("samples", rows * columns), hot), labels


def posterior_prior(canvas: Canvas, count: int) -> list[Path]:
    """Two rows: decoded from the posterior of the first images, and from plain noise."""
    images, hot, _ = canvas.first(count)
    above = canvas.session.decode(canvas.sample(images, hot, "posterior"), hot)
    below = canvas.session.decode(canvas.noise("prior", len(images)), hot)
    path, title = canvas.folder / "posterior-prior.png", canvas.title("posterior and prior")
    return [drawing.two_rows(path, above, below, canvas.value_range, row_labels=("posterior", "prior"), title=title)]


def reconstructions(canvas: Canvas, count: int) -> list[Path]:
    """Originals over what the model makes of them."""
    images, hot, _ = canvas.first(count)
    again = canvas.session.decode(canvas.sample(images, hot, "reconstruction"), hot)
    path, title = canvas.folder / "reconstructions.png", canvas.title("reconstructions")
    return [drawing.two_rows(path, images, again, canvas.value_range, row_labels=("original", "decoded"), title=title)]


def classes(canvas: Canvas) -> list[Path]:
    """One decoded sample for each label, from the same noise."""
    labels = np.arange(canvas.recipe.model.classes)
    picture = canvas.session.decode(canvas.noise("classes", len(labels)), canvas.one_hot(labels))
    names, title = [str(label) for label in labels], canvas.title("one sample for each label")
    path, span = canvas.folder / "classes.png", canvas.value_range
    return [drawing.image_grid(path, picture, 1, len(labels), span, column_labels=names, title=title)]


def data_sheet(canvas: Canvas, side: int) -> list[Path]:
    """The first images of the data, as the model sees them."""
    images, _, _ = canvas.first(side * side)
    path, title = canvas.folder / "data-sheet.png", canvas.title("a batch of the data")
    return [drawing.image_grid(path, images, side, side, canvas.value_range, title=title)]
