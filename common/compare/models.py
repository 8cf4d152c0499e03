"""Two traces against each other: matched, compared in execution order, with the two verdicts of the ladder.

Forwards each call is held against its counterpart; backwards the gradients, in reverse. A call whose inputs agree and
whose output does not has an error of its own; the others inherited theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..alignment.operations import MOVES
from ..distance import relative_error
from ..errors import BadInput
from ..traces.reading import Trace
from .aligned_rung import AlignedRung
from .matching.calls import CallPair, call_name, pair_calls
from .matching.graph import Node, nodes_of
from .matching.layers import Matching, match_nodes
from .row import Row
from .rungs.backward import backward_rungs
from .rungs.forward import forward_rung, outputs_of
from .rungs.sides import Sides
from .rungs.steps import step_rungs
from .tolerances import bound
from .verdict import Rung, Verdict


@dataclass
class AlignedVerdict(Verdict):
    """A verdict on two traces; `dtype` is the precision that it is of."""

    dtype: str = "float64"

    @property
    def sentence(self) -> str:
        """What a user wants to know, in one line."""
        if self.ok and self.dtype != "float64":
            return f"same system, as far as {self.dtype} tells: differences are within what its rounding explains"
        return super().sentence.replace("float64 error", f"{self.dtype} error")


@dataclass
class Difference:
    """All that `diff` found.

    `unpaired` holds the calls of each side without a counterpart; `moves` those of them that only move values. By mode:
    `paired`, the pairs of calls, and `forwards`, the rung of the forward pass.
    """

    names: tuple[str, str]
    verdict: Verdict
    matching: Matching
    paired: dict[str, list[CallPair]]
    forwards: dict[str, Rung]
    unpaired: tuple[list[str], list[str]]
    moves: tuple[list[str], list[str]]
    heads: tuple[dict, dict]
    notes: list[str] = field(default_factory=list)
    explanations: list = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return self.verdict.ok

    @property
    def sentence(self) -> str:
        return self.verdict.sentence

    @property
    def pairs(self) -> list[CallPair]:
        """The pairs of calls of the first mode."""
        return next(iter(self.paired.values()))


def side_names(a: Trace, b: Trace) -> tuple[str, str]:
    """What the sides are called: their frameworks, or first and second of one framework."""
    if a.framework != b.framework:
        return a.framework, b.framework
    return f"first {a.framework}", f"second {b.framework}"


def graph_of(trace: Trace) -> dict[str, Node]:
    """The layers of a traced model with what feeds them."""
    run = next(iter(trace.runs.values()))
    return nodes_of(trace.views, run.calls, run.sources, outputs_of(run))


def diff(a: Trace, b: Trace, said: Mapping[str, str] | None = None, tell: Callable[[str], None] = lambda what: None):
    """Compare two traces.

    Args:
        said: path in a → path in b, for layers that are not matched by themselves.

    Raises:
        BadInput: the traces have no precision and mode in common, or ran on other inputs.
    """
    modes = [
        mode
        for mode in a.head["modes"]
        if any((dtype, mode) in a.runs and (dtype, mode) in b.runs for dtype in _both(a, b))
    ]
    if not modes:
        raise BadInput("the traces have no precision and mode in common; record both with the same --dtype and --mode")
    matching = match_nodes(graph_of(a), graph_of(b), said)
    names, layers = side_names(a, b), {x: y for x, y, _ in matching.pairs}
    rungs: list[Rung] = []
    first, notes, paired, forwards = None, [], {}, {}
    for mode in modes:
        tell(mode)
        sides = _sides(a, b, names, mode)
        pairs, *left = pair_calls(*sides.main, layers)
        if first is None:
            first = left
            rungs += [_inputs(sides), *_layers(matching, names), _start(sides, matching)]
        rungs.append(forward_rung(sides, pairs, "forward" if mode == modes[0] else f"forward, {mode}"))
        paired[mode], forwards[mode] = pairs, rungs[-1]
        if mode == modes[0] and all(run.names("gradients/1") or run.names("flow") for run in sides.main):
            rungs += backward_rungs(sides, pairs, left, matching, not all(row.same for row in rungs[-1].rows))
            rungs += step_rungs(sides, matching, pairs)
        notes += _notes(sides)
    silent = sorted({path for trace in (a, b) for path in trace.head.get("left_out", [])})
    if silent and "train" in modes:
        notes.append(f"dropout inside {', '.join(silent)} is left out: its masks cannot be the same in both")
    left, right = first
    unpaired = tuple([call_name(call) for call in side if call.kind not in MOVES] for side in (left, right))
    moves = tuple([call_name(call) for call in side if call.kind in MOVES] for side in (left, right))
    title = f"{a.head['model']} against {b.head['model']}"
    verdict = AlignedVerdict(title, names, [rung for rung in rungs if rung.rows], _both(a, b)[0])
    return Difference(
        names, verdict, matching, paired, forwards, unpaired, moves, (a.head, b.head), list(dict.fromkeys(notes))
    )


def _both(a: Trace, b: Trace) -> list[str]:
    """Precisions that both have, the highest first."""
    return [dtype for dtype in a.head["dtypes"] if dtype in b.head["dtypes"]]


def _sides(a: Trace, b: Trace, names: tuple[str, str], mode: str) -> Sides:
    dtype = next(one for one in _both(a, b) if (one, mode) in a.runs and (one, mode) in b.runs)
    runs = tuple({dtype: run for (dtype, its), run in trace.runs.items() if its == mode} for trace in (a, b))
    rounding = [
        tuple(trace.rounding.get(key, {}).get(mode, {}) for trace in (a, b))
        for key in (dtype if dtype != "float64" else "float32", "float64")
    ]
    return Sides(names, runs, *rounding, dtype)


def _inputs(sides: Sides) -> Rung:
    """What the models were given must be the same numbers, or nothing else means anything.

    Raises:
        BadInput: it is not.
    """
    given = [
        {source.removeprefix("input "): number for number, source in run.sources.items() if source.startswith("input ")}
        for run in sides.main
    ]
    rows = []
    for (name, x), y in zip(given[0].items(), given[1].values(), strict=False):
        a, b = (run.array("values", number) for run, number in zip(sides.main, (x, y), strict=True))
        if a is None or b is None or a.shape != b.shape or not np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
            raise BadInput(
                f"the traces were made with other inputs ({name} differs); give both the same --input and --seed"
            )
        rows.append(Row(f"input {name}", 0.0, 0.0))
    if len(given[0]) != len(given[1]):
        raise BadInput(f"the traces have {len(given[0])} and {len(given[1])} inputs; give both the same --input")
    return AlignedRung("inputs", rows)


def _layers(matching: Matching, names: tuple[str, str]) -> list[Rung]:
    """A rung that fails where a layer with weights has no certain counterpart: what is not compared proves nothing."""
    if matching.whole:
        return []
    remark = matching.complaint(names)
    return [AlignedRung("layers", [Row("layers with weights", float("inf"), bound("structure"), remark=remark)])]


def _start(sides: Sides, matching: Matching) -> Rung:
    rows = []
    for x, y in matching.weights.items():
        a, b = (run.array("start", name) for run, name in zip(sides.main, (x, y), strict=True))
        if a is not None and b is not None:
            remark = "" if x == y else f"{y} in {sides.names[1]}"
            rows.append(Row(x, relative_error(a, b), bound("initial weights"), remark=remark))
    return AlignedRung("weights", rows)


def _notes(sides: Sides) -> list[str]:
    notes = []
    if any(run.note("without_gradient") for run in sides.main):
        notes.append("no gradient reaches the outputs: neither gradients nor steps were compared")
    if sides.dtype != "float64":
        notes.append(f"compared in {sides.dtype} alone: mistakes that are smaller than its rounding do not show")
    elif sides.loose:
        notes.append(f"{sides.loose}: what follows is held against what float32 rounding explains, in float64 too")
    return notes
