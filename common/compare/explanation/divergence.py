"""From a divergence to its explanations: the evidence is read from the traces, and each suspicion is tested on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ...dictionary.index import MOMENT_SHARE
from ...dictionary.operations.normalization import STATISTICS
from ...distance import relative_error
from ...traces.reading import Trace
from ..models import Comparison
from ..row import Row
from ..verdict import Rung
from .call import explain
from .evidence import Explanation
from .recorded import Recorded
from .training import explain_exchanged, explain_gradient, explain_initial, explain_statistics, explain_step

MOST = 6  # calls that are explained
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
        explanations += explainers[rung.key](rung, Recorded(comparison, a, b, comparison.mode_of(rung), followed))
        if explanations:
            break
    return explanations


def _of(row: Row, explanations: Iterable[Explanation]) -> list[Explanation]:
    return [replace(explanation, about=row.about) for explanation in explanations]


def _forward(rung: Rung, recorded: Recorded) -> list[Explanation]:
    explanations = []
    rows = [row for row in rung.rows if row.by_itself and row.place.pair >= 0][:MOST]
    for row in rows:
        evidence = recorded.evidence(recorded.pairs[row.place.pair])
        if evidence is not None:
            explanations += _of(row, explain(evidence))
    return explanations if rows else _outputs(rung, recorded)


def _outputs(rung: Rung, recorded: Recorded) -> list[Explanation]:
    """Where every call agrees and what the models return does not: what was done to it on the way out."""
    explanations = []
    for row in rung.rows:
        a, b = recorded.at(row.place) if row.about.what == "output" and not row.same else (None, None)
        if a is not None and b is not None and a.dtype.kind == b.dtype.kind == "f":
            explanations += _of(row, explain_gradient(recorded.names, (a, b), "output"))
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
    explanations = _of(differing[0], explain_exchanged(recorded.names, (first, second))) if differing else []
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
        explanations += _of(row, explain_initial(recorded.names, view.kind, shape, arrays[row.about.name], groups))
    return explanations[:MOST]


def _gradients(rung: Rung, recorded: Recorded) -> list[Explanation]:
    explanations = []
    for row in [row for row in rung.rows if not row.same and row.by_itself][:MOST]:
        a, b = recorded.at(row.place)
        if a is not None and b is not None and a.shape == b.shape:
            explanations += _of(row, explain_gradient(recorded.names, (a, b)))
    return explanations


def _after(rung: Rung, recorded: Recorded) -> list[Explanation]:
    """Running statistics by their rule; moments and weights by the optimiser's."""
    explanations, owners, step = [], set(), rung.step or 0
    rows = [row for row in rung.rows if not row.same and not row.below_rounding]
    weights = [row for row in rows if row.about.what == "weight"]
    for row in weights:
        owner, _, leaf = row.about.name.rpartition(".")
        if leaf in STATISTICS and owner not in owners and step <= 1 and len(explanations) < MOST:
            state = recorded.statistics(owner, row.about.other_name.rpartition(".")[0], step)
            explanations += _of(row, explain_statistics(recorded.names, *state) if state else [])
            owners.add(owner)
    trained = [row for row in weights if not row.about.name.endswith(STATISTICS)]
    for row in trained[:TRIED] if step else []:
        state = recorded.step((row.about.name, row.about.other_name), step)
        told = _of(row, explain_step(recorded.names, *state) if state else [])
        if told:
            return explanations + told
    return explanations + (_moments(rows, recorded) if step == 1 else [])


def _moments(rows: list[Row], recorded: Recorded) -> list[Explanation]:
    """Moments after the first step: the share of the gradient, or of its square, that each optimiser takes."""
    numbers = [run.note("optimiser") or {} for run in recorded.runs]
    for kind, (name, _) in MOMENT_SHARE.items():
        row = next(
            (candidate for candidate in rows if candidate.about.what == "moment" and candidate.about.part == kind), None
        )
        beta, other_beta = (side.get(name) for side in numbers)
        if row is None or beta is None or other_beta is None or beta == other_beta:
            continue
        a, b = recorded.at(row.place)
        if a is None or b is None:
            continue
        x, y = recorded.names
        text = f"{name} is {beta:g} in {x} and {other_beta:g} in {y}: with {x}'s value the moments agree"
        after = relative_error(b * (1 - beta) / (1 - other_beta), a)
        told = Explanation(text, relative_error(b, a), after, about=row.about)
        return [told] if told.removed else []
    return []
