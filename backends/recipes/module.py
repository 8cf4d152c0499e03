"""A recipe as a plain module of either framework, for people's own code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ...common.errors import BadInput
from ...common.recipes import recipe as make
from ...common.runs.initial_weights import initial_weights
from ...common.spec import Model, Recipe
from ...common.weights.loading import canonical
from ...common.weights.recipe_layout import part_layout
from ...common.weights.recipe_match import complaints
from .. import load_backend
from ..model_state import load_arrays, views_of


def build(
    recipe: str,
    backend: str,
    weights: str | os.PathLike[str] | Mapping[str, np.ndarray] | None = None,
    part: str | None = None,
    **settings: Any,
):
    """A plain `torch.nn.Module` or `paddle.nn.Layer` of a recipe, under the published names.

    Args:
        backend: `torch` or `paddle`.
        weights: a weight file of either framework, whose part is then built (the encoder alone for
            `A_encoder_False.pdparams`), or canonical arrays of the whole model. Without weights: fresh ones, seed 1.
        part: `encoder`, `decoder` or `model`; by default what the weights are of, or the whole model.
        settings: sizes other than the published ones, such as `latent=8`.

    Raises:
        BadInput: the weights do not fit the recipe. EnvironmentFailed: the framework is not installed.
    """
    made = make(recipe, settings)
    if isinstance(weights, (str, os.PathLike)):
        match, arrays = canonical(weights, recipe, part, settings)
        part = match.part
    else:
        part = part or "model"
        arrays = _fitting(made, part, initial_weights(made, 1) if weights is None else weights)
    return module_of(made.model, backend, part, arrays)


def module_of(model: Model, backend: str, part: str = "model", weights: Mapping[str, np.ndarray] | None = None):
    """A plain module: the whole `model`, or one of its networks under the names of the network's own file.

    Args:
        weights: canonical arrays to load; every one must be there.
    """
    framework = load_backend(backend)
    if part == "model":
        module, prefix = framework.Model(model), ""
    else:
        module, prefix = framework.Net(model.networks()[part]), model.networks()[part].prefix
    if weights is not None:
        arrays = {name.removeprefix(prefix): array for name, array in weights.items()}
        load_arrays(framework, module, views_of(framework, module), arrays)
    return module


def _fitting(recipe: Recipe, part: str, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a part needs of canonical arrays.

    Raises:
        BadInput: there is no such part, or arrays are missing or of another shape.
    """
    if part not in ("model", *recipe.model.networks()):
        raise BadInput(f"{recipe.name}: has no part {part!r}; choose encoder, decoder or model")
    layout = part_layout(recipe.model, part)
    arrays = {entry.name: given[entry.name] for entry in layout if entry.name in given}
    wrong = complaints([replace(entry, torch=entry.name) for entry in layout], "torch", arrays)
    if wrong:
        raise BadInput(f"the weights do not fit {recipe.name}: {'; '.join(wrong)}")
    return arrays
