"""Bounds on rounding: float32 passes with room, less precision and other formulas do not."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import ml_dtypes
import numpy as np
import pytest
from dualport.backends import NAMES
from dualport.common.compare.rounding import budgets as rounding
from dualport.common.compare.rounding.budgets import Budget, step_budget
from dualport.common.compare.rounding.numbers import Precision, exact, plain_sum, product_sum
from dualport.common.compare.witness import exact as witness
from dualport.common.compare.witness.walk import Exact, walk
from dualport.common.distance import root_mean_square, ulps, unit_roundoff
from dualport.common.errors import BadInput
from dualport.common.spec import Optimizer
from dualport.common.tolerances import bound
from model_zoo import ZOO, case


class Judgement(NamedTuple):
    """How much of its bound an error takes, and whether rounding explains it."""

    ok: bool
    ratio: float


def judge(error: float, bound: float, scale: float) -> Judgement:
    """Hold an error, a root mean square, against a bound that is relative to `scale`."""
    if error == 0:
        return Judgement(True, 0.0)
    relative = error / scale if scale else np.inf
    return Judgement(bool(relative <= bound), relative / bound if bound else np.inf)


def rows(one, probe) -> dict[str, tuple[str, Judgement]]:
    """Each array of a pass, judged."""
    seen = witness.forward(one.recipe, one.weights, *one.inputs)
    forward = rounding.forward_budgets(one.recipe, one.weights, *one.inputs)
    back = rounding.gradient_budgets(one.recipe, one.weights, *one.inputs, measured=probe.activations)
    judged = {}
    for kind, measured, exact_values, budgets in (
        ("forward", probe.activations, seen, forward),
        ("gradient", probe.gradients, back.gradients, back.parameters),
        ("flow", probe.flow, back.activation_gradients, back.activations),
    ):
        for name, array in measured.items():
            if "label" in name or name.endswith(".input"):
                continue  # one-hot labels get no gradient in a framework
            error, budget = array.reshape(exact_values[name].shape) - exact_values[name], budgets[name]
            judged[f"{kind} {name}"] = judge(root_mean_square(error), budget.bound, budget.scale)
    return judged


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("backend", NAMES)
def test_float32_is_explained_with_room_and_not_by_far(name, backend):
    one = case(name)
    judged = rows(one, one.probe(backend, "float32"))
    for what, verdict in judged.items():
        assert verdict.ratio <= bound("rounding, used at most"), what
    ratios = {kind: [v.ratio for what, v in judged.items() if what.startswith(kind)] for kind in ("forward", "flow")}
    for kind, shares in ratios.items():
        assert np.median(shares) >= bound("rounding, used at least"), kind


@pytest.mark.parametrize("backend", NAMES)
def test_float64_is_explained_by_its_own_roundoff(backend):
    one = case("aistudio-cvae")
    probe = one.probe(backend, "float64")
    seen = witness.forward(one.recipe, one.weights, *one.inputs)
    bounds = rounding.forward_bounds(one.recipe, one.weights, *one.inputs, dtype="float64")
    for name, array in probe.activations.items():
        scale = root_mean_square(seen[name])
        assert judge(root_mean_square(array.reshape(seen[name].shape) - seen[name]), bounds[name], scale).ok, name


def keep_bits(x: np.ndarray, bits: int) -> np.ndarray:
    """Round to nearest with so many digits."""
    fraction, exponent = np.frexp(x)
    return np.ldexp(np.rint(np.ldexp(fraction, bits)), exponent - bits)


class Coarse(Exact):
    """Products of operands with few digits; what tensor cores make of a float32 network."""

    def __init__(self, bits: int) -> None:
        self.bits = bits

    def weigh(self, layer, weight, bias, x):
        return super().weigh(layer, keep_bits(weight, self.bits), bias, keep_bits(x, self.bits))


@pytest.mark.parametrize(("dtype", "bits"), [("tf32", 11), ("bfloat16", 8)])
@pytest.mark.parametrize("name", ZOO)
def test_fewer_digits_are_flagged_as_float32_and_explained_as_themselves(name, dtype, bits):
    one = case(name)
    coarse = walk(Coarse(bits), one.recipe, one.weights, *one.inputs)
    seen = witness.forward(one.recipe, one.weights, *one.inputs)
    single = rounding.forward_budgets(one.recipe, one.weights, *one.inputs)
    own = rounding.forward_budgets(one.recipe, one.weights, *one.inputs, dtype=dtype)
    for activation in [name for name in seen if single[name].bound and not name.endswith((".label", ".conv_label"))]:
        error = root_mean_square(coarse[activation] - seen[activation])
        if "input" not in activation:
            assert not judge(error, single[activation].bound, single[activation].scale).ok, activation
        assert judge(error, own[activation].bound, own[activation].scale).ok, activation


@pytest.mark.parametrize(
    ("change", "first"),
    [
        (lambda w: w | {"encoder.conv1.weight": w["encoder.conv1.weight"] * np.float32(1.00001)}, "encoder.conv1"),
        (lambda w: w | {"decoder.conv3.bias": w["decoder.conv3.bias"] + np.float32(1e-5)}, "decoder.conv3"),
    ],
)
@pytest.mark.parametrize("backend", NAMES)
def test_a_constant_off_by_a_little_is_flagged_where_it_is(backend, change, first):
    one = case("aistudio-vae")
    probe = replace(one, weights=change(one.weights)).probe(backend, "float32")
    judged = [(what, verdict.ok) for what, verdict in rows(one, probe).items() if what.startswith("forward")]
    assert next(what for what, ok in judged if not ok) == f"forward {first}"


def test_the_gradient_of_a_bias_before_batch_normalization_is_judged_by_its_terms():
    one = case("mlp")
    budgets = rounding.gradient_budgets(one.recipe, one.weights, *one.inputs)
    name = "encoder.fc1.bias"
    noise, scale = root_mean_square(budgets.gradients[name]), budgets.parameters[name].scale
    assert noise <= bound("float64 gradient") * scale
    assert judge(noise, bound("float64 gradient"), scale).ok
    for backend in NAMES:
        measured = one.probe(backend, "float32").gradients[name]
        assert judge(root_mean_square(measured), budgets.parameters[name].bound, scale).ok
        assert not judge(root_mean_square(measured) + scale / 100, budgets.parameters[name].bound, scale).ok


def test_a_value_that_crosses_a_kink_counts_where_it_did():
    one = case("aistudio-vae")
    seen = witness.forward(one.recipe, one.weights, *one.inputs)
    weights, before = dict(one.weights), seen["decoder.conv1"]
    weights["decoder.conv1.bias"] = weights["decoder.conv1.bias"].astype(np.float64)
    weights["decoder.conv1.bias"][0] += 1e-9 - before[0, 0, 0, 0]  # a hair above 0
    seen = witness.forward(one.recipe, weights, *one.inputs)
    same = dict(seen)
    crossed = seen | {"decoder.#1:leaky_relu": seen["decoder.#1:leaky_relu"].copy()}
    crossed["decoder.#1:leaky_relu"][0, 0] *= -0.01
    found = {
        key: rounding.gradient_budgets(one.recipe, weights, *one.inputs, measured=measured).activations["decoder.conv1"]
        for key, measured in (("unknown", None), ("same", same), ("crossed", crossed))
    }
    assert [found[key].doubtful for key in ("unknown", "same", "crossed")] == [1, 0, 1]
    assert found["crossed"].bound == found["unknown"].bound
    assert found["crossed"].bound > found["same"].bound * 100


@pytest.mark.parametrize("terms", [10, 300, 3000])
@pytest.mark.parametrize("kind", ["random", "of one sign", "cancelling"])
def test_sums_err_as_the_rule_says(terms, kind):
    """float32 sums one term after another, against the rule for sums in any order."""
    draw = np.random.default_rng(terms)
    a = draw.standard_normal((400, terms)) + (kind == "of one sign")
    a = (a - a.mean(axis=1, keepdims=True) if kind == "cancelling" else a).astype(np.float32)
    b = draw.standard_normal(terms).astype(np.float32) if kind == "random" else np.ones(terms, np.float32)
    serial = np.cumsum(a * b, axis=1, dtype=np.float32)[:, -1]
    single = Precision(0.0, unit_roundoff("float32"), unit_roundoff("float32"))
    wide = [(array.astype(np.float64), np.zeros(array.shape)) for array in (a, b)]
    value, variance, squares = product_sum(np.matmul, terms, single, *wide)
    ratio = root_mean_square(serial - value) / np.sqrt(variance.mean())
    assert bound("rounding rule, at least") <= ratio <= bound("rounding rule, at most")
    assert np.all(squares > 0)
    value, variance, _ = plain_sum(wide[0], (1,), single)
    ratio = root_mean_square(np.cumsum(a, axis=1, dtype=np.float32)[:, -1] - value) / np.sqrt(variance.mean())
    assert bound("rounding rule, at least") <= ratio <= bound("rounding rule, at most")


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [("float64", np.float64), ("float32", np.float32), ("float16", np.float16), ("bfloat16", ml_dtypes.bfloat16)],
)
def test_roundoffs_are_those_of_the_types(dtype, kind):
    assert unit_roundoff(dtype) == float(ml_dtypes.finfo(kind).eps) / 2
    x = np.array([1.0, 1.5])
    nudged = x + float(ml_dtypes.finfo(kind).eps)
    assert ulps(nudged, x, dtype) == 1
    assert ulps(x, x, dtype) == 0


def test_ulps_of_odd_arrays():
    with pytest.raises(BadInput, match="int8"):
        unit_roundoff("int8")
    assert ulps(np.ones(2), np.zeros(2)) == np.inf
    assert np.isnan(ulps(np.array([np.nan]), np.ones(1)))


def test_budgets_at_the_edges():
    assert Budget(np.zeros(3), 0.0).bound == 0
    assert Budget(np.ones(3), 0.0).bound == np.inf
    assert exact(np.float32([1, 2])).variance.sum() == 0


@pytest.mark.parametrize("name", ["aistudio-vae", "mlp"])
@pytest.mark.parametrize("backend", NAMES)
def test_one_adam_step_is_explained(name, backend):
    one = case(name)
    optimizer = replace(one.recipe.training.optimizers[0], networks=("encoder", "decoder"), name="all")
    one = replace(one, recipe=replace(one.recipe, training=replace(one.recipe.training, optimizers=(optimizer,))))
    back = rounding.gradient_budgets(one.recipe, one.weights, *one.inputs)
    session = one.session(backend, "float32")
    image, label, noise, masks = one.inputs
    on_device = [None if array is None else session.to_device(array) for array in (image, label, noise)]
    session.train_step(*on_device, {key: session.to_device(mask) for key, mask in masks.items()} or None)
    after = session.weights()
    for parameter, gradient in back.gradients.items():
        weight = one.weights[parameter].astype(np.float64)
        expected = weight - optimizer.learning_rate * gradient / (np.abs(gradient) + optimizer.epsilon)
        deviation = back.parameters[parameter].deviation
        budget = step_budget(optimizer, weight, gradient, deviation)
        error = root_mean_square(after[parameter] - expected)
        assert judge(error, budget.bound, budget.scale).ok, parameter
        if root_mean_square(gradient) > bound("float64 gradient"):  # not the bias before batch normalisation
            assert not judge(error + optimizer.learning_rate, budget.bound, budget.scale).ok, parameter


def test_later_steps_follow_the_moments():
    optimizer = Optimizer("all", ("encoder",), 1e-3)
    gradient, deviation = np.array([0.5]), np.array([1e-6])
    first = step_budget(optimizer, np.array([0.1]), gradient, deviation)
    later = step_budget(optimizer, np.array([0.1]), gradient, deviation, step=100, second=np.array([0.25]))
    wild = step_budget(optimizer, np.array([0.1]), gradient, np.array([10.0]), step=100, second=np.array([0.25]))
    assert first.bound < wild.bound
    assert later.bound < wild.bound


def test_a_gradient_whose_sign_is_in_doubt_may_turn_the_first_step_round():
    optimizer = Optimizer("all", ("encoder",), 1e-3)
    budget = step_budget(optimizer, np.array([0.1]), np.array([1e-7]), np.array([1e-7]))
    assert judge(2 * optimizer.learning_rate, budget.bound, budget.scale).ok
