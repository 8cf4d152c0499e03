"""Where a model starts from: the weights it was made with, a file's, or another model's, matched layer by layer."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...common.compare.matching.graph import Node, nodes_of
from ...common.compare.matching.layers import Matching, carried, match_nodes
from ...common.compare.models import graph_of
from ...common.dictionary.operations.normalization import COUNTER
from ...common.errors import BadInput, listed
from ...common.random_streams import stream
from ...common.traces.reading import call_of, open_trace
from ...common.traces.writing import Stored, put_all
from ...common.weights import read
from ...common.weights.fit import LISTED, misfits, shapes_of
from ...common.weights.rules import to_canonical, to_framework
from .match_by_value import match_by_value
from .model import UserModel
from .trace import head_of

VALUES = "values.h5"
STATISTICS = ("running_mean", "running_var")
FEW = 2  # examples that are enough to see which layer feeds which


def sketch(model: UserModel) -> tuple[dict[str, Node], list[dict], dict[int, str], list]:
    """The layers of a model with what feeds them, from one forward pass that keeps no arrays.

    Raises:
        BadInput: the model fails on the inputs.
    """
    ways = [("float32", examples) for examples in dict.fromkeys((_few(model), None))]  # it may need its whole batch
    ways += [("float64", None)] * bool(model.narrow)  # a kernel in half precision may be lacking
    with model.kept():  # with gradients: models register hooks, and differentiate, while they run
        for place, way in enumerate(ways):
            try:
                recording, outputs = _sketched(model, *way)
                break
            except BadInput:
                if place == len(ways) - 1:
                    raise
    calls = [call_of(call) for call in recording.calls]
    return nodes_of(model.views, calls, recording.sources, outputs), recording.calls, recording.sources, outputs


def _sketched(model: UserModel, dtype: str, examples: int | None):
    model.prepare(dtype, model.plan.modes[0])
    recording = model.recording()
    return recording, model.forward(recording, dtype, examples=examples)[1]


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
        shapes_of(file.arrays),
        shapes_of(model.stored),
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
        BadInput: a layer has no certain counterpart, by name, wiring or value; all are listed.
    """
    with open_trace(path) as other:
        graphs = graph_of(other), nodes
        matching = match_nodes(*graphs, layer_map)
        values = Path(path).with_name(VALUES)
        if not matching.certain and values.exists():
            with open_trace(values) as exact:
                (run,) = exact.runs.values()
                tried = match_by_value(model, other.views, run, matching, exact.head["examples"])
            matching = matching.unless_better(tried)
        matching.leave_idle(graphs, names)
        matching.require(names, "the weights cannot be carried")
        start = next(iter(other.runs.values())).arrays("start")
        model.load(carried(matching, start))
    return matching


def match_models(source: UserModel, target: UserModel, static: Matching) -> Matching | None:
    """Match two models of this process by what they make; None where one of them cannot run."""
    with tempfile.TemporaryDirectory(prefix="dualport-") as folder:
        values = Path(folder) / VALUES
        write_values(source, values)
        if not values.exists():
            return None
        with open_trace(values) as exact:
            (run,) = exact.runs.values()
            return match_by_value(target, source.views, run, static, exact.head["examples"])


def write_values(model: UserModel, place: Path) -> None:
    """Leave what each call makes in float64, in evaluation, of a few examples, on weights that tell layers apart.

    Fresh normalisations are all ones and zeros, and one passes for any other: so what is one number throughout, of the
    parameters and running statistics, gets random numbers. Nothing is left where the model cannot run so.
    """
    import h5py

    before = {name: np.array(array) for name, array in model.stored.items()}
    with h5py.File(place, "w") as file, model.kept(), model.backend.tensors.without_gradients():
        head, writer = Stored(file), Stored(file.create_group("runs/float64/eval"))
        to_framework(model.views, told_apart(model), model.stored)
        start = to_canonical(model.views, model.stored)
        put_all(writer, "start", start)
        for examples in (_few(model), None):
            recording = model.recording(writer)
            try:
                model.prepare("float64", "eval")
                _, outputs = model.forward(recording, "float64", examples=examples)
            except BadInput:
                continue
            writer.note("outputs", outputs)
            head.note("head", head_of(model) | {"examples": examples})
            head.note("modules", model.modules)
            break
        ran = "head" in file
    model.start_from(before)
    if not ran:  # closed first: an open file cannot be removed on Windows
        place.unlink()


def told_apart(model: UserModel) -> dict[str, np.ndarray]:
    """Random numbers for the weights that are one number throughout, by canonical name; aliases get the same."""
    made: dict[int, np.ndarray] = {}
    for name, view in model.views.items():
        array = model.start[name]
        if array.dtype.kind != "f" or not (view.trained or view.leaf in STATISTICS) or array.size < 2:
            continue
        if array.min() == array.max() and view.identity not in made:
            drawn = stream(model.plan.seed, f"told apart {name}", 1, 0).random(array.shape)
            made[view.identity] = (array + 0.5 * drawn).astype(array.dtype)
    return {name: made[view.identity] for name, view in model.views.items() if view.identity in made}


def _few(model: UserModel) -> int | None:
    lengths = {wanted.shape[0] if wanted.shape else 0 for wanted in model.plan.inputs}
    return FEW if len(lengths) == 1 and lengths.pop() > FEW else None


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
