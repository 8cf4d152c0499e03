"""`align`: both models traced on the same inputs, with the weights of one, and the traces held against each other.

Each framework runs in a process of its own, or both in this one where the models are live. The side that gives the
weights writes down what it is made of; the other matches its own layers with that, takes the weights, and both go on.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...common.compare.explanation.divergence import explain_difference, guarded
from ...common.compare.explanation.renamed_layers import crossed_explanation, mapping_by_graph
from ...common.compare.located import locate_from_traces, mark, parted
from ...common.compare.matching.layers import Matching, inverted
from ...common.compare.models import Comparison, diff, graph_of
from ...common.compare.regions.faults import Located
from ...common.errors import BadInput, choose
from ...common.traces.inputs import as_inputs
from ...common.traces.optimizer import OptimizerSettings, parse_optimizer
from ...common.traces.plan import MODES, PRECISIONS, Plan
from ...common.traces.reading import Trace, open_trace
from .. import load_backend
from ..processes import Meeting, Workers
from .again import search
from .load import plan_for
from .model import UserModel
from .start_weights import VALUES, load_file, match_with, sketch, write_sketch, write_values
from .trace import write_trace

DIRECTIONS = ("paddle-to-torch", "torch-to-paddle")
SKETCH, MATCHING, OWN = "source.h5", "matching.json", "own.h5"
PATIENCE = 1800.0  # seconds that one side waits for the other's sketch: for large models to be made and run once
Tell = Callable[[str, str], None]


@dataclass(frozen=True)
class Pair:
    """What is aligned: for each framework its model (`file.py:Name`, or live), the arguments to make it with, and the
    user's own loss and optimizer where there are any."""

    models: Mapping[str, Any]
    plan: Plan
    arguments: Mapping[str, str] = field(default_factory=dict)
    losses: Mapping[str, Any] = field(default_factory=dict)
    optimizers: Mapping[str, Any] = field(default_factory=dict)
    direction: str = DIRECTIONS[0]
    layer_map: Mapping[str, str] = field(default_factory=dict)  # path in Paddle's model → path in PyTorch's
    devices: Mapping[str, str] = field(default_factory=dict)
    weights: str | None = None

    @property
    def sides(self) -> tuple[str, str]:
        """The framework that gives the weights, and the one that takes them."""
        source, _, target = self.direction.partition("-to-")
        return source, target

    @property
    def mapped(self) -> dict[str, str]:
        """The user's map of layers, from the source's paths to the target's."""
        return dict(self.layer_map) if self.sides[0] == "paddle" else inverted(self.layer_map)

    def plan_of(self, framework: str) -> Plan:
        """What rounding explains is tried on one side: it is a matter of the mathematics, and PyTorch is faster."""
        return replace(
            self.plan,
            loss=self.losses.get(framework, self.plan.loss),
            optimizer=self.optimizers.get(framework, self.plan.optimizer),
            rounding=self.plan.rounding and framework == "torch",
            device=self.devices.get(framework, self.plan.device),
            lean=True,
        )


def model_of(framework: str, pair: Pair) -> UserModel:
    return UserModel(framework, pair.models[framework], pair.plan_of(framework), pair.arguments.get(framework, ""))


def _run_side(framework: str, pair: Pair, folder: str, tell: Callable[[dict], None] = lambda event: None) -> None:
    """One framework's part: make the model, give or take the weights, trace it."""
    source, target = pair.sides
    meeting = Meeting(folder)
    model = model_of(framework, pair)
    nodes, calls, sources, outputs = sketch(model)
    if framework == source:
        if pair.weights:
            load_file(model, pair.weights)
        write_values(model, Path(folder) / VALUES)
        write_sketch(model, Path(folder) / SKETCH, calls, sources, outputs)
        meeting.leave(SKETCH)
    else:
        matching = match_with(model, nodes, meeting.wait_for(SKETCH, PATIENCE), pair.mapped, (source, target))
        (Path(folder) / MATCHING).write_text(json.dumps(matching.as_json()), encoding="utf-8")
    write_trace(model, Path(folder) / f"{framework}.h5", lambda what: tell({"pass": what}))


def _search(framework: str, pair: Pair, folder: str, wanted: dict, tell=lambda event: None) -> dict[str, Located]:
    """Watch the target once more in each mode that parts, keeping its calls, and find where it parts by trying them."""
    source, _ = pair.sides
    model = model_of(framework, pair)
    found = {}
    with open_trace(Path(folder) / f"{framework}.h5") as trace, open_trace(Path(folder) / f"{source}.h5") as other:
        model.load(next(iter(trace.runs.values())).arrays("start"))
        for mode, (given, pairs) in wanted.items():
            runs = other.runs["float64", mode], trace.runs["float64", mode]
            with model.kept():
                found[mode] = search(model, runs, given, pairs, Path(folder) / OWN)
    return found


def align_pair(
    pair: Pair, isolate: bool = True, tell: Tell = lambda who, what: None, explain: bool = True
) -> Comparison:
    """Trace both, compare, and where they differ find out why.

    Raises:
        BadInput: a model cannot be imported, made or run, or the layers cannot be matched; EnvironmentFailed: a
            framework is missing, or the disk is full.
    """
    pair = replace(pair, plan=plan_for(pair.models.values(), pair.plan))
    with Workers(pair.sides) if isolate else contextlib.nullcontext() as workers:
        return _aligned(pair, workers, tell, explain)


def _aligned(
    pair: Pair, workers: Workers | None, tell: Tell = lambda who, what: None, explain: bool = True
) -> Comparison:
    """See `align_pair`. workers: a process for each side; None where both are in this one."""
    source, target = pair.sides
    with tempfile.TemporaryDirectory(prefix="dualport-") as folder:
        tasks = {name: (_run_side, (name, pair, folder)) for name in (source, target)}
        _run(tasks, workers, lambda who, event: tell(who, event.get("pass", "")))
        for name in (SKETCH, VALUES):
            (Path(folder) / name).unlink(missing_ok=True)
        with open_trace(Path(folder) / f"{source}.h5") as a, open_trace(Path(folder) / f"{target}.h5") as b:
            matching = Matching.from_json(json.loads((Path(folder) / MATCHING).read_text(encoding="utf-8")))
            comparison = diff(a, b, pair.mapped, lambda mode: tell("compare", mode), matching)
            if comparison.ok or not explain:
                return comparison
            with guarded(comparison, "where it parts"):
                _locate(pair, folder, comparison, (a, b), workers, tell)
            tell("explain", "what is known to differ")
            comparison.explanations += explain_difference(comparison, a, b, Path(folder) / OWN)
            others: dict[str, str] = {}
            with guarded(comparison, "names"):
                others = mapping_by_graph(graph_of(a), graph_of(b), comparison.matching)
    if others:
        tell("explain", "layers under other names")
        with guarded(comparison, "names"):
            comparison.explanations += _crossed(pair, others, workers)
    return comparison


def _run(tasks: dict, workers: Workers | None, tell: Callable[[str, dict], None]) -> dict:
    if workers is not None:
        return {key: result for key, (result, _) in workers.run(tasks, tell).items()}
    return {
        key: function(*arguments, tell=lambda event, key=key: tell(key, event))
        for key, (function, arguments) in tasks.items()
    }


def _locate(
    pair: Pair,
    folder: str,
    comparison: Comparison,
    traces: tuple[Trace, Trace],
    workers: Workers | None,
    tell: Tell,
) -> None:
    """Find where each mode parts whose forward pass does: by trying calls of the target, else from the traces alone."""
    _, target = pair.sides
    searched = {mode: parted(rung) for mode, rung in comparison.forwards.items()}
    wanted = {mode: (given, comparison.paired[mode]) for mode, given in searched.items() if given is not None}
    if not wanted:
        return
    if "float64" in pair.plan.dtypes:
        tell(target, "where it parts")
        task = {target: (_search, (target, pair, folder, wanted))}
        with guarded(comparison, "where it parts"):
            found = _run(task, workers, lambda who, event: None)[target]
            for mode, each in found.items():
                mark(comparison, mode, comparison.runs_of(traces[0], traces[1], mode), each)
            return
    locate_from_traces(comparison, traces[0], traces[1])


def _crossed(pair: Pair, others: dict[str, str], workers: Workers | None) -> list:
    """Whether the layers agree if those that are fed alike are taken for each other, whatever their names."""
    mapped = pair.mapped | others
    layer_map = mapped if pair.sides[0] == "paddle" else inverted(mapped)
    plan = replace(pair.plan, dtypes=pair.plan.dtypes[:1], modes=pair.plan.modes[:1], steps=0, rounding=False)
    try:
        again = _aligned(replace(pair, plan=plan, layer_map=layer_map), workers, explain=False)
    except BadInput:
        return []
    return crossed_explanation(others, again)


def align(
    paddle_layer: Any,
    torch_module: Any,
    inputs: Any,
    *,
    direction: str = DIRECTIONS[0],
    steps: int = 0,
    optimizer: Any = "adam",
    loss: Any = None,
    dtypes: Sequence[str] = PRECISIONS,
    modes: Sequence[str] = MODES,
    seed: int = 1,
    map: Mapping[str, str] | None = None,  # as the command's option is called
    device: str = "cpu",
) -> Comparison:
    """Prove a live pair of models equal, or find where they part; both are afterwards as they were.

    The weights of one are carried into the other for the time of the comparison, by the kind of each layer.

    Args:
        paddle_layer: a `paddle.nn.Layer`. torch_module: a `torch.nn.Module`.
        inputs: an array or tensor, a list of them, a dict of them by the name of the argument, or texts as the command
            line has them, such as "4,3,32,32".
        steps: steps of `optimizer` to compare: text such as "adam:lr=1e-3", or two functions (paddle's, torch's) that
            make an optimizer from a list of parameters.
        loss: None for a fixed random projection of the outputs, or two functions (paddle's, torch's) of the outputs.
        map: path in Paddle's model → path in PyTorch's, for layers that cannot be told apart.

    Returns:
        What was found: `.ok`, `.sentence`, `.explanations`, `.verdict` with every rung and row.

    Raises:
        BadInput: the inputs do not fit, or layers cannot be matched; the message lists them.
        EnvironmentFailed: a framework is missing.
    """
    made = parse_optimizer(optimizer) if isinstance(optimizer, str) else OptimizerSettings()
    plan = Plan(as_inputs(inputs), seed, tuple(dtypes), tuple(modes), steps, made, device=device)
    models = {"paddle": paddle_layer, "torch": torch_module}
    pair = Pair(
        models, plan, {}, _of_both(loss), _of_both(optimizer), choose(direction, DIRECTIONS, "direction"), map or {}
    )
    with contextlib.ExitStack() as back:
        for name in models:
            back.enter_context(load_backend(name).device.make_repeatable())
        return align_pair(pair, isolate=False)


def _of_both(given: Any) -> dict[str, Any]:
    """Framework → what is given for it, of a pair (Paddle's, PyTorch's); nothing of anything else."""
    return dict(zip(("paddle", "torch"), given, strict=True)) if isinstance(given, (tuple, list)) else {}
