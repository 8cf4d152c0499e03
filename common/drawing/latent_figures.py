"""Figures of the latent space: scatters, manifolds, and straight lines between two images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import BadInput
from .animation import save_gif
from .figure_source import FigureSource
from .image_grids import image_grid, manifold_latents
from .image_grids import manifold as draw_manifold
from .latent_scatter import latent_scatter
from .pixels import raster

BATCH = 128  # the first images, among which the ends of an interpolation are looked for


def latents(source: FigureSource, count: int, colour_bar: bool = False) -> list[Path]:
    """Means and standard deviations of the first images, coloured by digit."""
    images, hot, labels = source.first(count)
    means, deviations = source.posterior(images, hot)
    title = source.title(f"posterior of {len(images):,} images")
    path = source.folder / "latents.png"
    return [latent_scatter(path, means, deviations, labels, title=title, colour_bar=colour_bar)]


def manifold(
    source: FigureSource, side: int, margin: float = 0.0, labels: Sequence[int] = (), half_width: float | None = None
) -> list[Path]:
    """Decoded latents over the range of the means of the first 1,000 images, widened by `margin`; or, with
    `half_width`, over that square around zero.
    """
    if source.recipe.model.latent.size != 2:
        return []  # a plane shows two latents; other sizes have no such figure
    square = (-half_width, half_width) if half_width else None
    spans = (square, square) if square else _range_of_means(source, margin)
    grid = manifold_latents(*spans, side, side).astype(np.float32)
    paths = []
    for label in labels or (None,):
        hot = None if label is None else source.one_hot(np.full(len(grid), label))
        name = "manifold.png" if label is None else f"manifold-{label}.png"
        what = "manifold" if label is None else f'manifold of the "{label}"'
        picture = source.session.decode(grid, hot)
        paths.append(
            draw_manifold(
                source.folder / name, picture, side, side, *spans, source.value_range, title=source.title(what)
            )
        )
    return paths


def interpolation(source: FigureSource, labels: Sequence[int], count: int) -> list[Path]:
    """A strip of decoded latents on the straight line between two images."""
    picture = source.session.decode(between(source, labels, count))
    name = "-".join(map(str, labels))
    title = source.title(f'from a "{labels[0]}" to a "{labels[1]}"')
    path = source.folder / f"interpolation-{name}.png"
    return [image_grid(path, picture, 1, count, source.value_range, title=title)]


def interpolation_gif(source: FigureSource, labels: Sequence[int], count: int, pixels: int) -> list[Path]:
    """The same line as a looping GIF, forwards and then backwards, each frame `pixels` wide."""
    picture = source.session.decode(between(source, labels, count))
    frames = [enlarge(raster(image[None], 1, 1, source.value_range, 0, 1), pixels) for image in picture]
    path = source.folder / f"interpolation-{'-'.join(map(str, labels))}.gif"
    return [save_gif(path, frames + frames[::-1], 40, last_milliseconds=40)]


def between(source: FigureSource, labels: Sequence[int], count: int) -> np.ndarray:
    """Latents `[count, latent]` from the second image with the first label to the second with the other.

    Both are looked for in the data's first batch, as the write-up does.

    Raises:
        BadInput: the data has no labels, or the batch holds fewer than two of one of them.
    """
    images, hot, given = source.first(BATCH)
    if given is None:
        raise BadInput(f"{source.data.source}: an interpolation between two digits needs labelled data")
    ends = []
    for label in labels:
        places = np.flatnonzero(given == label)
        if len(places) < 2:
            raise BadInput(f'{source.data.source}: the first {len(given)} images hold fewer than two of "{label}"')
        ends.append(places[1])
    means, _ = source.posterior(images[ends], None if hot is None else hot[ends])
    way = np.linspace(0, 1, count)[:, None]
    return (means[0] * (1 - way) + means[1] * way).astype(np.float32)


def enlarge(picture: np.ndarray, pixels: int) -> np.ndarray:
    """A picture `[H, W]` or `[H, W, 3]` as a square of `pixels`, each pixel kept sharp."""
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((pixels, pixels), Image.Resampling.NEAREST))


def _range_of_means(source: FigureSource, margin: float) -> tuple[tuple[float, float], tuple[float, float]]:
    images, hot, _ = source.first(1000)
    means, _ = source.posterior(images, hot)
    low, high = means.min(0) - margin, means.max(0) + margin
    flat = high - low < 1e-6  # a single image without margin: a plane of its own size
    low, high = low - flat, high + flat
    return (float(low[0]), float(high[0])), (float(low[1]), float(high[1]))
