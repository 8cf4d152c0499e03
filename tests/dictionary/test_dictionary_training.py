"""Every entry of an optimizer, a schedule or an initializer, proved in both frameworks in float64."""

from __future__ import annotations

import inspect

import numpy as np
import paddle
import pytest
import torch
from both_frameworks import Side, array_of, float64, resolved, rounded_settings, signature
from dualport.common.dictionary import index
from dualport.common.dictionary.entry import REQUIRED, Entry
from dualport.common.dictionary.proof import Proof
from dualport.common.distance import relative_error
from dualport.common.tolerances import bound

pytestmark = pytest.mark.dictionary
FEWEST_DRAWN = 20_000  # values of a random initializer, from which its deviation is told


def proofs(entries: tuple[Entry, ...]) -> list:
    return [pytest.param(entry, proof, id=f"{entry.kind}-{place}")
            for entry in entries for place, proof in enumerate(entry.proof)]  # fmt: skip


@pytest.mark.parametrize(("entry", "proof"), proofs(index.OPTIMIZERS))
def test_optimizers_take_the_same_steps(entry: Entry, proof: Proof) -> None:
    """`proof.steps` steps of one weight, with given gradients; updates are compared, not weights."""
    random = np.random.default_rng(1)
    start, gradients = random.standard_normal((4, 3)), random.standard_normal((proof.steps, 4, 3))
    with float64():
        made = [_steps(Side(framework, entry, proof, build=False), start, gradients)
                for framework in ("torch", "paddle")]  # fmt: skip
    assert np.any(made[0][-1] != start)
    if entry.formula is not None and proof.formula:
        told = dict(proof.arguments) | rounded_settings(entry, proof)
        for one, rules in zip(made, ({}, entry.in_paddle), strict=True):
            for place, exact in enumerate(entry.formula(start, gradients, **told, **rules)):
                assert relative_error(one[place] - start, exact - start) <= bound(proof.bound), f"step {place + 1}"
    for place in range(proof.steps if not entry.in_paddle else 0):
        a, b = (one[place] - start for one in made)
        assert relative_error(b, a) <= bound(proof.bound), f"step {place + 1}"


def _steps(side: Side, start: np.ndarray, gradients: np.ndarray) -> list[np.ndarray]:
    """The weight after each step."""
    if side.framework == "torch":
        weight = torch.nn.Parameter(torch.tensor(start))
        optimizer = side.call([weight], **side.keywords())
    else:
        weight = paddle.create_parameter(start.shape, "float64")
        weight.set_value(start)
        optimizer = side.call(parameters=[weight], **side.keywords())
    after = []
    for gradient in gradients:
        if side.framework == "torch":
            weight.grad = torch.tensor(gradient)
        else:
            (weight * paddle.to_tensor(gradient)).sum().backward()
        optimizer.step()
        (optimizer.zero_grad if side.framework == "torch" else optimizer.clear_grad)()
        after.append(array_of(weight).copy())
    return after


@pytest.mark.parametrize(("entry", "proof"), proofs(index.SCHEDULES))
def test_schedules_give_the_same_rates(entry: Entry, proof: Proof) -> None:
    """The rate in use before each of `proof.steps` steps of the schedule, from a base rate of 0.5."""
    base = 0.5
    made = []
    with float64():
        for framework in ("torch", "paddle"):
            side = Side(framework, entry, proof, build=False)
            made.append(_rates(side, base, proof.steps))
    assert relative_error(np.array(made[1]), np.array(made[0])) <= bound(proof.bound)
    if entry.formula is not None and proof.formula:
        exact = np.array([entry.formula(base, step, **proof.arguments) for step in range(proof.steps)])
        assert relative_error(np.array(made[0]), exact) <= bound(proof.bound)


def _rates(side: Side, base: float, steps: int) -> list[float]:
    if side.framework == "torch":
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=base)
        schedule = side.call(optimizer, **side.keywords())
        rate = lambda: optimizer.param_groups[0]["lr"]  # noqa: E731
    else:
        told = side.keywords()
        rated = "learning_rate" in signature(side.call) and "learning_rate" not in told
        schedule = side.call(**({"learning_rate": base} if rated else {}), **told)
        rate = schedule  # what it holds: `get_lr()` would compute the next one
    rates = []
    for _ in range(steps):
        rates.append(float(rate()))
        if side.framework == "torch":
            optimizer.step()
        schedule.step()
    return rates


@pytest.mark.parametrize(("entry", "proof"), proofs(index.INITIALIZERS))
def test_initializers_fill_alike(entry: Entry, proof: Proof) -> None:
    """A weight of `proof.shape`, exactly, or by mean and deviation and, of bounded values, by its ends.

    The formula, given the shape, is the values themselves, or (mean, deviation, bound or infinity).
    """
    with float64():
        made = [_filled(Side(framework, entry, proof, build=False), proof.shape) for framework in ("torch", "paddle")]
    assert made[0].shape == made[1].shape == proof.shape
    if not proof.distribution:
        assert relative_error(made[1], made[0]) <= bound(proof.bound)
        if entry.formula is not None:
            assert relative_error(made[0], entry.formula(proof.shape, **proof.arguments)) <= bound(proof.bound)
        return
    assert made[0].size >= FEWEST_DRAWN
    mean, deviation, end = entry.formula(proof.shape, **proof.arguments)
    limit = bound("sampled means, in standard errors")
    for one in made:
        fourth = np.mean((one - mean) ** 4) - deviation**4
        assert abs(np.mean(one) - mean) <= limit * deviation / np.sqrt(one.size)
        assert abs(np.mean((one - mean) ** 2) - deviation**2) <= limit * np.sqrt(fourth / one.size)
        assert np.max(np.abs(one - mean)) <= end


def _filled(side: Side, shape: tuple[int, ...]) -> np.ndarray:
    if side.framework == "torch":
        weight = torch.zeros(shape)
        side.call(weight, **side.keywords())
        return array_of(weight)
    weight = paddle.create_parameter(list(shape), "float64")
    side.call(**side.keywords())(weight)
    return array_of(weight)


ENTRIES = [pytest.param(entry, id=entry.kind)
           for entry in (*index.OPTIMIZERS, *index.SCHEDULES, *index.INITIALIZERS)]  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_is_proved_and_has_the_arguments_of_both(entry: Entry) -> None:
    assert entry.proof, f"{entry.kind} has no proof"
    for framework in ("torch", "paddle"):
        names = entry.names(framework)
        assert names != type(names)()
        there = [signature(resolved(framework, path)) for path in (*names.classes, *names.functions)]
        for argument in entry.arguments:
            default = argument.default_torch if framework == "torch" else argument.default_paddle
            for full in argument.torch if framework == "torch" else argument.paddle:
                name, _, place = full.partition("[")
                found = next((one[name].default for one in there if name in one), None)
                found = found[int(place[0])] if place else found
                assert any(name in one for one in there), f"{entry.kind}: no {name} in {framework}"
                assert default == (REQUIRED if found is inspect.Parameter.empty else found), name
