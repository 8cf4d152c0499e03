"""Every figure of a write-up, drawn from a session's outputs: what is decoded and encoded for each kind of figure.

The session only turns arrays into arrays; latents, labels and noise come from here, so that both frameworks draw the
same figure from the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from . import plotting
from .data import Dataset
from .errors import BadInput
from .random_streams import normal
from .spec import Figure, Recipe


@dataclass(frozen=True)
class Canvas:
    """What every figure is drawn from.

    `data` is what the recipe trains on (its picked images only); `history` holds the rows of `metrics.jsonl`.
    """

    recipe: Recipe
    session: Any
    data: Dataset
    seed: int
    history: Sequence[dict]
    folder: Path
    backend: str

    @property
    def value_range(self) -> tuple[float, float]:
        return self.recipe.data.value_range

    def title(self, what: str) -> str:
        return f"{self.recipe.name}, {self.backend}: {what}"

    def noise(self, purpose: str, count: int) -> np.ndarray:
        """Latents from N(0, I), `[count, latent]`, the same for both frameworks and every epoch."""
        return normal(self.seed, f"figure/{purpose}", shape=(count, self.recipe.model.latent.size))

    def one_hot(self, labels: np.ndarray) -> np.ndarray | None:
        """Rows `[N, classes]`, or nothing for an unconditional model."""
        model = self.recipe.model
        return np.eye(model.classes, dtype=np.float32)[labels] if model.conditional else None

    def first(self, count: int) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """The first images as the model sees them, their one-hot labels, and their labels."""
        chosen = self.data.subset(np.arange(min(count, len(self.data))))
        hot = chosen.one_hot(self.recipe.model.classes) if self.recipe.model.conditional else None
        return chosen.scaled(*self.value_range), hot, chosen.labels

    def posterior(self, images: np.ndarray, hot: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
        """Means and standard deviations `[N, latent]`; an autoencoder has no deviations."""
        heads = [head.reshape(len(images), -1) for head in self.session.encode(images, hot)]
        spread = self.recipe.model.latent.spread
        if spread == "none":
            return heads[0], None
        return heads[0], np.exp(heads[1] / 2 if spread == "logvar" else heads[1])

    def sample(self, images: np.ndarray, hot: np.ndarray | None, purpose: str) -> np.ndarray:
        """Latents drawn from the posterior of `images`."""
        means, deviations = self.posterior(images, hot)
        return means if deviations is None else means + deviations * self.noise(purpose, len(images))


def samples(canvas: Canvas, rows: int, columns: int) -> list[Path]:
    """Decoded noise; a conditional model draws one row for each digit."""
    picture, labels = sample_grid(canvas, rows, columns)
    names = [str(row) for row in range(rows)] if labels is not None else None
    path = canvas.folder / "samples.png"
    title = canvas.title("one row a digit" if names else "random samples")
    return [plotting.image_grid(path, picture, rows, columns, canvas.value_range, row_labels=names, title=title)]


def sample_grid(canvas: Canvas, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Images `[rows · columns, C, H, W]` from the same noise at every call, and their labels if they have any."""
    conditional = canvas.recipe.model.conditional
    labels = np.repeat(np.arange(rows), columns) if conditional else None
    hot = canvas.one_hot(labels) if conditional else None
    return canvas.session.decode(canvas.noise("samples", rows * columns), hot), labels


def latents(canvas: Canvas, count: int) -> list[Path]:
    """Means and standard deviations of the first images, coloured by digit."""
    images, hot, labels = canvas.first(count)
    means, deviations = canvas.posterior(images, hot)
    title = canvas.title(f"posterior of {len(images):,} images")
    return [plotting.latent_scatter(canvas.folder / "latents.png", means, deviations, labels, title=title)]


def manifold(canvas: Canvas, side: int, margin: float = 0.0, labels: Sequence[int] = ()) -> list[Path]:
    """Decoded latents over the range of the means of the first 1,000 images, widened by `margin`."""
    images, hot, _ = canvas.first(1000)
    means, _ = canvas.posterior(images, hot)
    if means.shape[1] != 2:
        return []  # a plane shows two latents; other sizes have no such figure
    low, high = means.min(0) - margin, means.max(0) + margin
    flat = high - low < 1e-6  # a single image without margin: a plane of its own size
    low, high = low - flat, high + flat
    spans = [(float(low[axis]), float(high[axis])) for axis in (0, 1)]
    grid = plotting.manifold_latents(*spans, side, side).astype(np.float32)
    paths = []
    for label in labels or (None,):
        hot = None if label is None else canvas.one_hot(np.full(len(grid), label))
        name = "manifold.png" if label is None else f"manifold-{label}.png"
        what = "manifold" if label is None else f'manifold of the "{label}"'
        picture = canvas.session.decode(grid, hot)
        paths.append(
            plotting.manifold(
                canvas.folder / name, picture, side, side, *spans, canvas.value_range, title=canvas.title(what)
            )
        )
    return paths


def posterior_prior(canvas: Canvas, count: int) -> list[Path]:
    """Two rows: decoded from the posterior of the first images, and from plain noise."""
    images, hot, _ = canvas.first(count)
    above = canvas.session.decode(canvas.sample(images, hot, "posterior"), hot)
    below = canvas.session.decode(canvas.noise("prior", len(images)), hot)
    path, title = canvas.folder / "posterior-prior.png", canvas.title("posterior and prior")
    return [plotting.two_rows(path, above, below, canvas.value_range, row_labels=("posterior", "prior"), title=title)]


def reconstructions(canvas: Canvas, count: int) -> list[Path]:
    """Originals over what the model makes of them."""
    images, hot, _ = canvas.first(count)
    again = canvas.session.decode(canvas.sample(images, hot, "reconstruction"), hot)
    path, title = canvas.folder / "reconstructions.png", canvas.title("reconstructions")
    return [plotting.two_rows(path, images, again, canvas.value_range, row_labels=("original", "decoded"), title=title)]


def losses(canvas: Canvas) -> list[Path]:
    """The loss and its two parts, epoch by epoch."""
    if not canvas.history:
        return []
    path = canvas.folder / "losses.png"
    return [plotting.loss_curves(path, {canvas.backend: canvas.history}, title=canvas.title("training"))]


KINDS: dict[str, Callable[..., list[Path]]] = {
    "samples": samples,
    "latents": latents,
    "manifold": manifold,
    "posterior_prior": posterior_prior,
    "reconstructions": reconstructions,
    "losses": losses,
}


def draw(canvas: Canvas, figure: Figure) -> list[Path]:
    """Draw one figure of the recipe and return the files.

    Raises:
        BadInput: this version does not know that kind of figure.
    """
    if figure.kind not in KINDS:
        raise BadInput(
            f"{canvas.recipe.name}: asks for a figure {figure.kind!r}; this version draws {', '.join(KINDS)}"
        )
    return KINDS[figure.kind](canvas, **figure.options)


def progress_figure(recipe: Recipe) -> Figure | None:
    """The sample grid that is kept after each epoch, if the write-up shows one."""
    return next((figure for figure in recipe.figures if figure.kind == "samples"), None)


def draw_progress(canvas: Canvas, epoch: int) -> Path | None:
    """Keep the sample grid of one epoch as a plain picture."""
    figure = progress_figure(canvas.recipe)
    if figure is None:
        return None
    rows, columns = figure.options["rows"], figure.options["columns"]
    images, _ = sample_grid(canvas, rows, columns)
    scale = 1 if prod(canvas.recipe.model.image_shape[1:]) > 1024 else 2
    path = canvas.folder / "progress" / f"epoch-{epoch:03d}.png"
    return plotting.save_png(path, plotting.raster(images, rows, columns, canvas.value_range, scale=scale))


def join_progress(folder: Path) -> Path | None:
    """Make one looping GIF of the pictures that `draw_progress` kept."""
    pictures = sorted((folder / "progress").glob("epoch-*.png"))
    if not pictures:
        return None
    captions = [f"epoch {int(path.stem.split('-')[1])}" for path in pictures]
    return plotting.save_gif(folder / "progress.gif", pictures, max(80, 4000 // len(pictures)), captions=captions)
