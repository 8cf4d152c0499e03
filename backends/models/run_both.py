"""Both models of a conversion run on one input with the weights of their files, and their outputs compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...common.compare.facts import About
from ...common.compare.matching.layers import Matching
from ...common.compare.row import Row, judged
from ...common.compare.rungs.known import known_rows
from ...common.dictionary.index import BY_KIND
from ...common.distance import relative_error
from ...common.errors import BadInput, by_size
from ...common.traces.inputs import Input
from ..model_state import stored_arrays
from .model import UserModel
from .nested_tensors import tensors_in


def outputs_compared(
    order: Sequence[UserModel], loaded: Sequence[Mapping[str, np.ndarray]], files: tuple[str, str],
    matching: Matching | None, inputs: Sequence[Input],
) -> list[Row]:  # fmt: skip
    """Load both state dicts as each framework does it strictly, run both models on one input, compare the outputs.

    Raises:
        BadInput: a framework does not take the file, or the input cannot be told.
    """
    own = order[0].stored  # of the source's model alone: a file may leave out counters and buffers
    for model, arrays in zip(order, ({**own, **loaded[0]}, loaded[1]), strict=True):
        types = {name: array.dtype for name, array in model.stored.items()}
        typed = {name: array.astype(types.get(name, array.dtype)) for name, array in arrays.items()}
        model.backend.weights.load_strictly(model.model, typed)
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
            return [*_checks(order, outputs, files, dtype), *_known(order, matching)]
    raise BadInput("the input of the models cannot be told from their layers: give --input, such as --input 4,3,32,32")


def _known(order: Sequence[UserModel], matching: Matching | None) -> list[Row]:
    """What is known to differ whatever the models are run on, such as a row at padding_idx that is not zero."""
    pairs = [(x, y) for x, y, _ in matching.pairs] if matching else []
    names, modules = [model.framework for model in order], [model.modules for model in order]
    return known_rows(names, modules, pairs, order[0].start.get)


def _guesses(model: UserModel) -> list[list[Input]]:
    """Inputs that the first layer with weights may take."""
    for view in model.views.values():
        entry = BY_KIND.get(view.kind)
        if view.leaf == "weight" and entry is not None and entry.takes is not None:
            settings = next((module["settings"] for module in model.modules if module["path"] == view.owner), {})
            return [
                [Input("", shape, "int64", (0, count - 1)) if count else Input("", shape)]
                for shape, count in entry.takes(view.shape, settings)
            ]
    return []


def _outputs(model: UserModel, inputs: list[Input], dtype: str) -> list[np.ndarray]:
    model.plan = replace(model.plan, inputs=inputs)
    with model.kept():
        model.prepare(dtype, "eval")
        outputs, _ = model.forward(model.recording(), dtype)
        tensors = model.backend.tensors
        return [tensors.to_array(tensor) for _, tensor in tensors_in(outputs, tensors.is_tensor)]


def _checks(
    order: Sequence[UserModel], outputs: list[list[np.ndarray]], files: tuple[str, str], dtype: str
) -> list[Row]:
    first, second = (f"{model.framework} ({Path(file).name})" for model, file in zip(order, files, strict=True))
    if [output.shape for output in outputs[0]] != [output.shape for output in outputs[1]]:
        return [judged(About("shapes of outputs", first, second), float("inf"), "float64 forward")]
    inputs = ", ".join(by_size(wanted.shape) for wanted in order[0].plan.inputs)
    worst = max((relative_error(b, a) for a, b in zip(*outputs, strict=True)), default=float("inf"))
    quantity = "float64 forward" if dtype == "float64" else "converted model, float32 forward"
    return [judged(About("outputs of a model", first, second, f"{inputs} in {dtype}"), worst, quantity)]
