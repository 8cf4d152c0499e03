"""Which recipe, and which part of it, a weight file belongs to: told by its names and shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import recipes
from ..errors import BadInput, choose, listed
from ..spec import Optimizer, Recipe
from .fit import LISTED, misfits, shapes_of
from .recipe_layout import LayoutRow, part_layout


@dataclass(frozen=True)
class Match:
    """A recipe's part, with its layout."""

    recipe: Recipe
    part: str
    layout: list[LayoutRow]


def expected(layout: list[LayoutRow], framework: str) -> dict[str, tuple[int, ...]]:
    """Name → shape of a part's file in one framework."""
    if framework == "torch":
        return {entry.torch: entry.shape for entry in layout}
    return {entry.paddle: entry.paddle_shape() for entry in layout if entry.paddle}


def complaints(layout: list[LayoutRow], framework: str, arrays: Mapping) -> list[str]:
    """Every key that is missing, unexpected or misshapen. The batch counter may be missing: old files lack it."""
    optional = {entry.torch for entry in layout if not entry.paddle}
    return misfits(shapes_of(arrays), expected(layout, framework), optional)


def find(
    path: str,
    framework: str,
    arrays: dict[str, np.ndarray],
    name: str | None = None,
    part: str | None = None,
    settings: dict[str, object] | None = None,
) -> Match:
    """The one recipe and part that `arrays` fit, among all or among those that `name` and `part` leave.

    Recipes that differ only in their schedule share a layout; the first of them stands for all.

    Raises:
        BadInput: nothing fits (all keys that stand in the way are listed), or several different layouts do.
    """
    fits = fitting(framework, arrays, name, part, settings)
    if len({tuple(candidate.layout) for candidate in fits}) == 1:
        return fits[0]
    if fits:
        known = ", ".join(f"--recipe {candidate.recipe.name} --part {candidate.part}" for candidate in fits)
        raise BadInput(f"{path}: fits more than one recipe; say which: {known}")
    match, wrong = nearest(framework, arrays, name, part, settings)
    raise BadInput(
        f"{path}: fits no {'part of ' + name if name else 'recipe'}; against the nearest, {match.recipe.name} "
        f"{match.part}: {listed(wrong, LISTED, '; ')}; say --recipe, --part, or --set for other sizes"
    )


def fitting(
    framework: str, arrays: Mapping, name: str | None = None, part: str | None = None, settings: Any = None
) -> list[Match]:
    """Every part of every recipe that the arrays fit."""
    return [each for each in candidates(name, part, settings or {}) if not complaints(each.layout, framework, arrays)]


def nearest(
    framework: str, arrays: Mapping, name: str | None = None, part: str | None = None, settings: Any = None
) -> tuple[Match, list[str]]:
    """The part with the fewest names that do not fit, and these."""
    compared = [(each, complaints(each.layout, framework, arrays)) for each in candidates(name, part, settings or {})]
    return min(compared, key=lambda pair: len(pair[1]))


def candidates(name: str | None, part: str | None, settings: dict[str, object]) -> Iterator[Match]:
    """Every part of every recipe that `name`, `part` and the sizes in `settings` leave."""
    chosen = recipes.names() if name is None else [choose(name, recipes.names(), "recipe")]
    matched = False
    for recipe_name in chosen:
        try:
            recipe = recipes.recipe(recipe_name, settings)
        except BadInput:
            if name is not None:
                raise
            continue  # a setting that this recipe does not have
        parts = dict.fromkeys([*recipe.model.parts, "model"])
        for each in parts if part is None else [part] if part in parts else []:
            matched = True
            yield Match(recipe, each, part_layout(recipe.model, each))
    if not matched:
        raise BadInput(f"there is no part {part!r}: choose encoder, decoder or model (--set takes sizes of the recipe)")


def canonical_arrays(match: Match, framework: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """A part's arrays by canonical name; the batch counter, which Paddle lacks, starts at 0."""
    canonical = {}
    for entry in match.layout:
        name = getattr(entry, framework)
        if name in arrays:
            canonical[entry.name] = entry.turn(arrays[name]) if framework == "paddle" else arrays[name]
        else:
            canonical[entry.name] = np.zeros(entry.shape, np.int64)
    return canonical


def optimizer_of(match: Match) -> Optimizer:
    """The optimiser that steps exactly the parameters of a part.

    Raises:
        BadInput: the recipe has one for more than this part, or for less.
    """
    trained = {entry.name for entry in match.layout if entry.trained}
    for optimizer in match.recipe.training.optimizers:
        if trained == set(match.recipe.optimizer_parameters(optimizer)):
            return optimizer
    raise BadInput(f"{match.recipe.name}: no optimiser steps its {match.part} alone; say --part")
