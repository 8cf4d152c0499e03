"""Every entry of a layer or function, proved: both frameworks in float64, values and gradients, and the formula."""

from __future__ import annotations

import inspect
import zlib

import numpy as np
import pytest
from both_frameworks import Made, Side, float64, resolved, rounded_settings, signature
from dualport.common.dictionary import index
from dualport.common.dictionary.entry import REQUIRED, Entry
from dualport.common.dictionary.formula import evaluate
from dualport.common.dictionary.proof import Proof
from dualport.common.distance import relative_error
from dualport.common.tolerances import bound

pytestmark = pytest.mark.dictionary
STEP = 1e-5  # of a difference quotient
CANCELLED = 1e-3  # share of the largest gradient, below which one is held against that
PROOFS = [
    pytest.param(entry, proof, id=f"{entry.kind}-{place}")
    for entry in index.OPERATIONS
    for place, proof in enumerate(entry.proof)
]
ENTRIES = [pytest.param(entry, id=entry.kind) for entry in index.OPERATIONS]


@pytest.mark.parametrize(("entry", "proof"), PROOFS)
def test_both_frameworks_and_the_formula_agree(entry: Entry, proof: Proof) -> None:
    random = np.random.default_rng(zlib.crc32(entry.kind.encode()))
    inputs = [one.draw(random) for one in proof.inputs]
    with float64():
        sides = [Side(framework, entry, proof) for framework in ("torch", "paddle") if framework != proof.without]
        weights = _same_weights(sides, random)
        if proof.distribution:
            return _same_distribution([side.run(inputs, _cotangent, "training").outputs for side in sides])
        for mode in proof.modes:
            made = [side.run(inputs, _cotangent, mode) for side in sides]
            exact = _evaluated(entry, proof, inputs, weights, mode) if proof.formula else None
            _compare_values(entry, proof, made, exact, (inputs, weights, mode))
            _compare_gradients(entry, proof, made, inputs)
            for one, rules in zip(made, ({}, in_paddle(entry)), strict=False):
                if exact is not None and proof.gradients and not entry.gradient_factor:
                    _hold_against_quotient(entry, proof, one, (inputs, weights, mode), rules)
    return None


def _same_weights(sides: list[Side], random: np.random.Generator) -> dict[str, np.ndarray]:
    """The same random weights in both; the variances among them are positive."""
    shapes = sides[0].weight_shapes()
    assert set(shapes) == set(sides[-1].weight_shapes())
    drawn = {name: random.uniform(0.5, 1.5, shape) if name.endswith("var") else random.standard_normal(shape) / 2
             for name, shape in shapes.items()}  # fmt: skip
    for side in sides:
        side.set_weights(drawn)
    return drawn


def _cotangent(place: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(place).standard_normal(shape)


def in_paddle(entry: Entry) -> dict:
    """What the formula is told, to follow Paddle's rule and constants."""
    return {name: value for name, value in entry.float32.items() if value is not None} | dict(entry.in_paddle)


def _evaluated(entry: Entry, proof: Proof, inputs: list, weights: dict, mode: str, **constants) -> np.ndarray | None:
    if entry.formula is None:
        return None
    settings = dict(proof.arguments) | rounded_settings(entry, proof) | constants
    told = {how.name for how in proof.inputs} - {"", *entry.operands}
    plain = [one for one, how in zip(inputs, proof.inputs, strict=True) if how.name not in told]
    named = {how.name: one for one, how in zip(inputs, proof.inputs, strict=True) if how.name in told}
    made = evaluate(entry, plain, settings | named, weights, mode == "training")
    assert made is not None, f"the formula of {entry.kind} does not understand {settings}"
    return made


def _compare_values(entry: Entry, proof: Proof, made: list[Made], exact: np.ndarray | None, call: tuple) -> None:
    theirs_alone = in_paddle(entry)
    ours, theirs = made[0].outputs, made[-1].outputs
    assert ours
    assert len(ours) == len(theirs)
    assert [one.shape for one in ours] == [one.shape for one in theirs]
    for a, b in zip(ours, theirs, strict=True) if not entry.in_paddle else ():
        limit = bound("diagnosis reproduces it") if theirs_alone else bound(proof.bound)
        assert (a.dtype.kind == b.dtype.kind) == proof.same_type
        assert relative_error(b, a) <= (limit if a.dtype.kind in "fc" else 0)
    if exact is not None:
        assert np.shape(exact) == ours[0].shape
        assert relative_error(ours[0], exact) <= bound(proof.bound)
        theirs_exactly = _evaluated(entry, proof, *call, **theirs_alone) if theirs_alone else exact
        assert relative_error(theirs[0], theirs_exactly) <= bound(proof.bound)


def _compare_gradients(entry: Entry, proof: Proof, made: list[Made], inputs: list) -> None:
    if not proof.gradients or entry.in_paddle:
        return
    ours, theirs = made[0].gradients, made[-1].gradients
    assert ours
    assert set(ours) == set(theirs)
    limit = bound(proof.gradient_bound)
    factor = 1.0
    if entry.gradient_factor is not None:
        places = entry.gradient_factor(dict(proof.arguments), inputs[0].shape[2:], made[0].outputs[0].shape[2:])
        factor = places.mean()
        assert (places == factor).all(), "a proof of gradients has windows of one size"
    if any(value is not None for value in entry.float32.values()):
        limit = bound("diagnosis reproduces it")
    largest = max(np.linalg.norm(gradient) for gradient in ours.values())
    for name, gradient in ours.items():
        error = np.linalg.norm(theirs[name].reshape(gradient.shape) - gradient * factor)
        # What is truly zero, as the gradient of a bias before a softmax, is rounding of what cancels.
        assert error <= limit * max(np.linalg.norm(gradient), CANCELLED * largest), name


def _hold_against_quotient(entry: Entry, proof: Proof, made: Made, call: tuple, rules: dict) -> None:
    """The gradients along a random direction, against the formula a small step to either side."""
    inputs, weights, mode = call
    random = np.random.default_rng(2)
    along = {name: random.standard_normal(one.shape) for name, one in made.gradients.items()}
    cotangent, sums = _cotangent(0, made.outputs[0].shape), []
    for sign in (1, -1):
        moved = [one + sign * STEP * along[place] if place in along else one for place, one in enumerate(inputs)]
        held = {name: one + sign * STEP * along[name].reshape(one.shape) if name in along else one
                for name, one in weights.items()}  # fmt: skip
        sums.append(np.sum(cotangent * _evaluated(entry, proof, moved, held, mode, **rules)))
    quotient = (sums[0] - sums[1]) / (2 * STEP)
    slope = sum(np.vdot(along[name], one.reshape(along[name].shape)) for name, one in made.gradients.items())
    size = sum(np.linalg.norm(along[name]) * np.linalg.norm(one) for name, one in made.gradients.items())
    assert abs(quotient - slope) <= bound("difference quotient") * size


def _same_distribution(outputs: list[list[np.ndarray]]) -> None:
    """Means and mean squares of random results, in standard errors."""
    assert outputs[0]
    assert [one.shape for one in outputs[0]] == [one.shape for one in outputs[1]]
    for a, b in zip(*outputs, strict=True):
        for x, y in ((a, b), (a**2, b**2)):
            error = np.sqrt((np.var(x) + np.var(y)) / x.size)
            assert abs(np.mean(x) - np.mean(y)) <= bound("sampled means, in standard errors") * error
        assert np.var(a) > 0


@pytest.mark.parametrize(
    ("framework", "name", "kind"),
    [("torch", "__radd__", "add"), ("paddle", "add_", "add"), ("torch", "max_pool2d_with_indices", "max_pool2d"),
     ("torch", "clamp", "hardtanh"), ("torch", "scatter", "scatter"), ("paddle", "scatter", "index_copy"),
     ("torch", "smooth_l1_loss", "smooth_l1_loss"), ("paddle", "exotic", "exotic")],
)  # fmt: skip
def test_what_a_framework_calls_it_tells_the_kind(framework: str, name: str, kind: str) -> None:
    assert index.operation_kind(framework, name) == kind


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_is_proved_and_its_names_are_there(entry: Entry) -> None:
    assert entry.proof, f"{entry.kind} has no proof"
    for framework in ("torch", "paddle"):
        names = entry.names(framework)
        assert names != type(names)()
        for path in (*names.classes, *names.functions):
            assert resolved(framework, path) is not None
        for method in names.methods:
            assert hasattr(resolved(framework, "Tensor"), method), f".{method} of {framework}"


def test_no_kind_and_no_class_is_said_twice() -> None:
    kinds = [entry.kind for entry in index.ENTRIES]
    assert len(kinds) == len(set(kinds))
    for framework in ("torch", "paddle"):
        classes = [name for entry in index.OPERATIONS for name in entry.names(framework).classes]
        assert len(classes) == len(set(classes))


@pytest.mark.parametrize("framework", ["torch", "paddle"])
@pytest.mark.parametrize("entry", ENTRIES)
def test_arguments_are_those_of_the_signatures(entry: Entry, framework: str) -> None:
    names = entry.names(framework)
    there = [signature(resolved(framework, path)) for path in (*names.classes, *names.functions)]
    kinds = [parameter.kind for one in there for parameter in one.values()]
    # Where a signature cannot be read, a proof must show the name.
    hidden = bool(names.methods) or not all(there) or inspect.Parameter.VAR_KEYWORD in kinds
    for argument in entry.arguments:
        default = argument.default_torch if framework == "torch" else argument.default_paddle
        for name in argument.torch if framework == "torch" else argument.paddle:
            found = next((one[name] for one in there if name in one), None)
            assert found is not None or hidden, f"{entry.kind}: no {name} in {framework}"
            if found is not None and name == (argument.torch if framework == "torch" else argument.paddle)[0]:
                assert default == (REQUIRED if found.default is found.empty else found.default), name
