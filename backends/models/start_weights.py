"""Where a model starts from: its own weights, a file's, or those of another model, matched layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...common.compare.matching.graph import Node, nodes_of
from ...common.compare.matching.layers import Matching, carried, match_nodes
from ...common.compare.models import graph_of
from ...common.errors import BadInput
from ...common.traces.reading import call_of, open_trace
from ...common.traces.writing import Stored
from ...common.weights import read
from .model import Subject
from .trace import head_of, put_all

FEW = 2  # examples that are enough to see which layer feeds which


def sketch(subject: Subject) -> tuple[dict[str, Node], list[dict], dict[int, str], list]:
    """The layers of a model with what feeds them, from one forward pass that keeps no arrays.

    Raises:
        BadInput: the model fails on the inputs.
    """
    lengths = {one.shape[0] if one.shape else 0 for one in subject.plan.inputs}
    few = FEW if len(lengths) == 1 and lengths.pop() > FEW else None
    with subject.kept(), subject.stepping.without_gradients():
        try:
            recording, outputs = _sketched(subject, few)
        except BadInput:
            if few is None:
                raise
            recording, outputs = _sketched(subject, None)  # a model that needs its whole batch
    calls = [call_of(one) for one in recording.calls]
    return nodes_of(subject.views, calls, recording.sources, outputs), recording.calls, recording.sources, outputs


def _sketched(subject: Subject, examples: int | None):
    subject.prepare("float32", subject.plan.modes[0])
    recording = subject.recording()
    return recording, subject.forward(recording, "float32", examples=examples)[1]


def load_file(subject: Subject, path: str, key: str | None = None, dtype: str | None = None) -> None:
    """Take the weights of a file in the model's own framework.

    Raises:
        BadInput: it is of the other framework, or keys are missing, unexpected or misshapen; all are listed.
    """
    file = read(path, kind="weights", key=key, dtype=dtype)
    if file.framework not in (None, subject.framework):
        raise BadInput(
            f"{path}: is in {file.framework}'s layout, and {subject.framework} gives the weights here; "
            "give the other --direction, or the weights of this framework"
        )
    known = {name: tuple(one.shape) for name, one in subject.stepping.tensors(subject.model).items()}
    wrong = [
        f"{name} missing"
        for name in subject.own
        if name not in file.arrays and not name.endswith("num_batches_tracked")
    ]
    wrong += [f"{name} unexpected" for name in file.arrays if name not in known]
    wrong += [
        f"{name} is {list(array.shape)}, not {list(subject.own[name].shape)}"
        for name, array in file.arrays.items()
        if name in subject.own and array.shape != subject.own[name].shape
    ]
    if wrong:
        more = f" and {len(wrong) - 20} more" if len(wrong) > 20 else ""
        raise BadInput(f"{path}: does not fit {subject.reference}: {'; '.join(wrong[:20])}{more}")
    for name, array in file.arrays.items():
        if name in subject.own:
            subject.own[name] = np.array(array, dtype=subject.own[name].dtype)
    subject.load({})


def match_with(
    subject: Subject, nodes: Mapping[str, Node], path, said: Mapping[str, str], names: tuple[str, str]
) -> Matching:
    """Match a model with the one that a trace is of, and take its weights.

    Raises:
        BadInput: a layer has no certain counterpart; all are listed.
    """
    with open_trace(path) as other:
        matching = match_nodes(graph_of(other), nodes, said)
        matching.require(names, "the weights cannot be carried")
        run = next(iter(other.runs.values()))
        start = {name: run.array("start", name) for name in matching.weights}
        subject.load(carried(matching, {n: a for n, a in start.items() if a is not None}))
    return matching


def write_sketch(subject: Subject, place: Path, calls: list, sources: dict, outputs: list) -> None:
    import h5py

    with h5py.File(place, "w") as file:
        head = Stored(file)
        head.note("head", head_of(subject) | {"dtypes": ["sketch"]})
        head.note("modules", subject.modules)
        sink = Stored(file.create_group(f"runs/sketch/{subject.plan.modes[0]}"))
        put_all(sink, "start", subject.start)
        sink.note("calls", calls)
        sink.note("sources", {str(number): source for number, source in sources.items()})
        sink.note("outputs", outputs)
