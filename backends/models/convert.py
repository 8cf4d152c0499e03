"""`convert` for models of the user's own: the weight file of one framework as that of the other, and both run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...common.atomic import atomic_path
from ...common.compare.facts import About
from ...common.compare.matching.graph import nodes_of
from ...common.compare.matching.layers import Matching, match_nodes
from ...common.compare.row import Row, judged
from ...common.compare.rungs.known import known_rows
from ...common.distance import relative_error
from ...common.errors import BadInput, by_size
from ...common.traces.inputs import Input
from ...common.traces.plan import Plan
from ...common.weights import read, write
from ...common.weights.files import framework_of
from ...common.weights.model_conversion import (
    Layout,
    canonical_of,
    comes_back,
    framework_arrays,
    layout_of,
    other_layout,
    require_rules,
    rows_of,
)
from ...common.weights.recipe_conversion import Conversion, framework_of_target
from ..model_state import stored_arrays
from .model import UserModel
from .nested_tensors import tensors_in
from .start_weights import sketch

SIZES = (32, 28, 64, 224, 16, 96, 128, 192, 256, 299, 8)  # tried where nobody says the input
LENGTH = 8  # of a sequence


@dataclass
class Converted:
    """A conversion, with the models that took part, which `verify` runs."""

    conversion: Conversion
    user_models: dict[str, UserModel]
    matching: Matching | None
    reading: dict[str, str | None]  # what had to be said to read the source


def convert_model(
    source: str,
    target: str,
    models: Mapping[str, str],
    *,
    arguments: Mapping[str, str] | None = None,
    inputs: Sequence[Input] = (),
    layer_map: Mapping[str, str] | None = None,
    key: str | None = None,
    source_dtype: str | None = None,
) -> Converted:
    """Write `source` as `target` by the kinds of the layers of the user's own models, whole or not at all.

    Args:
        models: framework → `file.py:Name`; one is enough where both have the same paths.
        inputs: needed to match layers of other names, which a pass through both models tells apart.
        layer_map: path in Paddle's model → path in PyTorch's.

    Raises:
        BadInput: the file does not fit the model, or a layer has no certain counterpart; all are listed.
    """
    into = framework_of_target(source, target)
    reading = {"key": key, "dtype": source_dtype}
    file = read(source, kind="weights", **reading)
    origin = framework_of(file)
    if Path(target).suffix.lower() == ".pdopt":
        raise BadInput(f"{target}: is for optimiser state; write weights to a .pdparams, .pt or .safetensors file")
    if origin == into:
        raise BadInput(f"{source}: is {origin}'s already; name a {'.pt' if origin == 'paddle' else '.pdparams'} file")
    plan = Plan(list(inputs), dtypes=("float32",), modes=("eval",))
    user_models = {
        name: UserModel(name, reference, plan, (arguments or {}).get(name, "")) for name, reference in models.items()
    }
    for model in user_models.values():
        require_rules(model.views)
    layouts = {name: _layout(model) for name, model in user_models.items()}
    matching = None
    if len(user_models) == 2:
        matching = _match(user_models, origin, into, layer_map or {}, bool(inputs))
        pairs = matching.weights
    else:
        (known,) = user_models
        other = origin if known == into else into
        layouts[other] = other_layout(known, user_models[known].modules, user_models[known].views)
        pairs = {name: name for name in layouts[origin].views if name in layouts[into].views}
    reference = models.get(origin) or models[into]
    canonical = canonical_of(file, layouts[origin], reference)
    moved = {y: canonical[x] for x, y in pairs.items() if x in canonical}
    arrays = framework_arrays(layouts[into], moved)
    missing = [name for name in layouts[into].shapes if name not in arrays]
    if missing:
        raise BadInput(f"{source}: has nothing for {', '.join(missing[:20])} of {models.get(into) or models[origin]}")
    names = _tensor_names(user_models) if into == "paddle" else None
    with atomic_path(target) as temporary:
        write(temporary, arrays, names=names, metadata={"format": "pt"})
        again = read(temporary).arrays
        if not comes_back(canonical, pairs, layouts[into], again):
            raise BadInput(f"{target}: does not come back as it was; nothing is written, please report this")
    rows = rows_of(layouts[origin], layouts[into], pairs, canonical)
    return Converted(Conversion(source, target, reference, "model", rows, True), user_models, matching, reading)


def _layout(model: UserModel) -> Layout:
    shapes = {name: tuple(tensor.shape) for name, tensor in model.backend.weights.tensors(model.model).items()}
    return layout_of(model.modules, model.views, shapes)


def _tensor_names(models: Mapping[str, UserModel]) -> dict[str, str] | None:
    """Paddle's table from structured names to tensor names, which its optimizer files need."""
    model = models.get("paddle")
    return model and {name: tensor.name for name, tensor in model.backend.weights.tensors(model.model).items()}


def _match(
    user_models: Mapping[str, UserModel], origin: str, into: str, layer_map: Mapping[str, str], run: bool
) -> Matching:
    """The layers of both; a pass through each tells more than their names, where there is an input for it."""
    nodes = {}
    for name, model in user_models.items():
        nodes[name] = sketch(model)[0] if run else nodes_of(model.views, [], {}, [])
    if origin == "torch":
        layer_map = {y: x for x, y in layer_map.items()}
    matching = match_nodes(nodes[origin], nodes[into], layer_map)
    why = "the weights cannot be converted" + (
        "" if run else " by names alone (give --input, so that a pass tells more)"
    )
    matching.require((origin, into), why)
    return matching


def verify_model(done: Converted, inputs: Sequence[Input]) -> list[Row]:
    """Load both files by each framework's own strict loading, run both models on the same input, compare the outputs.

    Raises:
        BadInput: a model is missing, its framework does not take the file, or the input cannot be told.
    """
    if len(done.user_models) < 2:
        raise BadInput("--verify runs both models: give --paddle and --torch")
    conversion = done.conversion
    order = []  # the source's model first
    for path, reading in ((conversion.source, done.reading), (conversion.target, {})):
        file = read(path, kind="weights", **reading)
        model = done.user_models[framework_of(file)]
        order.append(model)
        model.backend.weights.load_strictly(model.model, file.arrays)
        model.start_from(stored_arrays(model.backend, model.model, model.views))
    tried = [list(inputs)] if inputs else _guesses(order[0])
    for place, guess in enumerate(tried):
        for dtype in ("float64", "float32"):  # a model that says float32 itself cannot run in float64
            try:
                outputs = [_outputs(model, guess, dtype) for model in order]
            except BadInput:
                if place == len(tried) - 1 and dtype == "float32":
                    raise
                continue
            return [*_checks(order, outputs, conversion, dtype), *_known(order, done.matching)]
    raise BadInput("the input of the models cannot be told from their layers: give --input, such as --input 4,3,32,32")


def _known(order: list[UserModel], matching: Matching | None) -> list[Row]:
    """What is known to differ whatever the models are run on, such as a row at padding_idx that is not zero."""
    pairs = [(x, y) for x, y, _ in matching.pairs] if matching else []
    names, modules = [model.framework for model in order], [model.modules for model in order]
    return known_rows(names, modules, pairs, order[0].start.get)


def _guesses(model: UserModel) -> list[list[Input]]:
    """Inputs that the first layer with weights may take."""
    for view in model.views.values():
        shape = list(view.shape)
        if view.leaf != "weight":
            continue
        if view.kind.startswith("conv") and len(shape) > 2:
            inner = len(shape) - 2
            channels = shape[0] if "transpose" in view.kind else shape[1] * _groups(model, view.owner)
            return [[Input("", (2, channels, *(size,) * inner))] for size in SIZES]
        if view.kind == "linear":
            return [[Input("", (2, shape[1]))], [Input("", (2, LENGTH, shape[1]))]]
        if view.kind == "embedding":
            return [[Input("", (2, LENGTH), "int64", (0, shape[0] - 1))]]
    return []


def _groups(model: UserModel, path: str) -> int:
    module = next(module for module in model.modules if module["path"] == path)
    return int(module["settings"].get("groups") or 1)


def _outputs(model: UserModel, inputs: list[Input], dtype: str) -> list[np.ndarray]:
    model.plan = replace(model.plan, inputs=inputs)
    with model.kept():
        model.prepare(dtype, "eval")
        outputs, _ = model.forward(model.recording(), dtype)
        tensors = model.backend.tensors
        return [tensors.to_array(tensor) for _, tensor in tensors_in(outputs, tensors.is_tensor)]


def _checks(order: list[UserModel], outputs: list[list[np.ndarray]], conversion: Conversion, dtype: str) -> list[Row]:
    files = (conversion.source, conversion.target)
    first, second = (f"{model.framework} ({Path(file).name})" for model, file in zip(order, files, strict=True))
    if [output.shape for output in outputs[0]] != [output.shape for output in outputs[1]]:
        return [judged(About("shapes of outputs", first, second), float("inf"), "float64 forward")]
    inputs = ", ".join(by_size(wanted.shape) for wanted in order[0].plan.inputs)
    worst = max((relative_error(b, a) for a, b in zip(*outputs, strict=True)), default=float("inf"))
    quantity = "float64 forward" if dtype == "float64" else "converted model, float32 forward"
    return [judged(About("outputs of a model", first, second, f"{inputs} in {dtype}"), worst, quantity)]
