"""From a divergence to its explanations: the evidence is read from the traces, and each suspicion is tested on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...distance import relative_error
from ...traces.reading import Call, Run, Trace
from ...traces.writing import safe
from ..matching.calls import CallPair
from ..matching.graph import Node
from ..matching.layers import Matching, match_nodes
from ..models import Difference
from ..row import Row
from ..rungs.forward import outputs_of
from ..rungs.sides import CallRow
from ..tolerances import bound
from ..verdict import Rung
from .call import Evidence, explain
from .training import explain_exchanged, explain_gradient, explain_initial, explain_statistics, explain_step

MOST = 6  # calls that are explained
TRIED = 4  # weights whose update is recomputed
WEIGHTED = ("linear", "conv", "batch_norm", "layer_norm", "group_norm", "instance_norm", "embedding", "prelu")
PLACES = {1: "weight", 2: "bias"}  # of a function's arguments


@dataclass(frozen=True)
class Explained:
    """One tested explanation, and the row of the comparison that it belongs to."""

    call: str
    text: str
    before: float
    after: float
    removed: bool


def explain_difference(difference: Difference, a: Trace, b: Trace, own: Path | None = None) -> list[Explained]:
    """Tested explanations of what parts first: weights, outputs, gradients, statistics or steps.

    Args:
        own: where a followed pass kept the second side's outputs.
    """
    found: list[Explained] = []
    for rung in difference.verdict.rungs:
        if rung.first is None or rung.first.same:
            continue
        mode = next((mode for mode, one in difference.forwards.items() if one is rung), None)
        if rung.name == "weights":
            found += _weights(difference, rung, a, b)
        elif mode is not None:
            found += _forward(difference, mode, rung, a, b, own)
        elif rung.name == "gradients":
            found += _gradients(difference, rung, a, b)
        elif rung.name == "running statistics" or rung.name.startswith("step"):
            found += _after(difference, rung, a, b)
        if found:
            break
    return found


def _of(call: str, explanations: list) -> list[Explained]:
    return [Explained(call, one.text, one.before, one.after, one.removed) for one in explanations]


def _runs(a: Trace, b: Trace, mode: str) -> tuple[Run, Run]:
    dtype = next(one for one in a.head["dtypes"] if (one, mode) in a.runs and (one, mode) in b.runs)
    return a.runs[dtype, mode], b.runs[dtype, mode]


def _forward(difference: Difference, mode: str, rung: Rung, a: Trace, b: Trace, own: Path | None) -> list[Explained]:
    runs, found = _runs(a, b, mode), []
    rows = [row for row in rung.rows if isinstance(row, CallRow) and row.own and row.place >= 0][:MOST]
    for row in rows:
        pair = difference.paired[mode][row.place]
        evidence = _evidence(difference, pair, runs, (a, b), mode, own)
        if evidence is not None:
            found += _of(row.name, explain(evidence))
    return found if rows else _outputs(difference, rung, runs)


def _outputs(difference: Difference, rung: Rung, runs: tuple[Run, Run]) -> list[Explained]:
    """Where every call agrees and what the models return does not: what was done to it on the way out."""
    found = []
    for (name, x), (_, y) in zip(*(outputs_of(run) for run in runs), strict=False):
        shown = f"output {name}".strip()
        if any(row.name == shown and not row.same for row in rung.rows):
            arrays = (runs[0].array("values", x), runs[1].array("values", y))
            if all(one is not None and one.dtype.kind == "f" for one in arrays):
                found += _of(shown, explain_gradient(difference.names, arrays, "output"))
    return found


def _evidence(difference: Difference, pair: CallPair, runs, traces, mode: str, own: Path | None) -> Evidence | None:
    """What is known of a pair of calls, both given what the first was given."""
    output = runs[0].array("values", pair.a.outputs[0][1])
    other = _kept(own, mode, pair.out_b.index)
    followed = other is not None
    if other is None:
        other = runs[1].array("values", pair.out_b.outputs[0][1])
    if output is None or other is None:
        return None
    inputs, weights = zip(
        *(_given(run, call, trace) for run, call, trace in zip(runs, (pair.a, pair.b), traces, strict=True)),
        strict=True,
    )
    inputs = (inputs[0], inputs[0]) if followed else inputs
    if not inputs[0] or not inputs[1]:
        return None
    training = mode == "train"
    kinds, settings = (pair.a.kind, pair.b.kind), (dict(pair.a.settings), dict(pair.b.settings))
    return Evidence(difference.names, kinds, tuple(inputs), (output, other), settings, tuple(weights), training)


def _kept(own: Path | None, mode: str, index: int) -> np.ndarray | None:
    if own is None or not own.exists():
        return None
    import h5py

    with h5py.File(own, "r") as file:
        found = file.get(f"{mode}/{safe(f'{index}.0')}")
        return None if found is None else found[()]


def _given(run: Run, call: Call, trace: Trace) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    """The arrays that a call was given, and its weights in PyTorch's layout."""
    views = trace.views
    inputs, weights = [], {}
    if call.module:
        for name, view in views.items():
            if view.owner == call.path and (array := run.array("start", name)) is not None:
                weights[view.leaf] = array.astype(np.float64)
    by_own = {view.stored_name: name for name, view in views.items()}
    for place, (_, number) in enumerate(call.inputs):
        source = run.sources.get(number, "")
        name = by_own.get(source.removeprefix("weight ")) if source.startswith("weight ") else None
        array = run.array("start", name) if name else run.array("values", number)
        if array is None:
            continue
        if name and place in PLACES and call.kind.startswith(WEIGHTED):
            weights[PLACES[place]] = array.astype(np.float64)
        else:
            inputs.append(array)
    return inputs, weights


def _weights(difference: Difference, rung: Rung, a: Trace, b: Trace) -> list[Explained]:
    """Weights that stand in one another's place, or were drawn by another rule."""
    run_a, run_b = _runs(a, b, next(iter(difference.paired)))
    differing = [row.name for row in rung.rows if not row.same]
    pairs = {name: difference.matching.weights[name] for name in differing}
    arrays = (
        {name: run_a.array("start", name) for name in pairs},
        {x: run_b.array("start", y) for x, y in pairs.items()},
    )
    found = _of(rung.first.name, explain_exchanged(difference.names, arrays))
    told = set()
    for name in [] if found else differing:
        view = a.views[name]
        if (view.kind, view.leaf) in told or view.leaf not in ("weight", "bias"):
            continue
        told.add((view.kind, view.leaf))
        shape = next(
            (one.shape for one in a.views.values() if one.owner == view.owner and one.leaf == "weight"), view.shape
        )
        found += _of(name, explain_initial(difference.names, view.kind, shape, (arrays[0][name], arrays[1][name])))
    return found[:MOST]


def _gradients(difference: Difference, rung: Rung, a: Trace, b: Trace) -> list[Explained]:
    mode = next(iter(difference.paired))
    runs, found = _runs(a, b, mode), []
    for row in [row for row in rung.rows if not row.same and (not isinstance(row, CallRow) or row.own)][:MOST]:
        arrays = _gradient_arrays(difference, row, runs, mode)
        if all(one is not None for one in arrays) and arrays[0].shape == arrays[1].shape:
            found += _of(row.name, explain_gradient(difference.names, arrays))
    return found


def _gradient_arrays(difference: Difference, row: Row, runs: tuple[Run, Run], mode: str) -> tuple:
    if row.name in difference.matching.weights:
        names = (row.name, difference.matching.weights[row.name])
        return tuple(run.array("gradients/1", name) for run, name in zip(runs, names, strict=True))
    for pair in difference.paired[mode]:
        for (x_name, x), (_, y) in zip(pair.a.outputs, pair.out_b.outputs, strict=False):
            shown = pair.name + (f" [{x_name}]" if len(pair.a.outputs) > 1 else "") + ", gradient"
            if shown == row.name:
                found = tuple(run.array("flow", number) for run, number in zip(runs, (x, y), strict=True))
                there = next((one for one in found if one is not None), None)
                return tuple(np.zeros_like(there) if one is None and there is not None else one for one in found)
    return None, None


def _after(difference: Difference, rung: Rung, a: Trace, b: Trace) -> list[Explained]:
    """Running statistics by their rule; moments and weights by the optimiser's."""
    mode = next(iter(difference.paired))
    runs, found, owners = _runs(a, b, mode), [], set()
    step = int(rung.name.removeprefix("step ")) if rung.name.startswith("step") else 0
    rows = [row for row in rung.rows if not row.same and not getattr(row, "noise", False)]
    weights = [row for row in rows if row.name in difference.matching.weights]
    for row in weights:
        owner, _, leaf = row.name.rpartition(".")
        if leaf in ("running_mean", "running_var") and owner not in owners and step <= 1 and len(found) < MOST:
            other = difference.matching.weights[row.name].rpartition(".")[0]
            found += _of(row.name, _statistics(difference, runs, owner, other, step, mode))
            owners.add(owner)
    trained = [row for row in weights if not row.name.endswith(("running_mean", "running_var"))]
    for row in trained[:TRIED] if step else []:
        told = _of(row.name, _step(difference, runs, (row.name, difference.matching.weights[row.name]), step))
        if told:
            return found + told
    return found + (_moments(difference, rows, runs) if step == 1 else [])


def _moments(difference: Difference, rows: list[Row], runs: tuple[Run, Run]) -> list[Explained]:
    """Moments after the first step: the share of the gradient, or of its square, that each optimiser takes."""
    numbers = [run.note("optimiser") or {} for run in runs]
    for kind, name in (("first", "beta1"), ("second", "beta2"), ("square", "alpha")):
        row = next((one for one in rows if one.name.startswith(f"{kind} moment of ")), None)
        betas = [side.get(name) for side in numbers]
        if row is None or None in betas or betas[0] == betas[1]:
            continue
        weight = row.name.removeprefix(f"{kind} moment of ")
        names = (weight, difference.matching.weights[weight])
        made = [run.array(f"moments/1/{kind}", one) for run, one in zip(runs, names, strict=True)]
        if any(one is None for one in made):
            continue
        after = relative_error(made[1] * (1 - betas[0]) / (1 - betas[1]), made[0])
        x, y = difference.names
        text = f"{name} is {betas[0]:g} in {x} and {betas[1]:g} in {y}: with {x}'s value the moments agree"
        removed = after <= bound("diagnosis removes it")
        return [Explained(row.name, text, relative_error(made[1], made[0]), after, removed)] if removed else []
    return []


def _statistics(difference: Difference, runs, owner: str, other: str, step: int, mode: str) -> list:
    pair = next((one for one in difference.paired[mode] if one.a.path == owner and one.a.module), None)
    if pair is None:
        return []
    section = f"weights/{step}" if step else "after"
    states = []
    for part in ("start", section):
        states.append(tuple(
            {leaf: run.array(part, f"{path}.{leaf}") for leaf in ("running_mean", "running_var")}
            for run, path in zip(runs, (owner, other), strict=True)
        ))  # fmt: skip
    batch = tuple(run.array("values", call.inputs[0][1]) for run, call in zip(runs, (pair.a, pair.b), strict=True))
    momentum = tuple(call.settings.get("momentum") or 0.1 for call in (pair.a, pair.b))
    if any(array is None for pairs in states for side in pairs for array in side.values()) or any(
        one is None for one in batch
    ):
        return []
    return explain_statistics(difference.names, *states, batch, momentum)


def _step(difference: Difference, runs, names: tuple[str, str], step: int) -> list:
    settings, before, gradient, states, after = [], [], [], [], []
    for run, name in zip(runs, names, strict=True):
        settings.append(run.note("optimiser"))
        before.append(run.array("start" if step == 1 else f"weights/{step - 1}", name))
        gradient.append(run.array(f"gradients/{step}", name))
        moments = {m: run.array(f"moments/{step - 1}/{m}", name) for m in ("first", "second", "velocity", "square")}
        states.append({m: array for m, array in moments.items() if array is not None} | {"step": step - 1})
        after.append(run.array(f"weights/{step}", name))
    if any(one is None for one in [*settings, *before, *gradient, *after]):
        return []
    return explain_step(difference.names, *(tuple(one) for one in (settings, before, gradient, states, after)))


def mapping_by_graph(a: Mapping[str, Node], b: Mapping[str, Node], matching: Matching) -> dict[str, str]:
    """Layers that what feeds them pairs otherwise than their names do: a's path → b's."""
    named = {x: y for x, y, how in matching.pairs if how == "name"}
    renamed = {f"\0{name}": _renamed(node) for name, node in a.items()}
    other = {x.removeprefix("\0"): y for x, y, how in match_nodes(renamed, b).pairs if how == "graph"}
    return {x: y for x, y in other.items() if x in named and named[x] != y}


def _renamed(node: Node) -> Node:
    """A node whose name matches nothing, so that only its place in the graph can."""
    edges = {part: {(f"\0{name}" if not name.startswith(("input", "output", "constant")) else name, through)
                    for name, through in getattr(node, part)} for part in ("before", "after")}  # fmt: skip
    return Node(f"\0{node.name}", node.kind, node.weights, edges["before"], edges["after"], node.order)


def crossed_explanation(others: Mapping[str, str], again: Difference) -> list[Explained]:
    """What came of comparing with the layers taken for those that are fed alike."""
    forward = next(iter(again.forwards.values()))
    after = max((row.error64 for row in forward.rows if row.error64 is not None), default=0.0)
    pairs = ", ".join(f"{x} as {y}" for x, y in others.items())
    names = f"{again.names[0]} taken as these of {again.names[1]}"
    text = f"the names cross layers: with {pairs} ({names}), the outputs agree; say so with --map, or rename them"
    if not all(row.same for row in forward.rows):
        return []
    return [Explained(next(iter(others)), text, float("nan"), after, after <= bound("float64 forward"))]
