"""Two traces against each other: matched, compared in execution order, with the two verdicts of the ladder.

Forwards each call is held against its counterpart; backwards the gradients, in reverse. A call whose inputs agree and
whose output does not has an error of its own; the others inherited theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from ..dictionary.index import MOVES
from ..errors import BadInput, listed
from ..traces.reading import Call, Run, Trace
from . import wording
from .exercised import notes_on_reach
from .facts import Rewritten
from .masks import notes_on_masks
from .matching.calls import CallPair, call_name, pair_calls
from .matching.graph import Node, nodes_of
from .matching.layers import LISTED, Matching, match_nodes
from .regions.ends import fold_backward, fold_forward
from .regions.not_a_number import note_nan
from .regions.rewriting import Rewriting, rewritings
from .rounding.sampled import SampledRounding
from .row import Row
from .rungs.backward import backward_rungs
from .rungs.forward import forward_rung
from .rungs.known import known_rows
from .rungs.lowered import Lowered
from .rungs.sides import EXACT, Sides
from .rungs.start import inputs_rung, layers_rung, weights_rung
from .rungs.steps import step_rungs
from .verdict import Rung, Verdict

MOST_TOLD = 6  # ways to compute the same, in notes


@dataclass
class Comparison:
    """All that was found of two models.

    `unpaired` holds the calls of each side without a counterpart; `moves` those of them that only move values. By mode:
    `paired`, the pairs of calls, `forwards`, the rung of the forward pass, and `rewritten`, where the sides compute the
    same in other steps. `explanations` were all tested.
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
    rewritten: dict[str, list[Rewriting]] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.verdict.ok

    @property
    def sentence(self) -> str:
        return self.verdict.sentence

    @property
    def first_divergence(self) -> tuple[Rung, Row] | None:
        """The first rung that fails and its first row that does."""
        rung = self.verdict.failed
        return None if rung is None or rung.first is None else (rung, rung.first)

    def by_themselves(self) -> Iterator[tuple[Rung, Row]]:
        """All rows that part by themselves: what they were given agrees, what they made does not."""
        return ((rung, row) for rung in self.verdict.rungs for row in rung.rows if row.by_itself)

    def mode_of(self, rung: Rung) -> str:
        """The mode that a rung is of."""
        return rung.mode or next(iter(self.paired))

    def pair_of(self, rung: Rung, row: Row) -> CallPair | None:
        """The calls that a row is about; for a row of a weight, the first call of the layer that has it."""
        pairs = self.paired[self.mode_of(rung)]
        if 0 <= row.place.pair < len(pairs):
            return pairs[row.place.pair]
        layers = [pair for pair in pairs if row.about.of_weight and pair.a.holds(row.about.name)]
        return max(layers, key=lambda pair: len(pair.a.path), default=None)

    def runs_of(self, a: Trace, b: Trace, mode: str) -> tuple[Run, Run]:
        """The passes of one mode in the highest precision that both traces have."""
        dtype = next(dtype for dtype in a.head["dtypes"] if all((dtype, mode) in trace.runs for trace in (a, b)))
        return a.runs[dtype, mode], b.runs[dtype, mode]

    def lines_of(self, rung: Rung, row: Row) -> tuple[str, str]:
        """The user's line on each side; empty where it is not known."""
        lines, pair = row.place.lines, self.pair_of(rung, row)
        return lines if pair is None else (pair.a.where or lines[0], pair.b.where or lines[1])


def side_names(a: Trace, b: Trace) -> tuple[str, str]:
    """What the sides are called: their frameworks, or first and second of one framework."""
    if a.framework != b.framework:
        return a.framework, b.framework
    return f"first {a.framework}", f"second {b.framework}"


def graph_of(trace: Trace) -> dict[str, Node]:
    """The layers of a traced model with what feeds them."""
    run = next(iter(trace.runs.values()))
    return nodes_of(trace.views, run.calls, run.sources, run.outputs)


def diff(
    a: Trace,
    b: Trace,
    layer_map: Mapping[str, str] | None = None,
    tell: Callable[[str], None] = lambda what: None,
    matching: Matching | None = None,
) -> Comparison:
    """Compare two traces.

    Args:
        layer_map: path in a → path in b, for layers that are not matched by themselves.
        tell: called with each mode before it is compared.
        matching: of the layers, where it is known; else they are matched by name and wiring.

    Raises:
        BadInput: the traces have no precision and mode in common, or ran on other inputs.
    """
    shared = a.runs.keys() & b.runs.keys()
    modes = [mode for mode in a.head["modes"] if any((dtype, mode) in shared for dtype in _both(a, b))]
    if not modes:
        raise BadInput("the traces have no precision and mode in common; record both with the same --dtype and --mode")
    matching = matching or match_nodes(graph_of(a), graph_of(b), layer_map)
    names, layers = side_names(a, b), {x: y for x, y, _ in matching.pairs}
    rungs: list[Rung] = []
    first: tuple[list[Call], list[Call]] = ([], [])
    notes, paired, forwards, rewritten = [], {}, {}, {}
    passes: dict[str, Sides] = {}
    for mode in modes:
        tell(mode)
        sides = passes[mode] = _sides(a, b, names, mode)
        run_a, run_b = sides.main
        pairs, *left = pair_calls(run_a, run_b, layers)
        if mode == modes[0]:
            first = left[0], left[1]
            rungs += [inputs_rung(sides), layers_rung(matching, names), weights_rung(sides, matching)]
        forward = forward_rung(sides, pairs, "" if mode == modes[0] else mode)
        note_nan(sides, forward)
        cuts = fold_forward(sides, forward)
        rewritten[mode] = rewritings(cuts) if cuts is not None and all(row.same for row in forward.rows) else []
        rungs.append(forward)
        paired[mode], forwards[mode] = pairs, forward
        # A side that no gradient reaches is held against one that has them: that, too, is a difference.
        if mode == modes[0] and any(run.names("gradients/1") or run.names("flow") for run in sides.main):
            agrees = all(row.same for row in forward.rows)
            backward = backward_rungs(sides, pairs, matching, not agrees)
            if agrees:
                fold_backward(sides, backward, forward, pairs)
            rungs += backward + step_rungs(sides, matching, pairs)
        notes += _notes(sides)
        notes += [] if all(row.same for row in forward.rows) else notes_on_masks(sides)
    notes += _on_matching(matching)
    notes += notes_on_reach(a, b, passes, matching)
    rungs.append(_known(a, b, layers, passes[modes[0]]))
    silent = sorted({path for trace in (a, b) for path in trace.head.get("left_out", [])})
    for trace, name in zip((a, b), names, strict=True):
        for dtype, reason in trace.head.get("refused", {}).items():
            notes.append(wording.NOTES["refused"].format(name, dtype, reason))
    if silent and "train" in modes:
        notes.append(wording.NOTES["left out"].format(", ".join(silent)))
    unpaired, moves = ((_named(first[0], moving), _named(first[1], moving)) for moving in (False, True))
    title = f"{a.head['model']} against {b.head['model']}"
    verdict = Verdict(title, names, [rung for rung in rungs if rung.rows], _both(a, b)[0])
    notes = list(dict.fromkeys([*notes, *_told(names, rewritten, forwards)]))
    return Comparison(
        names, verdict, matching, paired, forwards, unpaired, moves, (a.head, b.head), notes, rewritten=rewritten
    )


def _on_matching(matching: Matching) -> list[str]:
    """Notes on what was matched by nothing but trial, or never ran."""
    tried = [f"{x} as {y}" if x != y else x for x, y, how in matching.pairs if how == "trial"]
    unproven = [f"{x} as {y}" for x, y in matching.unproven]
    told = {"by trial": tried, "unproven": unproven, "idle": matching.idle}
    return [wording.NOTES[what].format(listed(each, LISTED)) for what, each in told.items() if each]


def _told(names: tuple[str, str], rewritten: Mapping[str, list[Rewriting]], forwards: Mapping[str, Rung]) -> list[str]:
    """A note for each way in which the sides compute the same in other steps, of the mode that has the most of them;
    where they only hold it in other layouts, one of how many values."""
    most = max(rewritten.values(), key=len, default=[])
    each = Counter(region.labels for region in most).most_common()
    told = [wording.rewriting(dict(zip(names, labels, strict=True)), times) for labels, times in each[:MOST_TOLD]]
    if len(each) > MOST_TOLD:
        told.append(wording.NOTES["more rewritings"].format(len(each) - MOST_TOLD))
    folded = max((sum(isinstance(row.cause, Rewritten) for row in rung.rows) for rung in forwards.values()), default=0)
    return told or ([wording.NOTES["other layouts"].format(folded)] if folded else [])


def _known(a: Trace, b: Trace, layers: Mapping[str, str], sides: Sides) -> Rung:
    """What is known to differ, whether the inputs reach it or not; last, since what they reach says more."""
    held = partial(sides.main[0].array, "start")
    return Rung("known", known_rows((a.framework, b.framework), (a.modules, b.modules), layers.items(), held))


def _named(calls: Iterable[Call], moving: bool) -> list[str]:
    """Names of the calls that only move values, or of the others."""
    return [call_name(call) for call in calls if (call.kind in MOVES) == moving]


def _both(a: Trace, b: Trace) -> list[str]:
    """Precisions that both have, the highest first."""
    return [dtype for dtype in a.head["dtypes"] if dtype in b.head["dtypes"]]


def _sides(a: Trace, b: Trace, names: tuple[str, str], mode: str) -> Sides:
    dtype = next(candidate for candidate in _both(a, b) if (candidate, mode) in a.runs and (candidate, mode) in b.runs)
    runs = (a.in_mode(mode), b.in_mode(mode))
    tried, tried64 = (
        (a.rounding.get(key, {}).get(mode, {}), b.rounding.get(key, {}).get(mode, {}))
        for key in (dtype if dtype != EXACT else "float32", EXACT)
    )
    optimizers = (runs[0][dtype].note("optimiser") or {}, runs[1][dtype].note("optimiser") or {})
    judge = SampledRounding(tried, tried64, optimizers)
    lower = "float32" if dtype == EXACT and all("float32" in side for side in runs) else None
    return Sides(names, runs, judge, dtype, lower, reference=1)


def _notes(sides: Sides) -> list[str]:
    notes = [*Lowered(sides).notes()]
    if any(run.note("without_gradient") for run in sides.main):
        notes.append(wording.NOTES["no gradient"])
    if sides.dtype != EXACT:
        notes.append(wording.NOTES["one precision"].format(sides.dtype))
    elif sides.loose:
        what, name = sides.loose
        notes.append(wording.NOTES["loose"].format(wording.ROUNDED[what].format(name)))
    return notes
