"""Single calls of a watched pass made again, on other arrays than they were given."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...common.compare.located import Parted, located
from ...common.compare.matching.calls import CallPair
from ...common.compare.regions.faults import Located
from ...common.traces.reading import Run
from .model import UserModel
from .nested_tensors import map_tensors, tensors_in

MOST_CACHED = 2**27  # bytes of arrays that are read once


@dataclass(frozen=True)
class _Slot:
    """Where a tensor was, among what a call was given; it lies in the trace under its number."""

    place: int
    number: int


class CallsAgain:
    """What is needed to make each call of a pass again; its arrays are read from the trace of the same pass.

    Args:
        run: of the very pass, which was recorded before.
    """

    def __init__(self, model: UserModel, run: Run) -> None:
        self.model, self.tensors, self.run = model, model.backend.tensors, run
        self.kept: dict[int, tuple[Callable, tuple, dict, int]] = {}
        self._read: dict[int, np.ndarray] = {}
        self._bytes = 0

    def keep(self, index: int, make: Callable, args: tuple, kwargs: dict, number_of: Callable) -> None:
        """Keep a call before it is made.

        Args:
            number_of: tensor → the number of its value; None of one to be kept itself, such as a weight.
        """
        places = iter(range(2**31))

        def slot(tensor):
            kind, number = number_of(tensor)
            if kind is None:
                return tensor
            place = next(places)
            return tensor if kind == "weight" else _Slot(place, number)

        args, kwargs = map_tensors((args, dict(kwargs)), self.tensors.is_tensor, slot)
        self.kept[index] = make, args, kwargs, self.model.backend.draws.place()

    @contextlib.contextmanager
    def ready(self, recording: Any) -> Iterator[CallsAgain]:
        """Within, calls can be made again as they are in a watched pass, and are not seen."""
        with (
            self.model.precision(self.run.dtype),
            recording.watching(),
            recording.unseen(),
            self.tensors.without_gradients(),
        ):
            yield self

    def __call__(self, index: int, given: Mapping[int, np.ndarray]) -> list[np.ndarray] | None:
        """The outputs of a call, which draws what it drew before; None where it fails."""
        if index not in self.kept:
            return None
        make, args, kwargs, drawn = self.kept[index]

        def filled(slot: _Slot):
            array = given[slot.place] if slot.place in given else self._array(slot.number)
            dtype = array.dtype.name if array.dtype.kind == "f" else self.run.dtype
            return self.tensors.tensor(np.array(array, order="C"), dtype, self.model.device)

        self.model.backend.draws.go_to(drawn)
        try:
            args, kwargs = map_tensors((args, kwargs), lambda part: isinstance(part, _Slot), filled)
            out = make(*args, **kwargs)
            return [np.array(self.tensors.to_numpy(tensor)) for _, tensor in tensors_in(out, self.tensors.is_tensor)]
        except Exception:  # whatever a framework raises on arrays that do not fit
            return None

    def _array(self, number: int) -> np.ndarray:
        if number in self._read:
            return self._read[number]
        array = self.run.array("values", number)
        assert array is not None, f"value {number} is not in the trace"
        if self._bytes + array.nbytes <= MOST_CACHED:
            self._read[number] = array
            self._bytes += array.nbytes
        return array


def search(model: UserModel, runs: tuple[Run, Run], given: Parted, pairs: list[CallPair], own: Path) -> Located:
    """Where the second of two recorded passes, which is `model`'s, parts from the first.

    Args:
        own: a file for what calls at fault make of the first side's inputs.
    """
    run = runs[1]
    again = CallsAgain(model, run)
    model.prepare(run.dtype, run.mode)
    model.backend.device.seed_all(model.plan.seed)
    recording = model.recording(None, again=again)
    with model.backend.tensors.without_gradients():
        model.forward(recording, run.dtype)
    if len(recording.calls) != len(run.every_call):  # the model does not do the same each time
        return located(runs, given, pairs)
    with again.ready(recording):
        return located(runs, given, pairs, again, own)
