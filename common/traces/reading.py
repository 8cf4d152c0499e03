"""A trace: one HDF5 file, or as much in memory, written as a model runs and read without any framework.

head          what was traced, with what: JSON
modules       the layers, their kinds, settings and weights: JSON
runs/TYPE/MODE/            one for each precision and mode, e.g. runs/float64/train
    calls     every call in execution order: JSON
    values/N  each array that a call was given or made    flow/N  the gradient that arrived there
    start, gradients/1, weights/1, moments/1/first …  by canonical weight name, for each step; loss/1 …
    lost      how far arrays of a lower precision are from the exact ones, where that is all that was kept: JSON
rounding      what rounding explains of each of these arrays: JSON

What only the two realisations of a recipe have: batches, objective, terms/1, settings/1 …, resume/own, resume/other,
means, and the notes stepped and growth.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import Arrays
from ..distance import Apart
from ..errors import BadInput
from ..weights.rules import View, weight_views
from .writing import names_of, safe

FORMAT, VERSION = "dualport trace", 1
LARGEST_ARRAY = 2**33  # bytes of one array
LARGEST_TEXT = 2**28


@dataclass(frozen=True)
class Call:
    """One call of a module or of a function. Inputs and outputs are (name, number of the value).

    `path` is that of the module called, or of the one that called the function; `turn` counts the calls of one module.
    `where` is the line of the user's code that called. `inside`: the call of a layer of the library, which is one step
    to most readers, that this one is a part of; -1 of none. `low`: the type of what it made, where that is less than
    float32. `autocast`: the precision that the model told operations to compute in.
    """

    index: int
    parent: int
    path: str
    kind: str
    label: str
    module: bool
    leaf: bool
    turn: int
    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[tuple[str, int], ...]
    settings: dict = field(default_factory=dict)
    where: str = ""
    inside: int = -1
    low: str = ""
    autocast: str = ""

    def holds(self, weight: str) -> bool:
        """Whether it is a call of a module that a weight, by its canonical name, lies in."""
        inside = weight.startswith(f"{self.path}.") if self.path else "." not in weight
        return self.module and inside


class Run:
    """One precision and mode of a trace."""

    def __init__(self, group, name: str, dtype: str, mode: str) -> None:
        self.group, self.name, self.dtype, self.mode = group, name, dtype, mode
        self.every_call = [call_of(call) for call in self.note("calls") or []]
        self.calls = [call for call in self.every_call if call.inside < 0]
        self.sources: dict[int, str] = {int(number): source for number, source in (self.note("sources") or {}).items()}

    def array(self, section: str, name: str | int) -> np.ndarray | None:
        """One array, or None where there is none."""
        with _readable(self.name):
            dataset = self.stored(section, name)
            return None if dataset is None else dataset[()]

    def stored(self, section: str, name: str | int):
        """The data set of an array, to be read in pieces; or None."""
        with _readable(self.name):
            dataset = self._at(section, name)
            return None if dataset is None else _checked(dataset, self.name)

    def shape(self, section: str, name: str | int) -> tuple[int, ...] | None:
        dataset = self._at(section, name)
        return None if dataset is None else tuple(dataset.shape)

    def dtype_of(self, section: str, name: str | int) -> str:
        dataset = self._at(section, name)
        return "" if dataset is None else dataset.dtype.name

    def _at(self, section: str, name: str | int):
        return self.group.get(f"{section}/{safe(str(name))}")

    def note(self, name: str) -> Any:
        """What was noted under a name, or None."""
        return _json(self.group, name, self.name) if name in self.group else None

    @cached_property
    def _lost(self) -> dict[str, dict[str, list[float]]]:
        return self.note("lost") or {}

    def lost(self, section: str, name: str) -> Apart | None:
        """How far a large array of a lower precision is from the exact one, where that is all that was written."""
        numbers = self._lost.get(section, {}).get(name)
        return None if numbers is None else Apart(float(numbers[0]), float(numbers[1]), 2**16, 0.0)

    def names(self, section: str) -> list[str]:
        group = self.group.get(section)
        return [] if group is None else list(names_of(group))

    def arrays(self, section: str) -> Arrays:
        """All arrays of a section by name."""
        return {name: np.asarray(self.array(section, name)) for name in self.names(section)}

    @cached_property
    def observed(self) -> dict[str, int]:
        """Number of what each observed step of a recipe's walk made, by its name, in execution order."""
        return {call.path: call.outputs[0][1] for call in self.calls}

    @property
    def outputs(self) -> list[tuple[str, int]]:
        """(name, number of the value) of what the model returned."""
        return [(str(name), int(number)) for name, number in self.note("outputs") or []]

    @property
    def steps(self) -> int:
        """How many optimiser steps were taken."""
        return len(self.names("weights"))


@dataclass
class Trace:
    """An open trace."""

    path: str
    head: dict
    modules: list[dict]
    runs: dict[tuple[str, str], Run]
    rounding: dict[str, dict[str, dict[str, float]]]

    @property
    def framework(self) -> str:
        return self.head["framework"]

    def in_mode(self, mode: str) -> dict[str, Run]:
        """The runs of one mode by their precision."""
        return {dtype: run for (dtype, its), run in self.runs.items() if its == mode}

    @property
    def views(self) -> dict[str, View]:
        return weight_views(self.framework, self.modules)


@contextlib.contextmanager
def open_trace(path) -> Iterator[Trace]:
    """Open a trace to read; what is wrong with the file, now or later, becomes one sentence.

    Raises:
        BadInput: it is no trace, it is damaged, or an array of it lies in another file.
    """
    import h5py

    name = Path(path).name
    if not Path(path).is_file():
        raise BadInput(f"{path}: does not exist; write it with `dualport trace … -o {name}`")
    with contextlib.ExitStack() as stack:
        with _readable(name):
            file = stack.enter_context(h5py.File(path, "r", locking=False, rdcc_nbytes=0))
            trace = _opened(file, str(path))
        yield trace


@contextlib.contextmanager
def _readable(name: str) -> Iterator[None]:
    """What HDF5 and JSON find wrong while a trace is read becomes one sentence."""
    try:
        yield
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        reason = (str(error).strip("'\"").splitlines() or [type(error).__name__])[0][:120]
        raise BadInput(f"{name}: is not a trace, or is damaged ({reason}); record it again") from error


def _opened(file, path: str) -> Trace:
    name = Path(path).name
    _refuse_links(file, name)
    head = _json(file, "head", name)
    if head.get("format") != FORMAT or head.get("version") != VERSION:
        raise BadInput(f"{name}: is not a trace of this version of dualport; record it again")
    trace = trace_of(file, path)
    if "modules" not in file or not all({"calls", "sources"} <= set(run.group) for run in trace.runs.values()):
        raise KeyError("it has no calls or no modules")
    return trace


def trace_of(root, path: str) -> Trace:
    """The trace under its outermost group, of a file or in memory; `path` is what it is called."""
    name = Path(path).name
    runs = {
        (dtype, mode): Run(group, name, dtype, mode)
        for dtype, modes in root["runs"].items()
        for mode, group in modes.items()
        if hasattr(group, "items")
    }
    modules, rounding = (_json(root, key, name) if key in root else None for key in ("modules", "rounding"))
    return Trace(path, _json(root, "head", name), modules or [], runs, rounding or {})


def _refuse_links(file, name: str) -> None:
    """Every link of the file must be its own: HDF5 follows others into other files."""
    import h5py

    def look(group) -> None:
        for key in group:
            link = group.get(key, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise BadInput(f"{name}: {key[:40]!r} is a link out of the file; record the trace again")
            member = group[key]
            if isinstance(member, h5py.Group):
                look(member)
            else:
                _checked(member, name)

    look(file)


def _checked(dataset, name: str):
    if isinstance(dataset, np.ndarray):  # in memory
        return dataset
    if dataset.is_virtual or dataset.id.get_create_plist().get_external_count():
        raise BadInput(f"{name}: {dataset.name[:60]} lies in another file; record the trace again")
    if dataset.dtype.kind not in "fiub" or dataset.nbytes > LARGEST_ARRAY:
        raise BadInput(f"{name}: {dataset.name[:60]} is no array of numbers of a bearable size; record it again")
    return dataset


def _json(group, key: str, name: str):
    dataset = _checked(group[key], name)
    if dataset.nbytes > LARGEST_TEXT or dataset.dtype != np.uint8:
        raise BadInput(f"{name}: {key} is not text; record the trace again")
    return json.loads(dataset[()].tobytes())


def call_of(content: dict) -> Call:
    """A call from what was written of it."""
    pairs = {key: tuple((str(name), int(number)) for name, number in content[key]) for key in ("inputs", "outputs")}
    return Call(**{**content, **pairs})


def renumbered(one: Run, other: Run) -> dict[str, str]:
    """Number of a value in one precision of a pass → in another, where they part: a cast that changes nothing, as in
    float64 all do, makes no new value."""
    if one.sources == other.sources or len(one.every_call) != len(other.every_call):
        return {}
    table: dict[str, str] = {}
    for first, second in zip(one.every_call, other.every_call, strict=True):
        both = zip((*first.inputs, *first.outputs), (*second.inputs, *second.outputs), strict=False)
        for (_, number), (_, its) in both:
            table.setdefault(str(number), str(its))
    return table
