"""Two traces against each other: matched, compared in execution order, with the two verdicts of the ladder.

Forwards each call is held against its counterpart; backwards the gradients, in reverse. A call whose inputs agree and
whose output does not has an error of its own; the others inherited theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..errors import BadInput
from ..parity.compare import Row, relative_to
from ..parity.tolerances import bound
from ..parity.verdict import Rung, Verdict
from .compare_runs import CallRow, Sides, excuse_kinks, of_both
from .constants import AVERAGES, averaging_factor, positions_rounded
from .graph import Node, nodes_of
from .matching import Matching, match_nodes
from .operations import MOVES
from .pairing import CallPair, call_name, pair_calls
from .statistics import statistics_row
from .trace_file import Call, Run, Trace

MOST_STEPS = 1000


class AlignedRung(Rung):
    """A rung whose rows have bounds of their own."""

    @property
    def float64_error(self) -> float | None:
        """The largest of the rows whose values are more than rounding, and of those that fail."""
        rows = [row for row in self.rows if row.error64 is not None]
        found = [row.error64 for row in rows if not (row.same and getattr(row, "noise", False))]
        return max(found, key=lambda error: (math.isnan(error), error), default=None)

    @property
    def bound(self) -> float | None:
        """Of the first row that fails; else that of most rows."""
        row = self.first
        if row is not None:
            return row.bound32 if row.same else row.bound64
        found = [one.bound64 for one in self.rows if one.bound64 is not None]
        return max(found, key=found.count, default=None)


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


def outputs_of(run: Run) -> list[tuple[str, int]]:
    """(name, number of the value) of what a model returned."""
    return [(str(name), int(number)) for name, number in run.note("outputs") or []]


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
            rungs += [_inputs(sides), _start(sides, matching)]
        rungs.append(_forward(sides, pairs, "forward" if mode == modes[0] else f"forward, {mode}"))
        paired[mode], forwards[mode] = pairs, rungs[-1]
        if mode == modes[0] and all(run.names("gradients/1") or run.names("flow") for run in sides.main):
            rungs += _backward(sides, pairs, left, matching, not all(row.same for row in rungs[-1].rows))
            rungs += _steps(sides, matching, pairs)
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


def _start(sides: Sides, matching: Matching) -> Rung:
    rows = []
    for x, y in matching.weights.items():
        a, b = (run.array("start", name) for run, name in zip(sides.main, (x, y), strict=True))
        if a is not None and b is not None:
            rows.append(
                Row(x, relative_to(a, b), bound("initial weights"), remark="" if x == y else f"{y} in {sides.names[1]}")
            )
    return AlignedRung("weights", rows)


def _forward(sides: Sides, pairs: list[CallPair], title: str) -> Rung:
    rows, known = [], {}
    for place, pair in enumerate(pairs):
        inherited, sound = _inherited(sides, pair, known)
        if _lowered(sides, pair):
            sides.loose = sides.loose or f"{pair.name} gives float32 in the float64 pass too"
        if _rounded_positions(sides, pair):
            sides.loose = sides.loose or f"Paddle has the positions of {pair.name} in float32"
        for (x_name, x), (_, y) in zip(pair.a.outputs, pair.out_b.outputs, strict=False):
            if (x, y) in known:
                continue
            shown = pair.name + (f" [{x_name}]" if len(pair.a.outputs) > 1 else "")
            row = sides.row("values", (x, y), shown, "float64 forward")
            row.inherited, row.place, row.where = inherited, place, (pair.a.where, pair.b.where)
            row.own = not row.same and sound
            row.remark = row.remark or _forward_remark(row, pair, sides)
            known[x, y] = row
            rows.append(row)
    rows += _outputs(sides, known)
    return AlignedRung(title, rows)


def _rounded_positions(sides: Sides, pair: CallPair) -> bool:
    if pair.a.kind != "interpolate" or "paddle" not in sides.names or not pair.a.inputs:
        return False
    shapes = [sides.main[0].shape("values", pairs[0][1]) for pairs in (pair.a.inputs, pair.a.outputs)]
    return all(shapes) and positions_rounded(pair.a.settings, *shapes)


def _lowered(sides: Sides, pair: CallPair) -> bool:
    """Whether a call gives float32 in a float64 pass, as where a model casts by itself."""
    made = [
        (run, number) for run, call in zip(sides.main, (pair.a, pair.out_b), strict=True) for _, number in call.outputs
    ]
    return sides.dtype == "float64" and any(run.dtype_of("values", number) == "float32" for run, number in made)


def _inherited(sides: Sides, pair: CallPair, known: dict) -> tuple[float | None, bool]:
    """The largest error of the inputs, and whether all of them agree."""
    errors, sound = [], True
    for (_, x), (_, y) in zip(pair.a.inputs, pair.b.inputs, strict=False):
        row = known.get((x, y))
        if (
            row is None
            and sides.main[0].shape("values", x) is not None
            and sides.main[1].shape("values", y) is not None
        ):
            row = sides.row("values", (x, y), "", "float64 forward")
            known[x, y] = row if not _is_output(sides, x) else known.get((x, y), row)
        if row is not None:
            errors.append(row.error64 or 0.0)
            sound = sound and row.same
    return max(errors, default=None), sound


def _is_output(sides: Sides, number: int) -> bool:
    return sides.main[0].sources.get(number, "").startswith("call")


def _forward_remark(row: CallRow, pair: CallPair, sides: Sides) -> str:
    if row.same:
        return ""
    where = " against ".join(dict.fromkeys(one for one in row.where if one))
    if pair.a.kind != pair.b.kind:
        return f"{pair.a.label} in {sides.names[0]}, {pair.b.label} in {sides.names[1]} ({where})"
    return f"same input, different output ({where})" if row.own else "inherited from its input"


def _outputs(sides: Sides, known: dict) -> list[CallRow]:
    rows = []
    for (name, x), (_, y) in zip(*(outputs_of(run) for run in sides.main), strict=False):
        row = sides.row("values", (x, y), f"output {name}".strip(), "float64 forward")
        row.remark = row.remark or ("" if row.same else "inherited")
        rows.append(row)
    counts = [len(outputs_of(run)) for run in sides.main]
    if counts[0] != counts[1]:
        rows.append(CallRow("number of outputs", float("inf"), 0.0, remark=f"{counts[0]} and {counts[1]}"))
    return rows


def _backward(sides: Sides, pairs: list[CallPair], unpaired: list, matching: Matching, parted: bool) -> list[Rung]:
    loss = sides.row("loss", ("1", "1"), "loss", "float64 forward")
    lonely = [(side, call) for side, left in enumerate(unpaired) for call in left if call.kind in AVERAGES]
    if any(_factor(sides.main[side], call) != 1 for side, call in lonely):
        sides.loose = sides.loose or f"Paddle divides the gradient of {lonely[0][1].path} by its count in float32"
    rows: list[Row] = []
    waiting = dict(of_both(sides.main[0].names("gradients/1"), matching.weights, sides.main[1].names("gradients/1")))
    consumers = _consumers(pairs)
    known: dict[tuple[int, int], CallRow] = {}
    for place, pair in reversed(list(enumerate(pairs))):
        for (x_name, x), (_, y) in zip(pair.a.outputs, pair.out_b.outputs, strict=False):
            if (x, y) in known or not any(run.shape("flow", n) for run, n in zip(sides.main, (x, y), strict=True)):
                continue
            shown = f"{pair.name}" + (f" [{x_name}]" if len(pair.a.outputs) > 1 else "") + ", gradient"
            row = known[x, y] = sides.row("flow", (x, y), shown, "float64 gradient", absent_is_zero=True)
            row.place, row.where = place, (pair.a.where, pair.b.where)
            _blame(row, consumers.get(x, []), known, pairs, sides)
            rows.append(row)
        if _rounded_count(sides.main, pair):
            sides.loose = sides.loose or f"Paddle divides the gradient of {pair.name} by counts in float32"
        mine = pair.a.path if pair.a.module else None
        for name in [one for one in waiting if mine is not None and _belongs(one, mine)]:
            rows.append(_weight_gradient(sides, name, waiting.pop(name), pair, known))
    for name, other in waiting.items():
        rows.append(sides.row("gradients/1", (name, other), name, "float64 gradient"))
    for source in [number for number, one in sides.main[0].sources.items() if one.startswith("input ")]:
        if sides.main[0].shape("flow", source) and sides.main[1].shape("flow", source):
            rows.append(
                sides.row("flow", (source, source), f"{sides.main[0].sources[source]}, gradient", "float64 gradient")
            )
    excuse_kinks(sides, rows, pairs)
    for row in rows if parted else []:
        row.own = False  # other values went in, so that the gradients cannot agree
        row.remark = row.remark if row.same or "has none" in row.remark else "follows from the forward pass"
    return [AlignedRung("loss", [loss]), AlignedRung("gradients", rows)]


def _belongs(weight: str, path: str) -> bool:
    return weight.startswith(f"{path}.") if path else "." not in weight


def _rounded_count(runs: tuple[Run, Run], pair: CallPair) -> bool:
    """Whether the gradient of an average pool has a rounded count in Paddle that PyTorch could not be given."""
    averages = [call.kind in AVERAGES for call in (pair.a, pair.b)]
    factors = [_factor(run, call) for run, call in zip(runs, (pair.a, pair.b), strict=True)]
    return any(averages) and (None in factors or (averages[0] != averages[1] and factors != [1, 1]))


def _factor(run: Run, call: Call) -> float | None:
    if call.kind not in AVERAGES:
        return 1
    shapes = [run.shape("values", pairs[0][1]) for pairs in (call.inputs, call.outputs)]
    return averaging_factor(call.kind, call.settings, *shapes) if all(shapes) else None


def _consumers(pairs: list[CallPair]) -> dict[int, list[int]]:
    """Value of a → the pairs that are given it."""
    found: dict[int, list[int]] = {}
    for place, pair in enumerate(pairs):
        for _, number in pair.a.inputs:
            found.setdefault(number, []).append(place)
    return found


def _blame(row: CallRow, consumers: list[int], known: dict, pairs: list[CallPair], sides: Sides) -> None:
    """A gradient that parts where those of all that follows agree: it parts in the backward pass of what follows."""
    if row.same:
        return
    after = [
        known.get((x, y))
        for n in consumers
        for (_, x), (_, y) in zip(pairs[n].a.outputs, pairs[n].out_b.outputs, strict=False)
    ]
    row.own = all(one is None or one.same for one in after)
    if row.own and not row.remark:
        blamed = ", ".join(dict.fromkeys(pairs[n].name for n in consumers)) or "the loss"
        row.remark = f"parts in the backward pass of {blamed}"
        row.place = consumers[0] if consumers else row.place
    row.remark = row.remark or "inherited from later layers"


def _weight_gradient(sides: Sides, name: str, other: str, pair: CallPair, known: dict) -> CallRow:
    row = sides.row("gradients/1", (name, other), name, "float64 gradient")
    out = [known.get((x, y)) for (_, x), (_, y) in zip(pair.a.outputs, pair.out_b.outputs, strict=False)]
    row.own = not row.same and all(one is None or one.same for one in out)
    if row.own and not row.remark:
        row.remark = "the gradient that arrives here agrees, that of the weight does not"
    return row


def _steps(sides: Sides, matching: Matching, pairs: list[CallPair]) -> list[Rung]:
    a, b = sides.main
    if not (a.steps and b.steps):
        rows = _weight_rows(sides, "after", matching, pairs, 1)
        return [AlignedRung("running statistics", [row for row in rows if row.error64 is not None])]
    rungs = []
    for step in range(1, min(a.steps, b.steps, MOST_STEPS) + 1):
        rows: list[Row] = []
        if step > 1:
            rows.append(sides.row("loss", (step, step), "loss", "float64 ten steps"))
            rows += _section(sides, f"gradients/{step}", matching, "gradient of ")
        for moment in ("first", "second", "velocity", "square"):
            rows += _section(sides, f"moments/{step}/{moment}", matching, f"{moment} moment of ")
        rows += _weight_rows(sides, f"weights/{step}", matching, pairs, step)
        if step == 1:
            excuse_kinks(sides, rows, pairs)
        else:  # left alone, float32 parts from float64 faster and faster: shown, not judged
            for row in rows:
                row.bound32 = None
                if getattr(row, "noise", False):
                    row.error32, row.ulp = {}, {}
        rungs.append(AlignedRung(f"step {step}", rows))
    return rungs


def _section(sides: Sides, section: str, matching: Matching, prefix: str) -> list[Row]:
    names = (run.names(section) for run in sides.main)
    first, second = names
    if not (first and second):  # another optimiser, with other moments: what it does to the weights is compared
        return []
    return [
        sides.row(section, pair, prefix + pair[0], "float64 ten steps")
        for pair in of_both(first, matching.weights, second)
    ]


def _weight_rows(sides: Sides, section: str, matching: Matching, pairs: list[CallPair], step: int) -> list[Row]:
    rows = []
    for x, y in of_both(sides.main[0].names(section), matching.weights, sides.main[1].names(section)):
        row = sides.row(section, (x, y), x, "float64 ten steps")
        if not row.same and x.endswith(".running_var"):
            row = statistics_row(sides, section, (x, y), row, pairs, step)
        rows.append(row)
    return rows


def _notes(sides: Sides) -> list[str]:
    notes = []
    if sides.dtype != "float64":
        notes.append(f"compared in {sides.dtype} alone: mistakes that are smaller than its rounding do not show")
    elif sides.loose:
        notes.append(f"{sides.loose}: what follows is held against what float32 rounding explains, in float64 too")
    return notes
