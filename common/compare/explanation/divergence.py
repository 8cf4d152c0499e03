"""From a divergence to its explanations: the evidence is read from the traces, and each suspicion is tested on it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from ...dictionary.index import MOMENT_SHARE
from ...dictionary.operations.normalization import STATISTICS
from ...distance import relative_error
from ...errors import Interrupted
from ...traces.reading import Trace
from ..matching.calls import CallPair
from ..models import Comparison
from ..row import Row
from ..verdict import Rung
from ..wording import NOTES, name, shared
from .call import explain
from .evidence import Explanation, removes
from .recorded import Recorded
from .training import explain_exchanged, explain_gradient, explain_initial, explain_statistics, explain_step

MOST = 6  # calls, or groups of calls with one cause, that are explained
PROBED = 2  # calls of a group that must be explained alike
REASON = 120  # characters of what went wrong
TRIED = 4  # weights whose update is recomputed


def explain_difference(comparison: Comparison, a: Trace, b: Trace, followed: Path | None = None) -> list[Explanation]:
    """Tested explanations of what parts first: weights, outputs, gradients, statistics or steps.

    Args:
        followed: where a followed pass kept the second side's outputs.
    """
    explainers = {
        "weights": _weights,
        "forward": _forward,
        "gradients": _gradients,
        "running statistics": _after,
        "step": _after,
    }
    explanations: list[Explanation] = []
    for rung in comparison.verdict.rungs:
        if rung.first is None or rung.first.same or rung.key not in explainers:
            continue
        with guarded(comparison, rung.name):
            explanations += explainers[rung.key](rung, Recorded(comparison, a, b, comparison.mode_of(rung), followed))
        if explanations:
            break
    return explanations


@contextlib.contextmanager
def guarded(comparison: Comparison, what: str) -> Iterator[None]:
    """What fails within is left out and said: nothing that explains may take the verdict down."""
    try:
        yield
    except Interrupted:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or ["no reason given"])[0][:REASON]
        note = NOTES["explanation failed"].format(what, type(error).__name__, reason)
        comparison.notes += [] if note in comparison.notes else [note]


def _told(recorded: Recorded, row: Row, explain: Callable[[], Iterable[Explanation]]) -> list[Explanation]:
    """The explanations of one row, none where the attempt fails."""
    explanations: list[Explanation] = []
    with guarded(recorded.comparison, name(row.about)):
        explanations += [replace(explanation, about=row.about) for explanation in explain()]
    return explanations


def _forward(rung: Rung, recorded: Recorded) -> list[Explanation]:
    explanations = []
    rows = [row for row in rung.rows if row.by_itself and row.place.pair >= 0]
    for group in _by_cause(rows, recorded)[:MOST]:
        explanations += _of_group(group, recorded)
    if rows:
        return explanations
    for row in [row for row in rung.rows if not row.same and row.place.pair >= 0][:MOST]:
        explanations += _told(recorded, row, partial(_call_given_the_same, recorded, recorded.pairs[row.place.pair]))
    return explanations or _outputs(rung, recorded)


def _by_cause(rows: Iterable[Row], recorded: Recorded) -> list[list[Row]]:
    """The rows of calls whose settings differ alike together, in the order of the first of each."""
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        groups.setdefault(recorded.pairs[row.place.pair].cause or (row.place.pair,), []).append(row)
    return list(groups.values())


def _of_group(group: list[Row], recorded: Recorded) -> list[Explanation]:
    """What explains calls whose settings differ alike: told once, and of how many, where it is one thing."""
    each = [_told(recorded, row, partial(_call, recorded, recorded.pairs[row.place.pair])) for row in group[:PROBED]]
    first, *more = each
    if not more or any([told.text for told in one] != [told.text for told in first] for one in more):
        return [told for one in each for told in one]
    pair = recorded.pairs[group[0].place.pair]
    count = sum(other.cause == pair.cause for other in recorded.pairs)
    return [replace(told, text=shared(count, pair.a.kind, pair.a.module, told.text)) for told in first]


def _call_given_the_same(recorded: Recorded, pair: CallPair) -> list[Explanation]:
    """Of calls that nothing else was found out about: whether their labels, indices or settings explain them, where
    the first thing that both are given agrees."""
    evidence = recorded.evidence(pair)
    if evidence is None or not all(evidence.inputs):
        return []
    first, second = (inputs[0] for inputs in evidence.inputs)
    return explain(evidence) if removes(relative_error(first, second)) else []


def _call(recorded: Recorded, pair: CallPair) -> list[Explanation]:
    evidence = recorded.evidence(pair)
    return [] if evidence is None else explain(evidence)


def _outputs(rung: Rung, recorded: Recorded) -> list[Explanation]:
    """Where every call agrees and what the models return does not: what was done to it on the way out."""
    explanations = []
    for row in rung.rows:
        a, b = recorded.at(row.place) if row.about.what == "output" and not row.same else (None, None)
        if a is not None and b is not None and a.dtype.kind == b.dtype.kind == "f":
            explanations += _told(recorded, row, partial(explain_gradient, recorded.names, (a, b), "output"))
    return explanations


def _weights(rung: Rung, recorded: Recorded) -> list[Explanation]:
    """Weights that stand in one another's place, or were drawn by another rule."""
    differing, arrays = [], {}
    for row in (row for row in rung.rows if not row.same):
        a, b = recorded.arrays("start", (row.about.name, row.about.other_name))
        if a is not None and b is not None:
            differing.append(row)
            arrays[row.about.name] = a, b
    first, second = ({name: both[side] for name, both in arrays.items()} for side in (0, 1))
    explanations: list[Explanation] = []
    if differing:
        explanations = _told(recorded, differing[0], partial(explain_exchanged, recorded.names, (first, second)))
    told, views = set(), recorded.traces[0].views
    for row in [] if explanations else differing:
        view = views[row.about.name]
        if (view.kind, view.leaf) in told or view.leaf not in ("weight", "bias"):
            continue
        told.add((view.kind, view.leaf))
        beside = (
            sibling.shape for sibling in views.values() if sibling.owner == view.owner and sibling.leaf == "weight"
        )
        shape = next(beside, view.shape)
        groups = next(
            (int(pair.a.settings.get("groups") or 1) for pair in recorded.pairs if pair.a.path == view.owner), 1
        )
        initial = partial(explain_initial, recorded.names, view.kind, shape, arrays[row.about.name], groups)
        explanations += _told(recorded, row, initial)
    return explanations[:MOST]


def _gradients(rung: Rung, recorded: Recorded) -> list[Explanation]:
    explanations = []
    for row in [row for row in rung.rows if not row.same and row.by_itself][:MOST]:
        a, b = recorded.at(row.place)
        if a is not None and b is not None and a.shape == b.shape:
            explanations += _told(recorded, row, partial(explain_gradient, recorded.names, (a, b)))
    return explanations


def _after(rung: Rung, recorded: Recorded) -> list[Explanation]:
    """Running statistics by their rule; moments and weights by the optimiser's."""
    explanations, owners, step = [], set(), rung.step or 0
    rows = [row for row in rung.rows if not row.same and not row.below_rounding]
    for row in (row for row in rows if row.about.what == "weight"):
        owner, _, leaf = row.about.name.rpartition(".")
        if leaf in STATISTICS and owner not in owners and step <= 1 and len(explanations) < MOST:
            other = row.about.other_name.rpartition(".")[0]
            explanations += _told(recorded, row, partial(_statistics, recorded, owner, other, step))
            owners.add(owner)
    told: dict[str, list[Explanation]] = {}  # what removes what parts in the update, or else in each moment
    reduced: list[Explanation] = []
    for row, names, of_step in _stepped(rung, rows, recorded) if step else []:
        part = row.about.part
        if not {"", part} & told.keys():
            new = _told(recorded, row, partial(_step, recorded, names, of_step, part))
            told |= {part: new} if any(each.removed for each in new) else {}
            reduced += new
    explanations += {each.text: each for new in [*told.values()] or [reduced] for each in new}.values()
    return explanations + (_moments(rows, recorded) if step == 1 and not told else [])


def _statistics(recorded: Recorded, owner: str, other: str, step: int) -> list[Explanation]:
    state = recorded.statistics(owner, other, step)
    return explain_statistics(recorded.names, *state) if state else []


def _stepped(rung: Rung, rows: list[Row], recorded: Recorded) -> Iterator[tuple[Row, tuple[str, str], int]]:
    """What is worth being made again: (the row that it explains, both names of a weight, the step).

    Where no weight of a step parts by itself, what parts may come from the step before.
    """
    step = rung.step or 1
    for what in ("weight", "moment"):
        parted = [row for row in rows if row.about.what == what and not row.about.name.endswith(STATISTICS)]
        yield from ((row, (row.about.name, row.about.other_name), step) for row in parted[:TRIED])
    others = [row for row in rows if row.about.what not in ("weight", "moment")]
    if others and step > 1:
        trained = [pair for pair in recorded.comparison.matching.weights.items() if not pair[0].endswith(STATISTICS)]
        yield from ((others[0], names, step - 1) for names in trained[:TRIED])


def _step(recorded: Recorded, names: tuple[str, str], step: int, moment: str) -> list[Explanation]:
    state = recorded.step(names, step)
    if state is None:
        return []
    a, b = recorded.arrays(f"moments/{step}/{moment}", names) if moment else (None, None)
    both = None if a is None or b is None else (a, b)
    return explain_step(recorded.names, *state, moment=moment, moments_after=both)


def _moments(rows: list[Row], recorded: Recorded) -> list[Explanation]:
    """Moments after the first step: the share of the gradient, or of its square, that each optimiser takes."""
    numbers = [run.note("optimiser") or {} for run in recorded.runs]
    for kind, (share, _) in MOMENT_SHARE.items():
        row = next(
            (candidate for candidate in rows if candidate.about.what == "moment" and candidate.about.part == kind), None
        )
        beta, other_beta = (side.get(share) for side in numbers)
        if row is None or beta is None or other_beta is None or beta == other_beta:
            continue
        a, b = recorded.at(row.place)
        if a is None or b is None:
            continue
        x, y = recorded.names
        text = f"{share} is {beta:g} in {x} and {other_beta:g} in {y}: with {x}'s value the moments agree"
        after = relative_error(b * (1 - beta) / (1 - other_beta), a)
        told = Explanation(text, relative_error(b, a), after, about=row.about)
        return [told] if told.removed else []
    return []
