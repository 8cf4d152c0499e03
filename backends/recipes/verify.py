"""`convert --verify`: both frameworks load the two files by their own strict loading and are run on the same input."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ...common import recipes
from ...common.arrays import Arrays
from ...common.compare.facts import About
from ...common.compare.row import Row, judged
from ...common.distance import relative_error
from ...common.random_streams import stream
from ...common.spec import Network
from ...common.weights import read
from ...common.weights.recipe_conversion import Conversion
from ...common.weights.weight_file import framework_of
from .. import load_backend
from ..contract import Framework
from ..model_state import set_training

COUNT = 16  # examples


def verify(conversion: Conversion, key: str | None = None, source_dtype: str | None = None, settings=None) -> list[Row]:
    """Compare the outputs of source and target, each in its own framework, network by network.

    Raises:
        EnvironmentFailed: a framework is not installed.
    """
    recipe = recipes.recipe(conversion.recipe, settings or {})
    files = [read(conversion.source, key=key, dtype=source_dtype), read(conversion.target)]
    rows = []
    for network in recipe.model.networks().values():
        if conversion.part not in ("model", network.name):
            continue
        prefix = network.prefix if conversion.part == "model" else ""
        bare = replace(network, prefix="")
        names = {name.rsplit(".", 1)[0] for name in bare.parameters() | bare.buffers()}
        inputs = _inputs(network)
        outputs = []
        for file in files:
            framework = framework_of(file)
            arrays = {
                name.removeprefix(prefix): _as_float32(array)
                for name, array in file.arrays.items()
                if name.startswith(prefix) and name.removeprefix(prefix).rsplit(".", 1)[0] in names
            }
            outputs.append(_outputs(load_backend(framework), bare, arrays, inputs))
        worst = max(relative_error(b, a) for a, b in zip(*outputs, strict=True))
        first, second = (f"{framework_of(file)} ({Path(file.path).name})" for file in files)
        rows.append(judged(About("outputs of a network", first, second, network.name), worst, "float32 forward"))
    return rows


def _outputs(backend: Framework, network: Network, arrays: Arrays, inputs: list[np.ndarray]) -> list[np.ndarray]:
    """What a network gives for inputs (and a label) with a state dict in the framework's own names and layout."""
    module = backend.Net(network)
    backend.weights.load_strictly(module, arrays)
    set_training(module, False)
    with backend.tensors.without_gradients():
        outputs = module(*(backend.tensors.tensor(array, "float32", "cpu") for array in inputs))
    return [backend.tensors.to_array(output) for output in (outputs if network.heads else (outputs,))]


def _inputs(network) -> list[np.ndarray]:
    draw = stream(0, "verify")
    inputs = [draw.standard_normal((COUNT, *network.input_shape), dtype=np.float32)]
    if network.condition is not None:
        inputs.append(np.eye(network.condition.classes, dtype=np.float32)[np.arange(COUNT) % network.condition.classes])
    return inputs


def _as_float32(array: np.ndarray) -> np.ndarray:
    """Half-precision weights are compared in float32, which both frameworks compute in on a CPU."""
    return array.astype(np.float32) if array.dtype.itemsize == 2 else array
