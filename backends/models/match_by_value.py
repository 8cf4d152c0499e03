"""Which layer of one model is which of the other, settled by what they make: the proof decides, not the names.

The side that gives the weights leaves the values of a pass in float64, on weights that tell layers apart. Here the
other side runs: at each call of a layer with weights, the layers of the first side that were given the same value are
tried, and the one whose weights make one of its values is it. What is left goes by shape and order of use, and where
the ends then part, layers that were given the same input are exchanged until they do not.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from itertools import combinations, permutations
from typing import Any

import numpy as np

from ...common.compare.matching.carry import Carry, used
from ...common.compare.matching.fills import Fill, fills, leftovers, rearranged, sizes_fit
from ...common.compare.matching.layers import Matching
from ...common.compare.matching.owners import Owner, in_order_of_use, owners_of
from ...common.compare.matching.values import SAME, ValueTable, distance, fingerprint
from ...common.errors import BadInput, by_size
from ...common.traces.reading import Run, call_of
from ...common.weights.rules import View, to_framework
from .model import UserModel
from .record import Open, Recording

ELSEWHERE = 4  # layers that were given another value, and are tried all the same
LONGEST = 60.0  # seconds of exchanges
SMALL_GROUP = 4  # layers of one input, all orders of which are tried


class Known:
    """The side that gives the weights: its values, owners and arrays."""

    def __init__(self, run: Run, views: Mapping[str, View]) -> None:
        self.run, self.views = run, views
        self.owners = owners_of(views, run.calls, run.sources)
        self.order = in_order_of_use(views, self.owners, run.calls, run.sources)
        self.table = ValueTable(lambda number: np.asarray(run.array("values", number)))
        for number in run.sources:
            array = run.array("values", number)
            if array is not None:
                self.table.add(number, array)
        self._places = [(owner.path, set(owner.given)) for owner in self.owners.values() if owner.called]

    def start(self, name: str) -> np.ndarray | None:
        return self.run.array("start", name)

    def given(self, numbers: Iterable[int]) -> list[str]:
        """The owners whose first call was given one of these values, in the order of execution."""
        wanted = set(numbers)
        return [path for path, values in self._places if values & wanted]

    def outputs(self) -> list[np.ndarray]:
        return [np.asarray(self.run.array("values", number)) for _, number in self.run.outputs]


class Matched:
    """The side that takes the weights, and how far it has been matched."""

    def __init__(self, model: UserModel, known: Known, fixed: Mapping[str, Carry], examples: int | None) -> None:
        self.model, self.known, self.examples = model, known, examples
        self.carries: Fill = dict(fixed)
        self.fixed = set(fixed)
        self.pairs: dict[str, tuple[str, str]] = {}  # owner here → owner there, and how it was found
        self.alike: list[list[str]] = []  # owners here that were given one value and have the same sizes
        self.owners: dict[str, Owner] = {}
        self.order: list[str] = []

    def taken(self) -> set[str]:
        """Owners of the other side whose weights are all used; a tied weight is used under all its names."""
        used_tensors = {self.known.views[name].identity for name in used(self.carries.values())}
        return {
            path
            for path, owner in self.known.owners.items()
            if all(view.identity in used_tensors for view in owner.trained.values())
        }

    def put(self, fill: Fill) -> None:
        """Fill weights of the live model, and remember them."""
        self.carries |= fill
        self.write(fill)

    def write(self, fill: Fill) -> None:
        """Fill weights of the live model."""
        model = self.model
        arrays = {name: carry.of(self.known.start) for name, carry in fill.items()}
        there = {name: array for name, array in arrays.items() if array is not None}
        to_framework(model.views, there, self.stored)
        touched = {model.views[name].stored_name for name in there}
        model.backend.weights.assign(model.model, {name: self.stored[name] for name in touched})

    def run(self, recording: Recording) -> list[np.ndarray]:
        """One pass in float64 with what is matched so far; the outputs."""
        model = self.model
        self.stored = {name: np.array(array) for name, array in model.stored.items()}
        with model.backend.tensors.without_gradients():
            model.prepare("float64", "eval")
            self.write(self.carries)
            _, values = model.forward(recording, "float64", examples=self.examples)
        self.owners = owners_of(model.views, list(map(call_of, recording.calls)), recording.sources)
        self.order = in_order_of_use(model.views, self.owners, map(call_of, recording.calls), recording.sources)
        arrays = getattr(recording.writer, "arrays", {})
        return [arrays[number] for _, number in values if number in arrays]

    def score(self) -> tuple[bool, int]:
        """Whether the ends agree, and how many values of a plain pass are values of the other side."""
        seen = Seen(self.known.table)
        outputs = self.run(self.model.recording(seen))
        theirs = self.known.outputs()
        same = len(outputs) == len(theirs) and all(
            x.shape == y.shape and distance(y, x) <= SAME for x, y in zip(outputs, theirs, strict=True)
        )
        return same, seen.recognised

    def missing(self) -> list[str]:
        """Trained weights that nothing is carried into, each tensor once, in the order of use."""
        done = {self.model.views[name].identity for name in self.carries}
        names = []
        for name in self.order:
            if self.model.views[name].identity not in done:
                done.add(self.model.views[name].identity)
                names.append(name)
        return names

    def unused(self) -> list[str]:
        """Trained weights of the other side that are carried nowhere, in the order of use."""
        views = self.known.views
        done = {views[name].identity for name in used(self.carries.values())}
        return [name for name in self.known.order if views[name].identity not in done]


class Seen:
    """What a pass leaves: its arrays, and how many of them the other side has."""

    def __init__(self, table: ValueTable) -> None:
        self.table, self.recognised, self.arrays = table, 0, {}

    def put(self, section: str, name: str, array: np.ndarray) -> None:
        if section == "values":
            self.arrays[int(name)] = array = np.array(array)
            made = fingerprint(array)
            self.recognised += next(self.table.found(array, made), None) is not None

    def note(self, name: str, content: Any) -> None:
        """Nothing: only values count."""


class MatchingRun(Recording):
    """A watched pass that finds the weights of each layer when it is called."""

    def __init__(self, matched: Matched) -> None:
        model = matched.model
        super().__init__(model.backend, model.model, model.modules, None, model.plan.seed)
        self.matched, self.known = matched, matched.known
        self._tried: set[str] = set()
        self._inputs: dict[tuple, list[str]] = {}

    def _finish_call(self, call: Open, run, args: tuple, kwargs: dict):
        path = call.content["path"]
        owner = self.matched.owners.get(path)
        if not call.content["module"] or owner is None or not owner.called or path in self._tried:
            return super()._finish_call(call, run, args, kwargs)
        self._tried.add(path)
        wanted = {name: view for name, view in owner.trained.items() if name not in self.matched.carries}
        if not wanted or len(wanted) < len(owner.trained):
            return super()._finish_call(call, run, args, kwargs)
        with self._calls.quiet():
            given = self._recognised([tensor for _, tensor, _, _ in call.given])
        found = self._settle(owner, given, lambda: run(*args, **kwargs))
        if found is None:
            return super()._finish_call(call, run, args, kwargs)
        place = (tuple(sorted(given)), owner.sizes)
        if given:
            self._inputs.setdefault(place, []).append(path)
            self.matched.alike = [paths for paths in self._inputs.values() if len(paths) > 1]
        forced = None if found == "value" else self._theirs(owner)
        if forced is None:
            return super()._finish_call(call, run, args, kwargs)
        return super()._finish_call(call, lambda *a, **k: self._forced(run(*a, **k), forced), args, kwargs)

    def _recognised(self, tensors: Iterable) -> set[int]:
        numbers: set[int] = set()
        for tensor in tensors:
            if self._tensors.is_floating(tensor):
                numbers |= {number for number, _ in self.known.table.found(self._tensors.to_numpy(tensor))}
            else:
                array = self._tensors.to_numpy(tensor)
                numbers |= {
                    number for number in self.known.table.candidates(fingerprint(array))
                    if np.array_equal(self.known.table.load(number), array)
                }  # fmt: skip
        return numbers

    def _settle(self, owner: Owner, given: set[int], run) -> str | None:
        """Find the owner's weights by what they make; else take those of the nearest layer that they fit."""
        likely = None
        for other in self._candidates(owner, given):
            for fill in fills(self.known.owners[other].weights, owner.weights):
                likely = likely or (other, fill)
                self.matched.write(fill)
                if self._makes_theirs(run):
                    return self._take(owner, other, fill, "value")
        return None if likely is None else self._take(owner, *likely, "trial")

    def _take(self, owner: Owner, other: str, fill: Fill, how: str) -> str:
        self.matched.put(fill)
        self.matched.pairs[owner.path] = (other, how)
        return how

    def _candidates(self, owner: Owner, given: set[int]) -> Iterator[str]:
        taken = self.matched.taken()
        free = [
            path
            for path, theirs in self.known.owners.items()
            if path not in taken and sizes_fit(theirs.weights, owner.weights)
        ]
        same = set(self.known.given(given))
        near = [path for path in free if path in same]
        yield from sorted(near, key=lambda path: -_alike(path, owner.path))
        yield from [path for path in free if path not in same][:ELSEWHERE]

    def _makes_theirs(self, run) -> bool:
        """Whether what a call makes with the weights as they are is a value of the other side."""
        try:
            with self.unseen():
                made = run()
        except Exception:  # with another layer's weights a layer may well fail
            return False
        with self._calls.quiet():
            arrays = [
                self._tensors.to_numpy(tensor) for _, tensor in self._in(made) if self._tensors.is_floating(tensor)
            ]
        return any(next(self.known.table.found(array), None) is not None for array in arrays)

    def _theirs(self, owner: Owner) -> np.ndarray | None:
        """What the layer that an owner was taken for made, so that what follows can be recognised."""
        other = self.known.owners[self.matched.pairs[owner.path][0]]
        return self.known.run.array("values", other.made[0]) if len(other.made) == 1 else None

    def _forced(self, out, array: np.ndarray):
        if not self._tensors.is_tensor(out) or tuple(out.shape) != array.shape:
            return out
        with self._calls.quiet():
            return self._tensors.like(array, out)


def _alike(x: str, y: str) -> float:
    return SequenceMatcher(None, x, y).ratio()


def match_by_value(
    model: UserModel, views: Mapping[str, View], run: Run, static: Matching, examples: int | None
) -> Matching | None:
    """Match a model with the values that another left; None where it cannot run. What is left is told as it is.

    Args:
        views, run: of the side that gives the weights. static: what names and wiring tell.
        examples: how many the other side ran on.
    """
    known = Known(run, views)
    fixed = {
        target: Carry((source,))
        for x, y, how in static.pairs
        if how in ("map", "name")
        for source, target in _fitting(static, views, model.views, x, y)
    }
    matched = Matched(model, known, fixed, examples)
    try:
        with model.kept():
            matched.run(model.recording())
            matched.run(MatchingRun(matched))
            missing = [(name, model.views[name]) for name in matched.missing()]
            matched.carries |= leftovers([(name, views[name]) for name in matched.unused()], missing)
            if not matched.missing() and not matched.unused():
                _exchange(matched)
    except BadInput:
        return None
    return _matching(matched, static)


def _fitting(static: Matching, a: Mapping[str, View], b: Mapping[str, View], x: str, y: str):
    """The weights of a pair that was matched by name or by the user, where all of them fit."""
    pairs = [(s, t) for s, t in static.weights.items() if _below(s, x) and _below(t, y)]
    return pairs if all(a[s].shape == b[t].shape for s, t in pairs) else []


def _below(name: str, path: str) -> bool:
    return name == path or not path or name.startswith(f"{path}.")


def _exchange(matched: Matched) -> None:
    """While the ends part, exchange what no value has settled; keep what lets more values be recognised."""
    deadline = time.monotonic() + LONGEST
    best = matched.score()
    improved = True
    while improved and not best[0]:
        improved = False
        for change in _changes(matched):
            if time.monotonic() > deadline:
                return
            before = dict(matched.carries)
            matched.carries |= change
            found = matched.score()
            if found > best:
                best, improved = found, True
                if found[0]:
                    return
            else:
                matched.carries = before


def _changes(matched: Matched) -> Iterator[Fill]:
    """What may be otherwise: packed rows, matrices that are square, layers that were given one value, equal shapes."""
    views, carries = matched.model.views, matched.carries
    free = {name: carry for name, carry in carries.items() if name not in matched.fixed}
    yield from rearranged(free, views)
    settled = {
        name for path, (_, how) in matched.pairs.items() if how == "value" for name in matched.owners[path].weights
    }
    for name, carry in free.items():
        shape = views[name].shape
        if name not in settled and len(shape) == 2 and shape[0] == shape[1] and len(carry.names) == 1:
            yield {name: Carry(carry.names, not carry.turned, carry.rows)}
    for paths in matched.alike:
        for order in permutations(paths) if len(paths) <= SMALL_GROUP else _swaps(paths):
            yield _reordered(matched, paths, order)
    loose = [name for name in free if name not in settled and views[name].trained]
    for x, y in combinations(loose, 2):
        if views[x].shape == views[y].shape:
            yield {x: carries[y], y: carries[x]}


def _swaps(paths: list[str]) -> Iterator[tuple[str, ...]]:
    for x, y in combinations(range(len(paths)), 2):
        order = list(paths)
        order[x], order[y] = order[y], order[x]
        yield tuple(order)


def _reordered(matched: Matched, paths: list[str], order: Iterable[str]) -> Fill:
    """The weights of owners here given to one another, leaf by leaf."""
    change: Fill = {}
    for path, other in zip(paths, order, strict=True):
        ours, theirs = (list(matched.owners[at].weights) for at in (path, other))
        change |= {x: matched.carries[y] for x, y in zip(ours, theirs, strict=False) if y in matched.carries}
    return change


def _matching(matched: Matched, static: Matching) -> Matching:
    """What was found, as a matching."""
    made = Matching()
    here = matched.model.views
    known = {y: (x, how) for x, y, how in static.pairs if how in ("map", "name")}
    for path, owner in matched.owners.items():
        carries = {name: matched.carries[name] for name in owner.weights if name in matched.carries}
        if not carries:
            continue
        owners = {matched.known.views[name].stored_name.rpartition(".")[0] for name in used(carries.values())}
        if path in known and known[path][0] in owners:
            made.pairs.append((known[path][0], path, known[path][1]))
        elif len(owners) == 1 and all(here[name].stored_name.rpartition(".")[0] == path for name in carries):
            (other,) = owners
            made.pairs.append((other, path, matched.pairs.get(path, ("", "trial"))[1]))
        else:
            made.pairs += [(", ".join(carry.names), name, "trial") for name, carry in carries.items()]
    for name, carry in matched.carries.items():
        if carry.plain and carry.names[0] not in made.weights:
            made.weights[carry.names[0]] = name
        else:
            made.carries[name] = carry
    _tell_leftovers(matched, made)
    return made


def _tell_leftovers(matched: Matched, made: Matching) -> None:
    """What has no counterpart; where as many of as many axes are left on both sides, they differ in size."""
    left, right = matched.unused(), matched.missing()
    a, b = matched.known.views, matched.model.views
    if len(left) == len(right) and all(len(a[x].shape) == len(b[y].shape) for x, y in zip(left, right, strict=True)):
        pairs = zip(left, right, strict=True)
        made.conflicts += [f"{x} is {by_size(a[x].shape)}, {y} is {by_size(b[y].shape)}" for x, y in pairs]
    else:
        made.unmatched = left, right
