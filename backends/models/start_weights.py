"""Where a model starts from: the weights it was made with, a file's, or another model's, matched layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...common.compare.matching.graph import Node, nodes_of
from ...common.compare.matching.layers import Matching, carried, match_nodes
from ...common.compare.models import graph_of
from ...common.dictionary.operations.normalization import COUNTER
from ...common.errors import BadInput, listed
from ...common.traces.reading import call_of, open_trace
from ...common.traces.writing import Stored, put_all
from ...common.weights import read
from ...common.weights.fit import LISTED, misfits
from .model import UserModel
from .trace import head_of

FEW = 2  # examples that are enough to see which layer feeds which


def sketch(model: UserModel) -> tuple[dict[str, Node], list[dict], dict[int, str], list]:
    """The layers of a model with what feeds them, from one forward pass that keeps no arrays.

    Raises:
        BadInput: the model fails on the inputs.
    """
    lengths = {wanted.shape[0] if wanted.shape else 0 for wanted in model.plan.inputs}
    few = FEW if len(lengths) == 1 and lengths.pop() > FEW else None
    with model.kept():  # with gradients: models register hooks, and differentiate, while they run
        try:
            recording, outputs = _sketched(model, few)
        except BadInput:
            if few is None:
                raise
            recording, outputs = _sketched(model, None)  # a model that needs its whole batch
    calls = [call_of(call) for call in recording.calls]
    return nodes_of(model.views, calls, recording.sources, outputs), recording.calls, recording.sources, outputs


def _sketched(model: UserModel, examples: int | None):
    model.prepare("float32", model.plan.modes[0])
    recording = model.recording()
    return recording, model.forward(recording, "float32", examples=examples)[1]


def load_file(model: UserModel, path: str) -> None:
    """Take the weights of a file in the model's own framework.

    Raises:
        BadInput: it is of the other framework, or keys are missing, unexpected or misshapen; all are listed.
    """
    file = read(path, kind="weights")
    if file.framework not in (None, model.framework):
        raise BadInput(
            f"{path}: is in {file.framework}'s layout, and {model.framework} gives the weights here; "
            "give the other --direction, or the weights of this framework"
        )
    wrong = misfits(
        file.arrays,
        {name: array.shape for name, array in model.stored.items()},
        optional=[name for name in model.stored if name.endswith(COUNTER)],
        beside=model.backend.weights.tensors(model.model).__contains__,  # such as the state of a dropout
    )
    if wrong:
        raise BadInput(f"{path}: does not fit {model.reference}: {listed(wrong, LISTED, '; ')}")
    for name, array in file.arrays.items():
        if name in model.stored:
            model.stored[name] = np.array(array, dtype=model.stored[name].dtype)
    model.start_from(model.stored)


def match_with(
    model: UserModel, nodes: Mapping[str, Node], path, layer_map: Mapping[str, str], names: tuple[str, str]
) -> Matching:
    """Match a model with the one that a trace is of, and take its weights.

    Raises:
        BadInput: a layer has no certain counterpart; all are listed.
    """
    with open_trace(path) as other:
        matching = match_nodes(graph_of(other), nodes, layer_map)
        matching.require(names, "the weights cannot be carried")
        run = next(iter(other.runs.values()))
        start = {name: run.array("start", name) for name in matching.weights}
        model.load(carried(matching, {n: a for n, a in start.items() if a is not None}))
    return matching


def write_sketch(model: UserModel, place: Path, calls: list, sources: dict, outputs: list) -> None:
    import h5py

    with h5py.File(place, "w") as file:
        head = Stored(file)
        head.note("head", head_of(model) | {"dtypes": ["sketch"]})
        head.note("modules", model.modules)
        writer = Stored(file.create_group(f"runs/sketch/{model.plan.modes[0]}"))
        put_all(writer, "start", model.start)
        writer.note("calls", calls)
        writer.note("sources", {str(number): source for number, source in sources.items()})
        writer.note("outputs", outputs)
