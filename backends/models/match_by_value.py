"""Which layer of one model is which of the other, settled by what they make: the proof decides, not the names.

The side that gives the weights leaves the values of a pass in float64, on weights that tell layers apart. Here the
other side runs: at each call of a layer with weights, the layers of the first side that were given the same value are
tried, and the one whose weights make one of its values is it. What is left open is settled where it meets; see
`common.compare.matching.by_value`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from ...common.compare.matching.by_value.meeting import Observed
from ...common.compare.matching.by_value.owners import observed, owners_of, units_of, with_loose, with_pairs
from ...common.compare.matching.by_value.pieces import Move, carries_of
from ...common.compare.matching.by_value.result import likely, matching_of, settled_by_name
from ...common.compare.matching.by_value.search import Taking, search
from ...common.compare.matching.by_value.splits import splits_of
from ...common.compare.matching.by_value.trial import Given, Trial
from ...common.compare.matching.layers import Matching
from ...common.compare.matching.values import ValueTable
from ...common.errors import BadInput
from ...common.traces.memory import MemoryGroup
from ...common.traces.reading import Run, call_of
from ...common.traces.writing import Stored
from ...common.weights.rules import View, to_framework, with_aliases
from .model import UserModel
from .nested_tensors import map_tensors
from .record import Open, Recording


def match_by_value(
    model: UserModel, views: Mapping[str, View], run: Run, static: Matching, examples: int | None
) -> Matching | None:
    """Match a model with the values that another left; None where it cannot run. What is left is told as it is.

    Args:
        views, run: of the side that gives the weights. static: what names and wiring tell.
        examples: how many the other side ran on.
    """
    given = _given(run, views)
    start = run.arrays("start")
    try:
        with model.kept():
            taking = _Model(model, start, examples)
            settled = settled_by_name(static, given.owners, taking.owners)
            ends = [given.load(number) for _, number in run.outputs]
            found = search(given, taking.taking(settled), ends, settled, likely(static, given.owners, taking.owners))
    except BadInput:
        return None
    made = matching_of(found, given.owners, taking.owners)
    made.proved = found.agrees
    return made


def _given(run: Run, views: Mapping[str, View]) -> Given:
    """What the other side shows: its owners, how its packed ones are taken apart, and its values."""
    arrays: dict[int, np.ndarray] = {}

    def load(number: int) -> np.ndarray:
        if number not in arrays:
            arrays[number] = np.asarray(run.array("values", number))
        return arrays[number]

    table = ValueTable(load)
    for number, source in run.sources.items():
        if not source.startswith("weight") and run.shape("values", number) is not None:
            table.add(number, load(number))
    owners = with_pairs(with_loose(owners_of(views), run.every_call), views, run.every_call, run.sources)
    owners = observed(owners, views, run.every_call, run.sources)
    splits = splits_of(owners, run.every_call, lambda number: load(number) if number in table.prints else None)
    return Given(owners, splits, table, load, run.every_call)


class _Model:
    """The side that takes the weights, to be run with weights of the other."""

    def __init__(self, model: UserModel, start: Mapping[str, np.ndarray], examples: int | None) -> None:
        self.model, self.start, self.examples = model, start, examples
        self.stored = {name: np.array(array) for name, array in model.stored.items()}
        seen = self.observe([])
        self.calls, self.sources, self.arrays = seen.calls, seen.sources, seen.arrays
        owners = with_pairs(with_loose(owners_of(model.views), self.calls), model.views, self.calls, self.sources)
        self.owners = observed(owners, model.views, self.calls, self.sources)

    def taking(self, settled: Mapping[str, Any]) -> Taking:
        units = units_of(self.owners, self.calls)
        return Taking(
            self.owners,
            units,
            lambda: splits_of(self.owners, self.calls, self.arrays.get),
            lambda trial: self._tried(trial, [move for each in settled.values() for move in each.moves]),
            lambda moves: self._outputs(self.model.recording(), moves),
            self.observe,
        )

    def observe(self, moves: Iterable[Move]) -> Observed:
        """A pass with weights filled in, and all that it shows."""
        values = MemoryGroup()
        recording = self.model.recording(Stored(values))
        outputs = self._outputs(recording, moves)
        arrays = {int(name): array for name, array in values.require_group("values").items()}
        return Observed(list(map(call_of, recording.calls)), recording.sources, arrays, outputs)

    def write(self, moves: Iterable[Move]) -> None:
        """Fill weights of the live model, under all names that a tensor has."""
        model = self.model
        arrays = {name: carry.of(self.start.get) for name, carry in carries_of(moves).items()}
        there = with_aliases({name: each for name, each in arrays.items() if each is not None}, model.views)
        to_framework(model.views, there, self.stored)
        touched = {model.views[name].stored_name for name in there}
        model.backend.weights.fill(self.live, {name: self.stored[name] for name in touched})

    def _tried(self, trial: Trial, moves: Iterable[Move]) -> list[np.ndarray]:
        return self._outputs(_Trying(self, trial), moves)

    def _outputs(self, recording: Recording, moves: Iterable[Move]) -> list[np.ndarray]:
        tensors = self.model.backend.tensors
        outputs = self._run(recording, moves)[1]
        return [tensors.to_array(tensor) for _, tensor in recording._in(outputs)]

    def _run(self, recording: Recording, moves: Iterable[Move]):
        """One pass in float64 with weights filled in."""
        model = self.model
        self.stored = {name: np.array(array) for name, array in model.stored.items()}
        with model.backend.tensors.without_gradients():
            model.prepare("float64", "eval")
            self.live = model.backend.weights.tensors(model.model)
            self.write(moves)
            outputs, _ = model.forward(recording, "float64", examples=self.examples)
        return recording, outputs


class _Trying(Recording):
    """A pass in which a trial is asked at each call of a layer whose weights are sought."""

    def __init__(self, filled: _Model, trial: Trial) -> None:
        model = filled.model
        super().__init__(model.backend, model.model, model.modules, None, model.plan.seed)
        self.filled, self.trial = filled, trial

    def _finish_call(self, call: Open, run: Callable, args: tuple, kwargs: dict):
        unit = call.content["path"]
        if not call.content["module"] or unit not in self.trial.units:
            return super()._finish_call(call, run, args, kwargs)
        with self._calls.quiet():
            given = [self._tensors.to_array(tensor) for _, tensor, *_ in call.given]
        forced = self.trial.at(unit, given, lambda moves: self._made(moves, lambda: run(*args, **kwargs)))
        out = super()._finish_call(call, run, args, kwargs)
        return out if forced is None else self._forced(out, iter(forced))

    def _made(self, moves: list[Move], run: Callable) -> list[np.ndarray]:
        """What a layer makes with weights filled in; nothing where it cannot."""
        with self._calls.quiet():
            self.filled.write(moves)
        try:
            with self.unseen():
                made = run()
        except Exception:  # with another layer's weights a layer may well fail
            return []
        with self._calls.quiet():
            return [self._tensors.to_array(tensor) for _, tensor in self._in(made)]

    def _forced(self, out: Any, arrays: Any):
        """The outputs with what the other side made in their place, as far as it has their shapes."""

        def exchanged(tensor):
            array = next(arrays, None)
            if array is None or array.shape != tuple(tensor.shape) or not self._tensors.is_floating(tensor):
                return tensor
            return self._tensors.like(np.ascontiguousarray(array), tensor)

        with self._calls.quiet():
            return map_tensors(out, self._tensors.is_tensor, exchanged)
