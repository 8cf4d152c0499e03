"""Every figure of a write-up, drawn from a session's outputs: what is encoded and decoded for each kind of figure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..errors import BadInput
from ..spec import Figure
from .curves import loss_curves
from .figure_source import FigureSource
from .latent_figures import interpolation, interpolation_gif, latents, manifold
from .sample_figures import classes, data_sheet, posterior_prior, reconstructions, samples


def losses(source: FigureSource) -> list[Path]:
    """The loss and its two parts, epoch by epoch."""
    if not source.history:
        return []
    path = source.folder / "losses.png"
    return [loss_curves(path, {source.backend: source.history}, title=source.title("training"))]


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


def draw(source: FigureSource, figure: Figure) -> list[Path]:
    """Draw one figure of the recipe and return the files.

    Raises:
        BadInput: this version does not know that kind of figure.
    """
    if figure.kind not in KINDS:
        raise BadInput(
            f"{source.recipe.name}: asks for a figure {figure.kind!r}; this version draws {', '.join(KINDS)}"
        )
    return KINDS[figure.kind](source, **figure.options)
