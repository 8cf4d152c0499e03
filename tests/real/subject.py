"""A right pair of real models, into whose PyTorch side faults are planted: what each changes, and where it lies."""

from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dualport.backends.models.model import UserModel
from dualport.backends.models.trace import write_trace
from dualport.common.compare.matching.calls import call_name
from dualport.common.compare.matching.layers import carried
from dualport.common.compare.regions.cuts import Cuts
from dualport.common.compare.regions.rewriting import regions
from dualport.common.traces.inputs import as_inputs
from dualport.common.traces.plan import Plan
from dualport.common.traces.reading import Call, open_trace
from packages import found, with_torchvision
from pairs import Pair
from planted import Fault

from dualport import align

Names = tuple[set[str], set[str]]  # of calls, of Paddle's side and of PyTorch's


class Subject:
    """A right pair, and PyTorch's model of it with Paddle's weights."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        if found("torchvision"):  # packages that could do without import it where it is there
            with_torchvision()
        self.paddles, self.torchs = pair.make()
        self.right = self.aligned()
        assert self.right.ok, f"{pair.name}: {self.right.sentence}"
        self.plan = Plan(as_inputs(pair.inputs), dtypes=("float64",), modes=("eval",), rounding=False)
        source, target = UserModel("paddle", self.paddles, self.plan), UserModel("torch", self.torchs, self.plan)
        target.load(carried(self.right.matching, source.start))
        target.backend.weights.assign(target.model, target.stored)
        self.torchs.eval()
        self.outputs, self.gradients = self.made()
        with self.traced() as run, _traced(source) as other:
            self.held = {_array(run, number) for call in run.calls for _, number in (*call.inputs, *call.outputs)}
            self.leaves, self.counterparts = _leaves(run), _counterparts(Cuts(other, run, inside=True))
            self.steps = Counter(map(_step, self.leaves))

    def aligned(self) -> Any:
        return align(self.paddles, self.torchs, self.pair.inputs, dtypes=("float64",), modes=("eval",))

    def made(self) -> tuple[list[torch.Tensor], dict[str, torch.Tensor]]:
        """Outputs and gradients of PyTorch's model as it is now, in float64; of a random sum of the outputs."""
        model = self.torchs.double()
        model.zero_grad(set_to_none=True)
        drawn = [torch.tensor(each.draw(1, place, 1)) for place, each in enumerate(self.plan.inputs)]
        given = [each.double().requires_grad_() if each.is_floating_point() else each for each in drawn]
        try:
            torch.set_default_dtype(torch.float64)
            outputs = [each for each in _flat(model(*given)) if each.is_floating_point()]
            random = torch.Generator().manual_seed(1)
            loss = sum((each * torch.randn(each.shape, generator=random)).sum() for each in outputs)
            if loss.requires_grad:
                loss.backward()
            named = [*model.named_parameters(), *((f"input {place}", each) for place, each in enumerate(given))]
            gradients = {n: torch.zeros_like(p) if p.grad is None else p.grad.clone() for n, p in named if p.is_leaf}
            return [each.detach() for each in outputs], gradients
        finally:
            torch.set_default_dtype(torch.float32)
            model.zero_grad(set_to_none=True)
            model.float()

    def effect(self) -> float | None:
        """How far outputs or gradients are from the right ones; None where nothing can be compared."""
        try:
            outputs, gradients = self.made()
        except Exception:  # a change of the code that does not run
            return None
        if [each.shape for each in outputs] != [each.shape for each in self.outputs]:
            return None
        apart = [_apart(x, y, x.abs().max()) for x, y in zip(self.outputs, outputs, strict=True)]
        largest = max(each.abs().max() for each in self.gradients.values())
        apart += [_apart(each, gradients[name], largest) for name, each in self.gradients.items()]
        return max(apart) if np.isfinite(apart).all() else None

    def traced(self) -> contextlib.AbstractContextManager:
        """The pass of PyTorch's model as it is now."""
        return _traced(UserModel("torch", self.torchs, self.plan))

    def lies(self, fault: Fault) -> Names:
        """The calls where a fault lies that is planted now."""

        def there(call: Call) -> bool:
            if fault.line:
                return call.where == fault.line
            inside = f"{call.path}.".startswith(f"{fault.path}.")
            return inside or (call.leaf and call.module and fault.path.startswith(f"{call.path}."))

        right = {call_name(call) for call in self.leaves if there(call)}
        with self.traced() as run:
            leaves = _leaves(run)
            theirs = {call_name(call) for call in run.calls if there(call)}
            if fault.line:
                steps = Counter(map(_step, leaves))
                right |= {call_name(call) for call in self.leaves if self.steps[_step(call)] > steps[_step(call)]}
                theirs |= {call_name(call) for call in leaves if steps[_step(call)] > self.steps[_step(call)]}
                if fault.moved or not theirs | right:
                    theirs |= _first(run, self.held)
            if not self._of_paddle(right | theirs):
                theirs |= {each for call in leaves if call_name(call) in theirs for each in _given(run, call.outputs)}
        return self._of_paddle(right | theirs), right | theirs

    def _of_paddle(self, calls: set[str]) -> set[str]:
        return {name for call in calls for name in self.counterparts.get(call, ())}


@contextlib.contextmanager
def _traced(model: UserModel) -> Iterator[Any]:
    with tempfile.TemporaryDirectory() as folder:
        write_trace(model, Path(folder) / "t.h5")
        with open_trace(Path(folder) / "t.h5") as trace:
            yield trace.runs["float64", "eval"]


def _counterparts(cuts: Cuts) -> dict[str, set[str]]:
    """PyTorch's call → Paddle's."""
    found: dict[str, set[str]] = {}
    for ours, theirs in regions(cuts):
        for call in theirs:
            found.setdefault(call_name(call), set()).update(map(call_name, ours))
    makers: dict[int, set[str]] = {}
    for call in cuts.sides[0].calls:
        for _, number in call.outputs:
            makers.setdefault(cuts.pairing.of[0].get(number, -1), set()).add(call_name(call))
    for call in cuts.sides[1].calls:
        for _, number in call.outputs:
            found.setdefault(call_name(call), set()).update(makers.get(cuts.pairing.of[1].get(number, -2), ()))
    return found


def _leaves(run: Any) -> list[Call]:
    return [call for call in run.every_call if call.leaf and call.outputs]


def _step(call: Call) -> tuple:
    return call.path, call.label, call.turn


def _first(run: Any, held: set) -> set[str]:
    """The first call that makes an array which is not held, and what is given it."""
    for call in _leaves(run):
        new = [(name, number) for name, number in call.outputs if _array(run, number) not in held]
        if new:
            return {call_name(call), *_given(run, new)}
    return set()


def _given(run: Any, values: Any) -> set[str]:
    """The calls that are given some values."""
    numbers = {number for _, number in values}
    return {call_name(call) for call in _leaves(run) if numbers & {number for _, number in call.inputs}}


def _array(run: Any, number: int) -> int:
    array = run.array("values", number)
    return 0 if array is None else hash((array.shape, array.tobytes()))


def _flat(made: Any) -> list[torch.Tensor]:
    return [made] if isinstance(made, torch.Tensor) else [each for part in made for each in _flat(part)]


def _apart(x: torch.Tensor, y: torch.Tensor, size: torch.Tensor) -> float:
    return float((x - y).abs().max() / (size or 1.0))
