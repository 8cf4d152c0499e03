"""Every figure of a write-up, drawn from a session's outputs: what is encoded and decoded for each kind of figure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .. import drawing
from ..errors import BadInput
from ..spec import Figure
from .figure_source import Canvas
from .latent_figures import interpolation, interpolation_gif, latents, manifold
from .progress_figures import draw_progress, join_progress, progress_figure
from .sample_figures import classes, data_sheet, posterior_prior, reconstructions, samples

__all__ = ["KINDS", "Canvas", "draw", "draw_progress", "join_progress", "progress_figure"]


def losses(canvas: Canvas) -> list[Path]:
    """The loss and its two parts, epoch by epoch."""
    if not canvas.history:
        return []
    path = canvas.folder / "losses.png"
    return [drawing.loss_curves(path, {canvas.backend: canvas.history}, title=canvas.title("training"))]


KINDS: dict[str, Callable[..., list[Path]]] = {
    "samples": samples,
    "latents": latents,
    "manifold": manifold,
    "posterior_prior": posterior_prior,
    "reconstructions": reconstructions,
    "classes": classes,
    "interpolation": interpolation,
    "interpolation_gif": interpolation_gif,
    "data_sheet": data_sheet,
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
