"""A fault planted in one backend is found, at the right rung and at the right layer.

Faults of the recipe are given to one side as another spec; faults of the code are planted in that backend's own copy
of a function, by changing its source.
"""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from dualport.backends import network, session
from dualport.backends.model_state import views_of
from dualport.common.compare.verdict import FAIL
from dualport.common.spec import Optimizer, Recipe
from ladder_systems import SYSTEMS, climb, with_adam, with_layer

CVAE, MLP, CONV = SYSTEMS["aistudio-cvae"], SYSTEMS["everything"], SYSTEMS["normalised"]
pytestmark = pytest.mark.mutants


@dataclass(frozen=True)
class Mutant:
    """A fault, and where it must be found: rung, and how the name of the first divergence begins.

    `spec` makes another recipe for one side; `plant` patches the code of one backend.
    """

    recipe: Recipe
    rung: str
    first: str
    spec: Callable[[Recipe], Recipe] | None = None
    plant: Callable | None = None
    backend: str = "paddle"


def mutated(function, old: str, new: str, **names):
    """A copy of `function` with a piece of its source replaced, in its own module's names and `names`."""
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1, f"{function.__name__} no longer holds {old!r}"
    space = {**function.__globals__, **names}
    exec(compile(source.replace(old, new), f"<mutant of {function.__name__}>", "exec"), space)
    return space[function.__name__]


def walk(old: str, new: str):
    """A fault in the walk through the networks."""
    return _in_model("run", "return run_network(", run_network=mutated(network.run_network, old, new))


def sample(old: str, new: str):
    """A fault in the sampling of z."""
    return _in_model("forward", "sample_latent(", sample_latent=mutated(network.sample_latent, old, new))


def _in_model(method: str, body: str, **names):
    """Paddle's model with a method that calls other functions; PyTorch's, which shares its source, stays."""
    wrong = mutated(getattr(network.Model, method), body, body, **names)
    return lambda patch: patch.setattr(_part("model").Model, method, wrong)


def divergence(old: str, new: str):
    """A fault in the KL term."""

    def plant(patch) -> None:
        wrong = mutated(network._divergence, old, new)
        terms = mutated(network.objective_terms, "count = image.shape[0]", "count = image.shape[0]", _divergence=wrong)
        body = "return objective_terms("
        patch.setattr(_session(), "_terms", mutated(session.Session._terms, body, body, objective_terms=terms))

    return plant


def layer(name: str, change: Callable):
    """A fault in one layer: `change` gets the layer's module and gives what is called in its place."""

    def plant(patch) -> None:
        model = _part("model").Model
        realise = model.realise

        def wrong(self, network, prefix):
            made = realise(self, network, prefix)
            place = name.removeprefix(f"{network.name}.")
            if place in made:
                made[place] = change(made[place])
            return made

        patch.setattr(model, "realise", wrong)

    return plant


def _part(name: str):
    """A module of the Paddle backend."""
    import importlib

    return importlib.import_module(f"dualport.backends.paddle.{name}")


def _session() -> type:
    """The Paddle backend's session; what it shares with PyTorch's is patched in it alone."""
    return _part("session").Session


def square_linear_not_transposed(patch) -> None:
    def wrong(framework, model):
        views = views_of(framework, model)
        return {name: replace(one, transposed=one.transposed and "fc2" not in name) for name, one in views.items()}

    init = session.Session.__init__
    body = "self.views = views_of("
    patch.setattr(_session(), "__init__", mutated(init, body, body, views_of=wrong))


def one_weight_nudged(patch) -> None:
    load = session.Session.load_weights

    def wrong(self, weights):
        name = "decoder.conv3.bias"
        load(self, {**weights, name: weights[name] + np.float32(1e-6)})

    patch.setattr(_session(), "load_weights", wrong)


def images_darker(patch) -> None:
    load = session.Session.load_data
    patch.setattr(_session(), "load_data", lambda self, images, labels: load(self, images * np.float32(0.5), labels))


def gradients_not_cleared(patch) -> None:
    patch.setattr(_part("weights"), "clear_gradients", lambda model: None)


def moments_not_restored(patch) -> None:
    patch.setattr(_part("optimizers"), "load_state", lambda *_: None)


def batch_statistics_in_evaluation(patch) -> None:
    norm = _part("layers").RuledBatchNorm
    wrong = mutated(norm.forward, "(x, *statistics,", "(x, x.mean(0), x.var(0, unbiased=False),")
    patch.setattr(norm, "forward", wrong)


def nothing_clipped(patch) -> None:
    patch.setattr(_part("optimizers"), "clip_gradients", lambda parameters, bound: None)


def off_centre(convolution):
    """The same output shape, the padding all on one side."""
    from paddle.nn import functional

    return lambda x: functional.conv2d(
        x, convolution.weight, convolution.bias, stride=convolution._stride, padding=[0, 2, 0, 2]
    )


def coarse(convolution):
    """Float32 computed as bfloat16 holds it; float64 untouched."""

    def run(x):
        return convolution(x.astype("bfloat16").astype("float32") if "float32" in str(x.dtype) else x)

    return run


def training_with(recipe: Recipe, **changes) -> Recipe:
    return replace(recipe, training=replace(recipe.training, **changes))


def objective_with(recipe: Recipe, **changes) -> Recipe:
    return replace(recipe, objective=replace(recipe.objective, **changes))


def one_optimizer(recipe: Recipe) -> Recipe:
    first = recipe.training.optimizers[0]
    return training_with(recipe, optimizers=(replace(first, name="both", networks=("encoder", "decoder")),))


def optimizers_swapped(recipe: Recipe) -> Recipe:
    one, two = recipe.training.optimizers
    crossed: tuple[Optimizer, ...] = (replace(one, networks=two.networks), replace(two, networks=one.networks))
    return training_with(recipe, optimizers=crossed)


RUN = 'x = modules[layer.name or f"#{place}"](x)'
RESHAPE = "x = x.reshape([count, *layer.shape])"
TURN = "x.transpose([0, 1, 3, 2])"

MUTANTS = {
    "leaky slope 0.2": Mutant(
        CVAE, "forward", "encoder.#1:leaky_relu", lambda r: with_layer(r, "encoder", 1, slope=0.2), backend="torch"
    ),
    "padding on one side": Mutant(CVAE, "forward", "encoder.conv2", plant=layer("encoder.conv2", off_centre)),
    "square linear not transposed": Mutant(MLP, "forward", "encoder.fc2", plant=square_linear_not_transposed),
    "H and W swapped before flattening": Mutant(
        CVAE, "forward", "encoder.#4:reshape",
        plant=walk(RESHAPE, f"x = {TURN} if network.name == 'encoder' else x; {RESHAPE}"),
    ),
    "H and W swapped after the reshape": Mutant(
        CVAE, "forward", "decoder.#2:reshape",
        plant=walk(RESHAPE, f"{RESHAPE}; x = {TURN} if network.name == 'decoder' else x"),
    ),
    "label channel before the image": Mutant(
        CVAE, "forward", "encoder.input",
        plant=walk("[x, joined]", "[joined, x] if network.name == 'encoder' else [x, joined]"),
    ),
    "label before z": Mutant(
        CVAE, "forward", "decoder.input",
        plant=walk("[x, joined]", "[joined, x] if network.name == 'decoder' else [x, joined]"),
    ),
    "logvar read as log σ": Mutant(CVAE, "forward", "latent.z", plant=sample("(heads[1] / 2).exp()", "heads[1].exp()")),
    "no noise": Mutant(CVAE, "forward", "latent.z", plant=sample("noise.reshape(z.shape) * sigma + z", "sigma + z")),
    "KL without its half": Mutant(CVAE, "objective", "kl", plant=divergence("-0.5 * (1", "-1.0 * (1")),
    "σ for σ² in KL": Mutant(
        CVAE, "objective", "kl", plant=divergence("- log_variance.exp())", "- (log_variance / 2).exp())")
    ),
    "mean over pixels instead of sum": Mutant(
        CVAE, "objective", "reconstruction", lambda r: objective_with(r, over_values="mean"), backend="torch"
    ),
    "sum over the batch instead of mean": Mutant(
        CVAE, "objective", "loss", lambda r: objective_with(r, over_batch="sum")
    ),
    "another metric printed": Mutant(CVAE, "objective", "printed", lambda r: objective_with(r, printed="epoch_sum")),
    "beta1 0.9": Mutant(
        CVAE, "one step", "encoder.conv_label.weight, first moment", lambda r: with_adam(r, beta1=0.9), backend="torch"
    ),
    "beta2 0.99": Mutant(
        CVAE, "one step", "encoder.conv_label.weight, second moment", lambda r: with_adam(r, beta2=0.99)
    ),
    "epsilon 1e-7": Mutant(CVAE, "one step", "encoder.conv_label.weight", lambda r: with_adam(r, epsilon=1e-7)),
    "learning rate a thousandth higher": Mutant(
        CVAE, "one step", "encoder.conv_label.weight", lambda r: with_adam(r, learning_rate=1.001e-4), backend="torch"
    ),
    "no weight decay": Mutant(
        MLP, "one step", "encoder.fc1.weight, first moment", lambda r: with_adam(r, weight_decay=0.0)
    ),
    "nothing clipped": Mutant(MLP, "one step", "encoder.fc1.weight, first moment", plant=nothing_clipped),
    "gradients not cleared": Mutant(
        CVAE, "steps", "encoder.conv_label.weight, first moment, step 2",
        plant=gradients_not_cleared,
    ),
    "missing bias": Mutant(
        CVAE, "structure", "encoder.conv2.bias", lambda r: with_layer(r, "encoder", "conv2", bias=False),
        backend="torch",
    ),
    "bias held but not added": Mutant(
        MLP, "forward", "encoder.fc1", plant=layer("encoder.fc1", lambda linear: lambda x: x @ linear.weight)
    ),
    "batch norm eps": Mutant(
        MLP, "forward", "encoder.bn1", lambda r: with_layer(r, "encoder", "bn1", eps=1.1e-5), backend="torch"
    ),
    "batch norm momentum": Mutant(
        MLP, "running statistics", "encoder.bn1.running_mean", lambda r: with_layer(r, "encoder", "bn1", momentum=0.1)
    ),
    "unbiased instead of biased variance": Mutant(
        MLP, "running statistics", "encoder.bn1.running_var",
        lambda r: with_layer(r, "encoder", "bn1", variance="unbiased"), backend="torch",
    ),
    "biased instead of unbiased variance": Mutant(
        MLP, "running statistics", "encoder.bn2.running_var",
        lambda r: with_layer(r, "encoder", "bn2", variance="biased"),
    ),
    "batch statistics in evaluation": Mutant(
        MLP, "running statistics", "encoder.bn1, in evaluation", plant=batch_statistics_in_evaluation
    ),
    "dropout without scaling": Mutant(
        MLP, "forward", "encoder.drop1",
        plant=walk("masks[layer.name].reshape(x.shape)", "(masks[layer.name].reshape(x.shape) > 0).astype(x.dtype)"),
    ),
    "dropout of z forgotten": Mutant(
        MLP, "forward", "latent.z", plant=sample("masks[latent.dropout.name].reshape(z.shape)", "1")
    ),
    "one optimiser instead of two": Mutant(CVAE, "structure", "encoder.conv_label.weight, stepped by", one_optimizer),
    "optimisers swapped": Mutant(CVAE, "structure", "encoder.conv_label.weight, stepped by", optimizers_swapped),
    "drop-last ignored": Mutant(
        CVAE, "data", "steps in an epoch", lambda r: training_with(r, drop_last=False), backend="torch"
    ),
    "images half as bright": Mutant(CVAE, "data", "image, step 0", plant=images_darker),
    "one weight nudged": Mutant(CVAE, "initialisation", "decoder.conv3.bias", plant=one_weight_nudged),
    "flipped output": Mutant(
        CVAE, "forward", "decoder.#8:tanh", plant=layer("decoder.#8", lambda tanh: lambda x: -tanh(x))
    ),
    "detached activation": Mutant(
        CVAE, "gradients", "encoder.#3:leaky_relu, its gradient",
        plant=layer("encoder.#3", lambda leaky: lambda x: leaky(x).detach()),
    ),
    "gradient scaled on its way": Mutant(
        CVAE, "gradients", "decoder.#2:reshape, its gradient",  # where what conv2 sends back arrives
        plant=layer("decoder.conv2", lambda deconvolution: lambda x: deconvolution(x * 0.5 + (x * 0.5).detach())),
    ),
    "float32 constant in float64": Mutant(
        CVAE, "forward", "encoder.#1:leaky_relu",
        lambda r: with_layer(r, "encoder", 1, slope=float(np.float32(0.01))), backend="torch",
    ),
    "relu for leaky relu": Mutant(
        CVAE, "forward", "decoder.#6:leaky_relu", plant=layer("decoder.#6", lambda _: lambda x: x.clip(min=0.0))
    ),
    "float32 rounded to bfloat16": Mutant(CVAE, "forward", "encoder.conv2", plant=layer("encoder.conv2", coarse)),
    "moments not restored": Mutant(
        CVAE, "resume", "encoder.conv_label.weight, paddle from its own checkpoint", plant=moments_not_restored
    ),
    "KL weighed otherwise": Mutant(CVAE, "objective", "loss", lambda r: objective_with(r, beta=1.01), backend="torch"),
    "sum over the batch, autoencoder": Mutant(CONV, "objective", "loss", lambda r: objective_with(r, over_batch="sum")),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_the_mutant_is_found_where_it_is(name, monkeypatch):
    mutant = MUTANTS[name]
    other = mutant.spec(mutant.recipe) if mutant.spec else None
    assert other != mutant.recipe
    if mutant.plant:
        mutant.plant(monkeypatch)
    verdict = climb(mutant.recipe, 3, other, mutant.backend)
    assert verdict.failed is not None, "the mutant passed"
    assert verdict.failed.status == FAIL
    assert (verdict.failed.name, verdict.failed.first.name[: len(mutant.first)]) == (mutant.rung, mutant.first)
    assert verdict.rungs[-1] is verdict.failed  # the climb stops there
    assert verdict.failed.first.name in verdict.sentence


def test_there_are_enough_mutants():
    assert len(MUTANTS) >= 20
