"""Weights for people's own code: a file as canonical arrays, and a recipe as a plain module of either framework."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import BadInput
from . import read
from .recipe_conversion import framework_of
from .recipe_match import canonical_arrays, complaints, find


def load_weights(
    path: str | os.PathLike[str], key: str | None = None, dtype: str | None = None
) -> dict[str, np.ndarray]:
    """The arrays of a `.pdparams`, `.pt`, `.pth` or `.safetensors` file by name, as the file lays them out.

    Nothing in the file is run, and neither framework is needed.

    Args:
        key: which part of a nested checkpoint. dtype: what 16-bit integers of a Paddle file are (`bfloat16`).

    Raises:
        BadInput: not a weight file, damaged or hostile, or more must be said about it.
    """
    return dict(read(path, key=key, dtype=dtype).arrays)


def canonical(path: str | os.PathLike[str], recipe: str | None = None, part: str | None = None, settings=None):
    """A weight file's recipe, part and arrays by canonical name, in PyTorch's layout: `(Match, arrays)`.

    Raises:
        BadInput: the file fits no recipe, or not the one named.
    """
    file = read(path, kind="weights")
    framework = framework_of(file)
    match = find(file.path, framework, file.arrays, recipe, part, settings)
    return match, canonical_arrays(match, framework, file.arrays)


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
    from ..recipes import recipe as make
    from ..runs.initial_weights import initial_weights
    from .recipe_layout import part_layout

    made = make(recipe, settings)
    if isinstance(weights, (str, os.PathLike)):
        match, arrays = canonical(weights, recipe, part, settings)
        part = match.part
    else:
        part = part or "model"
        if part not in ("model", *made.model.networks()):
            raise BadInput(f"{recipe}: has no part {part!r}; choose encoder, decoder or model")
        layout = part_layout(made.model, part)
        given = initial_weights(made, 1) if weights is None else weights
        arrays = {entry.name: given[entry.name] for entry in layout if entry.name in given}
        wrong = complaints([_by_name(entry) for entry in layout], "torch", arrays)
        if wrong:
            raise BadInput(f"the weights do not fit {recipe}: {'; '.join(wrong)}")
    from importlib import import_module

    return import_module("dualport.backends").load_backend(backend).build(made.model, part, arrays)


def _by_name(entry):
    from dataclasses import replace

    return replace(entry, torch=entry.name)
