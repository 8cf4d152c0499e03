"""The loss and the gradients: of two traces in the order of the backward pass, of a recipe against the witness too."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import groupby

from ...tolerances import bound
from ..facts import About, Comes, Missing, PartsBackward
from ..judge import Bounds
from ..matching.calls import CallPair
from ..matching.layers import Matching, of_both
from ..rounding.derived import DerivedRounding
from ..row import Row
from ..verdict import Rung
from .forward import about_output, numbers_of
from .kinks import excuse_kinks
from .sides import Evidence, Sides, names_of, sides_of

QUANTITY = "float64 gradient"


def backward_rungs(sides: Sides, pairs: list[CallPair], matching: Matching, parted: bool) -> list[Rung]:
    """The loss, and every gradient.

    Args:
        parted: the forward pass does not agree.
    """
    loss = sides.row(About("loss"), "loss", ("1", "1"), "float64 forward")
    rows = _Backward(sides, pairs, matching).rows()
    excuse_kinks(sides, rows, pairs)
    for row in rows if parted else []:
        row.by_itself = False  # other values went in, so that the gradients cannot agree
        if not row.same and not isinstance(row.cause, Missing):
            row.cause = Comes("forward")
    return [Rung("loss", [loss]), Rung("gradients", rows)]


class _Backward:
    """The gradients of two traces, from the last pair of calls to the first, each with the weights of its layer."""

    def __init__(self, sides: Sides, pairs: list[CallPair], matching: Matching) -> None:
        self.sides, self.pairs = sides, pairs
        names = [run.names("gradients/1") for run in sides.main]
        self.waiting = dict(of_both(names[0], matching.weights, names[1]))
        self.carries = {other: carry for other, carry in matching.carries.items() if other in set(names[1])}
        self.known: dict[tuple[int, int], Row] = {}
        self.withdrawn = [set(run.note("withdrawn") or ()) for run in sides.main]  # changed in place since
        self.consumers: dict[int, list[int]] = {}  # value of a → the pairs that are given it
        for place, pair in enumerate(pairs):
            for _, number in pair.a.inputs:
                self.consumers.setdefault(number, []).append(place)

    def rows(self) -> list[Row]:
        a, b = self.sides.main
        rows: list[Row] = []
        for place, pair in reversed(list(enumerate(self.pairs))):
            rows += self._outputs(place, pair)
            for name in [candidate for candidate in self.waiting if pair.a.holds(candidate)]:
                rows.append(self._weight(name, self.waiting.pop(name)))
                self._arrives_here(rows[-1], pair)
        rows += [self._weight(name, other) for name, other in self.waiting.items()]
        for other, carry in self.carries.items():
            rows += self.sides.carried_rows(About("weight gradient"), "gradients/1", carry, other, QUANTITY)
        for number, source in a.sources.items():
            if source.startswith("input ") and any(run.shape("flow", number) is not None for run in (a, b)):
                about = About("input gradient", source.removeprefix("input "))
                rows.append(self.sides.row(about, "flow", (number, number), QUANTITY, absent_is_zero=True))
        return rows

    def _outputs(self, place: int, pair: CallPair) -> list[Row]:
        rows = []
        for (output, x), (_, y) in zip(pair.a.outputs, pair.out_b.outputs, strict=False):
            there = [run.shape("flow", n) for run, n in zip(self.sides.main, (x, y), strict=True)]
            if (x, y) in self.known or not any(there) or x in self.withdrawn[0] or y in self.withdrawn[1]:
                continue
            about = about_output("call gradient", pair, output)
            row = self.known[x, y] = self.sides.row(about, "flow", (x, y), QUANTITY, absent_is_zero=True)
            row.place.pair, row.place.lines = place, (pair.a.where, pair.b.where)
            self._blame(row, self.consumers.get(x, []))
            rows.append(row)
        return rows

    def _blame(self, row: Row, consumers: list[int]) -> None:
        """A gradient that parts where those of all that follows agree parts in the backward pass of what follows."""
        if row.same:
            return
        row.by_itself = all(self._agree(self.pairs[place]) for place in consumers)
        if row.by_itself and row.cause is None:
            row.cause = PartsBackward(tuple(dict.fromkeys(self.pairs[place].name for place in consumers)))
            row.place.pair = consumers[0] if consumers else row.place.pair
        row.cause = row.cause or Comes("later")

    def _agree(self, pair: CallPair) -> bool:
        """Whether the gradients that arrive at a pair of calls agree, as far as there are any."""
        ends = zip(pair.a.outputs, pair.out_b.outputs, strict=False)
        return all((x, y) not in self.known or self.known[x, y].same for (_, x), (_, y) in ends)

    def _weight(self, name: str, other: str) -> Row:
        """A gradient that one side alone has parts, unless it is zero."""
        names = (name, other)
        row = self.sides.row(About("weight gradient", *names), "gradients/1", names, QUANTITY, absent_is_zero=True)
        told = zip(self.sides.names, self.sides.main, names, strict=True)
        lacking = tuple(side for side, run, its in told if run.shape("gradients/1", its) is None)
        if lacking and not row.same:
            row.error64, row.cause = math.inf, Missing(lacking)
        return row

    def _arrives_here(self, row: Row, pair: CallPair) -> None:
        row.by_itself = not row.same and self._agree(pair)
        if row.by_itself:
            row.cause = row.cause or Comes("weight")


def objective(evidence: Evidence, judge: DerivedRounding) -> list[Row]:
    """The loss, the sums of its terms, and the number that the write-up prints; the terms first: they say which of them
    is wrong."""
    sides = sides_of(evidence, judge, lower="float32")
    names = ("reconstruction", "kl", "loss", "printed")
    return [sides.row(About("term", name), "objective", name, "float64 forward") for name in names]


def gradients(evidence: Evidence, judge: DerivedRounding) -> list[Row]:
    """Gradients of every activation and parameter, in the order of the backward pass."""
    sides = sides_of(evidence, judge, lower="float32")
    flows = [{name: n for name, n in run.observed.items() if run.shape("flow", n) is not None} for run in sides.main]
    parameters = names_of(judge.gradients.gradients, *(run.names("gradients/1") for run in sides.main))
    order = backward_order(names_of(*flows), parameters, judge.recipe.model.parameter_owners())
    missing = {name for name in order if name not in parameters and any(name not in flow for flow in flows)}
    rows = []
    for name in cut_first(order, missing):
        of_weight = name in parameters
        about = About(f"{'weight' if of_weight else 'activation'} gradient", name)
        section, names = ("gradients/1", name) if of_weight else ("flow", numbers_of(flows, name))
        rows.append(sides.row(about, section, names, QUANTITY))
    return rows + _difference_rows(sides, judge)


def _difference_rows(sides: Sides, judge: DerivedRounding) -> list[Row]:
    """Some elements of each gradient against central differences of the witness's loss: nobody's back-propagation."""
    rows = []
    for name, (places, _) in judge.differences.items():
        given = {}
        for side, run in zip(sides.names, sides.main, strict=True):
            array = run.array("gradients/1", name)
            given[side] = array.ravel()[places] if array is not None and array.size > max(places, default=0) else None
        if len(places):
            quantity, scale = "difference quotient", judge.gradients.parameters[name].scale
            rows.append(sides.compared(About(quantity, name), given, quantity, Bounds(bound(quantity), scale=scale)))
    return rows


def backward_order(activations: list[str], parameters: list[str], owners: Mapping[str, str]) -> list[str]:
    """Names in the order in which the backward pass reaches them: each layer's output, then its own parameters.

    Args:
        owners: parameter → the activation that it makes; parameters without one come last.
    """
    of_layers = [
        [name, *(parameter for parameter in parameters if owners.get(parameter) == name)]
        for name in reversed(activations)
    ]
    return names_of(*of_layers, parameters)


def cut_first(order: list[str], missing: set[str]) -> list[str]:
    """The order with each run of missing names turned round.

    Where an activation is detached, it and what is only reshaped from it have no gradient: the one that was computed
    first is to blame.
    """
    runs = [(gone, list(names)) for gone, names in groupby(order, missing.__contains__)]
    return [name for gone, names in runs for name in (reversed(names) if gone else names)]
