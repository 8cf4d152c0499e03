"""A run that starts from published weights, and from Adam's state beside them, instead of fresh ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import BadInput
from ..spec import Recipe
from ..weights import read
from ..weights.optimizer.recipe_adam import from_pdopt
from ..weights.recipe_layout import paddle_names, part_layout
from ..weights.recipe_match import Match, canonical_arrays, complaints, optimizer_of
from ..weights.weight_file import framework_of
from .checkpoint import Checkpoint, Position
from .session_state import as_arrays


def published_start(recipe: Recipe, paths: Sequence[str]) -> Checkpoint:
    """Where a run begins that is given weight files of either framework, one for each part.

    A `.pdparams` brings along the `.pdopt` of the same name, if there is one. Epochs, order and noise begin anew.

    Raises:
        BadInput: a file fits no part of the recipe, or together they do not hold every weight.
    """
    weights: dict[str, np.ndarray] = {}
    states = {}
    for path in paths:
        file = read(path, kind="weights")
        framework = framework_of(file)
        match = _part_of(recipe, path, framework, file.arrays)
        for name, array in canonical_arrays(match, framework, file.arrays).items():
            weights[name] = array if array.dtype.kind == "i" else array.astype(np.float32)
        beside = Path(path).with_suffix(".pdopt")
        if framework == "paddle" and beside.exists():
            settings = optimizer_of(match)
            names = paddle_names(match.layout) | file.names
            tree = read(beside, kind="optimiser").tree
            state = from_pdopt(str(beside), tree, match.layout, names, settings)
            states[settings.name] = replace(state, learning_rate=settings.learning_rate)
    missing = [name for name in recipe.model.parameters() if name not in weights]
    if missing:
        raise BadInput(f"{', '.join(map(str, paths))}: lack {', '.join(missing[:8])}; give the files of every part")
    return Checkpoint(Position(), weights, *as_arrays(states))


def _part_of(recipe: Recipe, path: str, framework: str, arrays: dict[str, np.ndarray]) -> Match:
    names = dict.fromkeys([*recipe.model.parts, "model"])
    parts = [Match(recipe, part, part_layout(recipe.model, part)) for part in names]
    wrong = {match.part: complaints(match.layout, framework, arrays) for match in parts}
    for match in parts:
        if not wrong[match.part]:
            return match
    part, nearest = min(wrong.items(), key=lambda item: len(item[1]))
    raise BadInput(f"{path}: fits no part of {recipe.name}; against its {part}: {'; '.join(nearest[:12])}")
