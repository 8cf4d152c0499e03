"""The witness against definitions written out by hand, and both backends against the witness."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from dualport.backends import NAMES
from dualport.common.compare.rounding.budgets import gradient_budgets
from dualport.common.compare.witness import exact as witness
from dualport.common.compare.witness.layers import product_map
from dualport.common.compare.witness.walk import outputs
from dualport.common.distance import relative_error, root_mean_square
from dualport.common.errors import BadInput
from dualport.common.spec import Conv2D, ConvTranspose2D
from dualport.common.tolerances import bound
from dualport.common.traces.memory import MemoryGroup
from dualport.common.traces.writing import Stored
from model_zoo import ZOO, case


def near(a, b, quantity: str = "float64 forward") -> bool:
    return relative_error(np.asarray(a), np.asarray(b)) <= bound(quantity)


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("backend", NAMES)
def test_every_activation_of_a_backend_is_the_witness_own(name, backend):
    one = case(name)
    seen, probe = witness.forward(one.recipe, one.weights, *one.inputs), one.probe(backend, "float64")
    assert set(probe.activations) <= set(seen)
    for activation, value in probe.activations.items():
        assert near(value.reshape(seen[activation].shape), seen[activation]), activation
    order = [key for key in seen if key in probe.activations]
    assert order == list(probe.activations)
    heads, decoded = outputs(one.recipe, seen)
    terms = witness.objective(one.recipe, heads, decoded, one.inputs[0])
    for (term, value), exact in zip(probe.objective.items(), terms, strict=True):
        assert near(value, exact), term
    assert witness.loss(one.recipe, one.weights, *one.inputs) == terms[0]


@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("backend", NAMES)
def test_evaluation_uses_running_statistics_and_drops_nothing(name, backend):
    one = case(name)
    image, label, noise, _ = one.inputs
    seen = witness.forward(one.recipe, one.weights, image, label, noise, training=False)
    session = one.session(backend, "float64")
    heads, decoded = outputs(one.recipe, seen)
    for own, exact in zip(session.encode(image, label), heads, strict=True):
        assert near(own.reshape(exact.shape), exact)
    assert near(session.decode(seen["latent.z"], label).reshape(decoded.shape), decoded)


@pytest.mark.parametrize("name", ["mlp", "faces"])
@pytest.mark.parametrize("backend", NAMES)
def test_running_statistics_of_one_forward(name, backend):
    one = case(name)
    session = one.session(backend, "float64")
    image, label, noise, masks = one.inputs
    on_device = [None if array is None else session.to_device(array) for array in (image, label, noise)]
    session.probe(
        Stored(MemoryGroup()), *on_device, {key: session.to_device(mask) for key, mask in masks.items()} or None
    )
    after = witness.running_statistics(one.recipe, one.weights, *one.inputs)
    statistics = {key for key in one.recipe.model.buffers() if not key.endswith("num_batches_tracked")}
    assert set(after) == statistics
    for key, value in session.weights().items():
        if key in after:
            assert near(value, after[key]), key
            assert not near(one.weights[key], after[key]), key


@pytest.mark.parametrize("name", ZOO)
def test_differences_are_the_gradients(name):
    """Against both backends' derivatives, and against the witness's own back-propagation of `rounding`."""
    one = case(name)
    picks = witness.pick(one.recipe, 3)
    found = witness.central_differences(one.recipe, one.weights, *one.inputs, picks)
    budgets = gradient_budgets(one.recipe, one.weights, *one.inputs)
    reliable = 0
    for backend in NAMES:
        gradients = one.probe(backend, "float64").gradients
        assert set(gradients) == set(found) == set(budgets.gradients)
        for key, values in found.items():
            kept, scale = np.isfinite(values), budgets.parameters[key].scale
            reliable += kept.sum()
            measured = gradients[key].ravel()[picks[key]]
            limit = bound("difference quotient") * max(scale, root_mean_square(measured))
            assert np.abs(measured - values)[kept].max(initial=0) <= limit, key
            own = root_mean_square(gradients[key] - budgets.gradients[key])
            assert own <= bound("float64 gradient") * scale, key
    assert reliable / len(NAMES) >= sum(len(places) for places in picks.values()) * bound("reliable differences")


@pytest.mark.parametrize(("steps", "reliable"), [(0.5, True), (0.15, False)])
def test_a_kink_near_an_element_is_stepped_around_or_reported(steps, reliable):
    """One value lies so many of the widest steps above the kink of its ReLU: the narrower steps miss it, or do not."""
    one, key = case("autoencoder"), "e1.bias"
    weights = {name: array.astype(np.float64) for name, array in one.weights.items()}
    hidden = witness.forward(one.recipe, weights, *one.inputs)["encoder.e1"]
    weights[key][0] -= hidden[0, 0]
    wide = witness.STEP * max(abs(weights[key][0]), root_mean_square(weights[key]), witness.SMALLEST)
    weights[key][0] += steps * wide
    exact = gradient_budgets(one.recipe, weights, *one.inputs).gradients[key][0]
    value = witness.central_differences(one.recipe, weights, *one.inputs, picks={key: [0]})[key][0]
    assert np.isfinite(value) == reliable
    if reliable:
        assert near(value, exact, "difference quotient")


def convolve(layer: Conv2D, weight, x) -> np.ndarray:
    """The definition, one output value after another."""
    count, _, height, width = x.shape
    out = np.zeros((count, *layer.output_shape(x.shape[1:])))
    for n, o, i, j in np.ndindex(out.shape):
        for c, a, b in np.ndindex(layer.in_channels, layer.kernel, layer.kernel):
            row, column = i * layer.stride + a - layer.padding, j * layer.stride + b - layer.padding
            if 0 <= row < height and 0 <= column < width:
                out[n, o, i, j] += weight[o, c, a, b] * x[n, c, row, column]
    return out


def scatter(layer: ConvTranspose2D, weight, x) -> np.ndarray:
    """The definition, one input value after another."""
    out = np.zeros((len(x), *layer.output_shape(x.shape[1:])))
    for n, c, i, j in np.ndindex(x.shape):
        for o, a, b in np.ndindex(layer.out_channels, layer.kernel, layer.kernel):
            row, column = i * layer.stride + a - layer.padding, j * layer.stride + b - layer.padding
            if 0 <= row < out.shape[2] and 0 <= column < out.shape[3]:
                out[n, o, row, column] += x[n, c, i, j] * weight[c, o, a, b]
    return out


LAYERS = [
    Conv2D("c", 2, 3, 4, 2, 1), Conv2D("c", 2, 3, 3, 2, 0), Conv2D("c", 2, 3, 1), Conv2D("c", 2, 3, 3, 1, 1),
    ConvTranspose2D("t", 2, 3, 4, 2, 1), ConvTranspose2D("t", 2, 3, 3, 2, 1, 1), ConvTranspose2D("t", 2, 3, 2, 3, 0, 1),
]  # fmt: skip


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_convolutions_are_their_definitions_and_adjoint_to_their_gradients(layer):
    draw = np.random.default_rng(0)
    x = draw.standard_normal((2, 2, 5, 6))
    weight = draw.standard_normal(layer.parameters()[f"{layer.name}.weight"])
    products = product_map(layer, x.shape)
    y = products.output(weight, x)
    assert near(y, (convolve if isinstance(layer, Conv2D) else scatter)(layer, weight, x))
    gradient = draw.standard_normal(y.shape)
    through = (gradient * y).sum()  # ⟨g, W x⟩ = ⟨Wᵀ g, x⟩ = ⟨∂/∂W, W⟩
    assert near((products.to_input(weight, gradient) * x).sum(), through)
    assert near((products.to_weight(gradient, x) * weight).sum(), through)
    ones = product_map(layer, x.shape).output(np.ones_like(weight), np.ones_like(x))
    assert ones.max() <= products.terms.output


def test_cross_entropy_holds_its_logarithms():
    one = case("mlp")
    decoded = np.zeros((1, 1, 8, 8))
    heads = (np.zeros((1, 4)), np.zeros((1, 4)))
    loss, reconstruction, divergence = witness.objective(one.recipe, heads, decoded, np.ones((1, 1, 8, 8)))
    assert (loss, reconstruction, divergence) == (6400.0, 6400.0, 0.0)


def test_what_is_missing_is_named():
    one = case("aistudio-cvae")
    image, _, noise, _ = one.inputs
    with pytest.raises(BadInput, match="label"):
        witness.forward(one.recipe, one.weights, image, None, noise)
    weights = {key: array for key, array in one.weights.items() if key != "decoder.conv2.bias"}
    with pytest.raises(BadInput, match=r"decoder\.conv2\.bias"):
        witness.forward(one.recipe, weights, *one.inputs)


def test_elements_are_picked_alike_and_once():
    recipe = ZOO["aistudio-vae"]
    picks = witness.pick(recipe, 5, 4)
    sizes = {key: int(np.prod(shape)) for key, shape in recipe.model.parameters().items()}
    for key, places in picks.items():
        assert len(set(places)) == len(places) == min(4, sizes[key])
        assert places.max() < sizes[key]
        assert np.array_equal(places, witness.pick(recipe, 5, 4)[key])


def test_the_witness_knows_no_framework():
    program = (
        "import sys, dualport.common.compare.rounding.budgets, dualport.common.compare.witness.exact;"
        "print([m for m in ('torch', 'paddle') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
