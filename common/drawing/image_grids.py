"""Sheets of images: samples, reconstructions over originals, manifolds. Pixels are copied, never blurred."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import BadInput
from .pixels import raster
from .sheet import DPI, LABEL, MAXIMUM_WIDTH, TITLE, sheet, text_height, text_width, wrapped

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURE = 1200  # px: the square box that the tiles fill as far as a whole number of pixels allows
LARGEST_SCALE = 6
NARROWEST = 480  # px: leaves room for a title above a very small picture
EDGE = 18  # px around everything
AXIS_LEFT, AXIS_BOTTOM = 108, 82  # px for tick labels and the axis label


def image_grid(
    path: str | os.PathLike[str],
    images: np.ndarray,
    rows: int,
    columns: int,
    value_range: tuple[float, float],
    *,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
    title: str | None = None,
) -> Path:
    """Draw images row by row, `images[0]` at the top left (write-up 1: 10 × 20 random samples; CVAE: a row a digit).

    Args:
        images: `[N, C, H, W]`, C = 1 or 3, N at most rows·columns.
        value_range: values drawn as black and as full brightness, (-1, 1) for the notebook.
        row_labels: one for each row, at its left; column_labels: one for each column, above it.

    Raises:
        BadInput: images of another shape, too many, or not finite; labels that are not one for each row or column.
        EnvironmentFailed: the file cannot be written.
    """
    rows_named = _labels(row_labels, rows, "row")
    columns_named = _labels(column_labels, columns, "column")
    left = 10 + max(text_width(label) for label in rows_named) if rows_named else 0
    room = min(PICTURE, MAXIMUM_WIDTH - 2 * EDGE - left)
    picture = _fitted(images, rows, columns, value_range, padding=1, room=room)
    height, width = picture.shape[:2]
    size = min(LABEL, 72 / DPI * height / rows)  # rows lower than a line of text get smaller text
    upright = max((text_width(label) for label in columns_named), default=0) > width / columns - 4
    above = 0
    if columns_named:
        above = 8 + (max(text_width(label) for label in columns_named) if upright else text_height())
    frame = _Frame.around(width, height, left=left, above=above, below=0, title=title)
    with sheet(path, frame.width, frame.height) as figure:
        frame.place(figure, picture, title)
        for index, label in enumerate(rows_named):
            y = frame.top + (index + 0.5) * height / rows
            frame.write(figure, frame.left - 10, y, label, ha="right", va="center_baseline", fontsize=size)
        for index, label in enumerate(columns_named):
            x = frame.left + (index + 0.5) * width / columns
            rotation = 90 if upright else 0
            frame.write(figure, x, frame.top - 8, label, ha="center", va="bottom", fontsize=LABEL, rotation=rotation)
    return Path(path)


def two_rows(
    path: str | os.PathLike[str],
    top: np.ndarray,
    bottom: np.ndarray,
    value_range: tuple[float, float],
    *,
    row_labels: tuple[str, str] = ("posterior", "prior"),
    title: str | None = None,
) -> Path:
    """Draw one row of images over another (write-up 1: from the posterior over from the prior; 2: originals over
    reconstructions).

    Args:
        top, bottom: `[N, C, H, W]` each.

    Raises:
        BadInput: the two shapes differ, or as `image_grid`.
        EnvironmentFailed: the file cannot be written.
    """
    if np.shape(top) != np.shape(bottom):
        raise BadInput(f"two rows must match: {list(np.shape(top))} over {list(np.shape(bottom))}")
    both = np.concatenate([top, bottom])
    return image_grid(path, both, 2, len(top), value_range, row_labels=row_labels, title=title)


def manifold_latents(x_range: tuple[float, float], y_range: tuple[float, float], rows: int, columns: int) -> np.ndarray:
    """Latents `[rows·columns, 2]`, float64, whose images `manifold` takes in this order.

    The first is (low x, **high** y): pictures are filled from the top, and y grows upwards.
    """
    x, y = np.meshgrid(np.linspace(*x_range, columns), np.linspace(*y_range, rows)[::-1])
    return np.stack([x.ravel(), y.ravel()], axis=1)


def manifold(
    path: str | os.PathLike[str],
    images: np.ndarray,
    rows: int,
    columns: int,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    value_range: tuple[float, float],
    *,
    title: str | None = None,
) -> Path:
    """Draw what the decoder makes of a plane of latents as one seamless picture with axes (write-ups 1 and 3).

    Args:
        images: `[rows·columns, C, H, W]` in the order of `manifold_latents`: `images[0]` lies at (low x, high y), the
            top left; x grows to the right, y upwards.
        x_range, y_range: latents of the first and last column, and of the bottom and top row. The axes mark the
            centres of the images.

    Raises:
        BadInput: images of another shape or number, or not finite; a range that does not run from low to high.
        EnvironmentFailed: the file cannot be written.
    """
    if len(images) != rows * columns:
        raise BadInput(
            f"a manifold of {rows} rows × {columns} columns takes {rows * columns} images, not {len(images)}"
        )
    limits = (*_outer_edges(x_range, columns, "x_range"), *_outer_edges(y_range, rows, "y_range"))
    picture = _fitted(images, rows, columns, value_range, padding=0, room=PICTURE)
    height, width = picture.shape[:2]
    frame = _Frame.around(width, height, left=AXIS_LEFT, above=0, below=AXIS_BOTTOM, title=title)
    with sheet(path, frame.width, frame.height) as figure:
        frame.place(figure, picture, title)
        box = (frame.left / frame.width, 1 - (frame.top + height) / frame.height)
        axes = figure.add_axes((*box, width / frame.width, height / frame.height), facecolor="none")
        axes.axis(limits)
        axes.locator_params(nbins=9)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("latent dimension 1")
        axes.set_ylabel("latent dimension 2")
        axes.set_xticks(_within(axes.get_xticks(), x_range))
        axes.set_yticks(_within(axes.get_yticks(), y_range))
    return Path(path)


@dataclass(frozen=True)
class _Frame:
    """Where a picture lies on its sheet, in pixels; `top` is counted from the top edge, as in the picture itself."""

    width: int
    height: int
    left: int
    top: int

    @classmethod
    def around(cls, width: int, height: int, *, left: int, above: int, below: int, title: str | None) -> _Frame:
        """The sheet for a picture of width × height with room for a title, and for labels left, above and below."""
        outer = max(NARROWEST, EDGE + left + width + EDGE)
        lines = len(wrapped(title, outer - 2 * EDGE).splitlines())
        top = EDGE + lines * text_height(TITLE) + (10 if lines else 0) + above
        return cls(outer, top + height + below + EDGE, (outer - EDGE - left - width - EDGE) // 2 + EDGE + left, top)

    def place(self, figure: Figure, picture: np.ndarray, title: str | None) -> None:
        """Copy `picture` onto the figure, pixel for pixel, and write the title."""
        colour = picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)
        figure.figimage(colour, self.left, self.height - self.top - picture.shape[0], origin="upper")
        text = wrapped(title, self.width - 2 * EDGE)
        x = self.width / 2
        self.write(figure, x, EDGE, text, ha="center", va="top", fontsize=TITLE, linespacing=1.2)

    def write(self, figure: Figure, x: float, y: float, text: str, **style) -> None:
        """Write plain text at x, y pixels from the top left corner. A dollar sign is no mathematics."""
        figure.text(x / self.width, 1 - y / self.height, text, parse_math=False, **style)


def _fitted(
    images: np.ndarray, rows: int, columns: int, value_range: tuple[float, float], *, padding: int, room: int
) -> np.ndarray:
    """The tiles, scaled to `room` pixels of width: up by a whole number, or down with each pixel an average."""
    picture = raster(images, rows, columns, value_range, padding, 1)
    height, width = picture.shape[:2]
    scale = min(PICTURE / height, max(room, NARROWEST) / width, LARGEST_SCALE)
    if scale >= 1:
        return picture.repeat(int(scale), axis=0).repeat(int(scale), axis=1)
    from PIL import Image

    size = (max(1, int(width * scale)), max(1, int(height * scale)))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))


def _labels(labels: Sequence[str] | None, count: int, what: str) -> list[str]:
    """Labels as text, one for each row or column, or none."""
    if labels is None:
        return []
    if len(labels) != count:
        raise BadInput(f"{len(labels)} {what} labels for {count} {what}s; give one for each")
    return [str(label) for label in labels]


def _outer_edges(values: tuple[float, float], count: int, what: str) -> tuple[float, float]:
    """The outer edges of the first and last image, when `values` are their centres."""
    low, high = map(float, values)
    if not (np.isfinite([low, high]).all() and (low < high or (low == high and count == 1))):
        raise BadInput(f"{what} must run from low to high, as (-3, 3) does; it is ({low:g}, {high:g})")
    half = (high - low) / (count - 1) / 2 if count > 1 else (high - low) / 2 or 0.5
    return low - half, high + half


def _within(ticks: np.ndarray, values: tuple[float, float]) -> np.ndarray:
    """The ticks from the first to the last image's centre; rounding must not lose those on the ends."""
    slack = 1e-6 * (values[1] - values[0])
    return ticks[(ticks >= values[0] - slack) & (ticks <= values[1] + slack)]
