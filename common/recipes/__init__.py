"""The published systems, one file for each write-up, and what `--set` may change in them."""

from __future__ import annotations

from ..spec import Recipe
from . import aistudio, deep_mlp, face, latent2d, mlp
from .overrides import apply_settings, parse_settings

# name -> builder; the builder's parameters are the sizes that `--set` can change
BUILDERS = {
    **aistudio.RECIPES,
    **mlp.RECIPES,
    **latent2d.RECIPES,
    **face.RECIPES,
    **deep_mlp.RECIPES,
}


def names() -> list[str]:
    """Names of all recipes, in the order of the write-ups."""
    return list(BUILDERS)


def recipe(name: str, settings: dict[str, object] | None = None) -> Recipe:
    """The recipe `name` with `settings` applied: sizes (latent, width …) and schedule (learning_rate, beta …).

    Raises:
        BadInput: there is no such recipe or setting, or a value does not fit.
    """
    from ..errors import choose

    return apply_settings(BUILDERS[choose(name, BUILDERS, "recipe")], settings or {})


__all__ = ["BUILDERS", "names", "parse_settings", "recipe"]
