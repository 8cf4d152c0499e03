"""What the traces hold of what is to be explained: a call with its inputs and weights, gradients, moments, states."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...dictionary.index import BY_KIND, MOMENTS
from ...dictionary.operations.normalization import STATISTICS
from ...traces.reading import Call, Run, Trace
from ...traces.writing import safe
from ..facts import Place
from ..matching.calls import CallPair
from ..models import Comparison
from .call import Evidence

Arrays = tuple[np.ndarray | None, np.ndarray | None]


class Recorded:
    """Two traces, read for one mode, beside their comparison.

    Args:
        followed: the file in which a pass with the counterpart's inputs kept the second side's outputs.
    """

    def __init__(self, comparison: Comparison, a: Trace, b: Trace, mode: str, followed: Path | None = None) -> None:
        dtype = next(
            candidate for candidate in a.head["dtypes"] if (candidate, mode) in a.runs and (candidate, mode) in b.runs
        )
        self.comparison, self.mode, self.traces, self.followed = comparison, mode, (a, b), followed
        self._known_norms: dict[int, tuple[float, float]] = {}
        self.runs: tuple[Run, Run] = (a.runs[dtype, mode], b.runs[dtype, mode])

    @property
    def names(self) -> tuple[str, str]:
        return self.comparison.names

    @property
    def pairs(self) -> list[CallPair]:
        return self.comparison.paired[self.mode]

    def arrays(self, section: str, names: tuple) -> Arrays:
        """Each side's array of one section, under its own name."""
        a, b = (run.array(section, name) for run, name in zip(self.runs, names, strict=True))
        return a, b

    def at(self, place: Place) -> Arrays:
        """The arrays of a row; of a gradient that arrived on one side alone, zeros for the other."""
        a, b = self.arrays(place.section, place.names)
        if place.section == "flow" and a is None and b is not None:
            return np.zeros_like(b), b
        if place.section == "flow" and b is None and a is not None:
            return a, np.zeros_like(a)
        return a, b

    def evidence(self, pair: CallPair) -> Evidence | None:
        """What is known of a pair of calls, both given what the first was given."""
        output, other = self.arrays("values", (pair.a.outputs[0][1], pair.out_b.outputs[0][1]))
        kept = self._kept(pair.out_b.index)
        other = other if kept is None else kept
        if output is None or other is None:
            return None
        given = [self._given(side, (pair.a, pair.b)[side]) for side in (0, 1)]
        inputs, weights, input_names = zip(*given, strict=True)
        inputs = inputs if kept is None else (inputs[0], _exchanged(inputs[0], inputs[1]))
        if bool(inputs[0]) != bool(inputs[1]):  # what is given nothing makes a constant
            return None
        kinds, settings = (pair.a.kind, pair.b.kind), (dict(pair.a.settings), dict(pair.b.settings))
        training = self.mode == "train"
        return Evidence(self.names, kinds, inputs, (output, other), settings, weights, training, input_names)

    def _kept(self, index: int) -> np.ndarray | None:
        if self.followed is None or not self.followed.exists():
            return None
        import h5py

        with h5py.File(self.followed, "r") as file:
            dataset = file.get(f"{self.mode}/{safe(f'{index}.0')}")
            return dataset[()] if isinstance(dataset, h5py.Dataset) else None

    def _given(self, side: int, call: Call) -> tuple[list[np.ndarray], dict[str, np.ndarray], list[str]]:
        """The arrays that a call was given, its weights in PyTorch's layout, and what it calls the arrays."""
        run, views = self.runs[side], self.traces[side].views
        inputs, weights, names = [], {}, []
        if call.module:
            for name, view in views.items():
                if view.owner == call.path and (array := run.array("start", name)) is not None:
                    weights[view.leaf] = array.astype(np.float64)
        operands = BY_KIND[call.kind].operands if call.kind in BY_KIND else ()  # of a function, after its input
        by_stored_name = {view.stored_name: name for name, view in views.items()}
        for place, (given_as, number) in enumerate(call.inputs):
            source = run.sources.get(number, "")
            name = by_stored_name.get(source.removeprefix("weight ")) if source.startswith("weight ") else None
            array = run.array("start", name) if name else run.array("values", number)
            if array is None:
                continue
            if name and 0 < place <= len(operands):
                weights[operands[place - 1]] = array.astype(np.float64)
            else:
                inputs.append(array)
                names.append(given_as.rpartition(".")[2])
        return inputs, weights, names

    def statistics(self, owner: str, other: str, step: int) -> tuple | None:
        """Running statistics of a layer before and after, what it was given, and its momentum; None if one lacks."""
        pair = next((candidate for candidate in self.pairs if candidate.a.path == owner and candidate.a.module), None)
        if pair is None:
            return None
        before, after = (
            tuple(
                {leaf: run.array(section, f"{path}.{leaf}") for leaf in STATISTICS}
                for run, path in zip(self.runs, (owner, other), strict=True)
            )
            for section in ("start", f"weights/{step}" if step else "after")
        )
        batch = self.arrays("values", (pair.a.inputs[0][1], pair.b.inputs[0][1]))
        momentum = tuple(call.settings.get("momentum") or 0.1 for call in (pair.a, pair.b))
        arrays = [array for side in (*before, *after) for array in side.values()]
        return None if any(array is None for array in (*arrays, *batch)) else (before, after, batch, momentum)

    def step(self, names: tuple[str, str], step: int) -> tuple | None:
        """Settings, weight, gradient and moments before one step, the weight after it and the norms of all gradients;
        None if one lacks."""
        before = self.arrays("start" if step == 1 else f"weights/{step - 1}", names)
        gradient, after = self.arrays(f"gradients/{step}", names), self.arrays(f"weights/{step}", names)
        settings = tuple(run.note("optimiser") for run in self.runs)
        states = []
        for run, name in zip(self.runs, names, strict=True):
            moments = {moment: run.array(f"moments/{step - 1}/{moment}", name) for moment in MOMENTS["torch"].values()}
            states.append({m: array for m, array in moments.items() if array is not None} | {"step": step - 1})
        if any(value is None for value in (*settings, *before, *gradient, *after)):
            return None
        return settings, before, gradient, tuple(states), after, self._norms(step)

    def _norms(self, step: int) -> tuple[float, float]:
        """Of all gradients of a side together."""
        if step not in self._known_norms:
            a, b = (sum(map(_square, run.arrays(f"gradients/{step}").values())) for run in self.runs)
            self._known_norms[step] = float(np.sqrt(a)), float(np.sqrt(b))
        return self._known_norms[step]


def _square(array: np.ndarray) -> float:
    return float(np.sum(np.asarray(array, np.float64) ** 2))


def _exchanged(inputs: list[np.ndarray], own: list[np.ndarray]) -> list[np.ndarray]:
    """What a call is given in a followed pass: the other side's arrays, but its own indices and what it alone has."""
    others = [*inputs, *own[len(inputs) :]]
    return [
        other if other.shape == array.shape and array.dtype.kind in "fc" else array
        for array, other in zip(own, others, strict=False)
    ]
