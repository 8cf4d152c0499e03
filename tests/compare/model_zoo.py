"""Small recipes that hold every kind of layer, latent and objective between them, and one batch for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from dualport.backends import load_backend
from dualport.common import recipes
from dualport.common.random_streams import normal, stream
from dualport.common.runs.epoch_plan import dropout_mask
from dualport.common.runs.initial_weights import initial_weights
from dualport.common.spec import (  # fmt: skip
    Activation,
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Data,
    Dropout,
    Latent,
    Linear,
    Model,
    Network,
    Objective,
    OneHot,
    Optimizer,
    Recipe,
    Reshape,
    Training,
)
from dualport.common.traces.memory import MemoryGroup
from dualport.common.traces.reading import Run
from dualport.common.traces.writing import Stored


def _recipe(name: str, model: Model, **objective) -> Recipe:
    optimizer = Optimizer("all", ("encoder", "decoder"), 1e-3)
    training = Training((optimizer,), batch_size=16, epochs=1)
    return Recipe(name, name, "these tests", "torch", model, Objective(**objective), training, Data((0.0, 1.0)))


def mlp(**objective) -> Recipe:
    """Linear, both variance rules, dropout before and after sampling, log σ, one-hot labels, logistic output, BCE."""
    layers = (
        Linear("fc1", 74, 32), BatchNorm("bn1", 32, variance="biased", momentum=0.2), Activation("relu"),
        Dropout("drop1", 0.5), Linear("fc2", 32, 32, bias=False), BatchNorm("bn2", 32, eps=1e-3), Activation("tanh"),
    )  # fmt: skip
    heads = (Linear("fc_mu", 32, 4), Linear("fc_logsigma", 32, 4))
    encoder = Network("encoder", (64,), layers, heads, OneHot(10), "encoder.")
    layers = (Linear("fc3", 14, 64), Activation("sigmoid"))
    decoder = Network("decoder", (4,), layers, condition=OneHot(10), prefix="decoder.")
    model = Model(encoder, decoder, Latent(4, "logsigma", Dropout("drop_z", 0.2)), image=(1, 8, 8))
    return _recipe("mlp", model, **({"reconstruction": "binary_cross_entropy", "over_batch": "sum"} | objective))


def faces() -> Recipe:
    """Batch normalisation of channels, odd kernels, output padding, a final ReLU, mean squared error."""
    encoder = Network(
        "encoder", (3, 8, 8),
        (Conv2D("0.0", 3, 6, 3, 2, 1), BatchNorm("0.1", 6), Activation("relu"), Reshape((96,))),
        heads=(Linear("mean_linear", 96, 5), Linear("var_linear", 96, 5)), prefix="encoder.",
    )  # fmt: skip
    decoder = Network(
        "decoder", (5,),
        (Linear("projection", 5, 96), Reshape((6, 4, 4)), ConvTranspose2D("0.0", 6, 4, 3, 2, 1, 1),
         BatchNorm("0.1", 4), Activation("leaky_relu"), Conv2D("0.3", 4, 3, 3, 1, 1), Activation("relu")),
        prefix="decoder.",
    )  # fmt: skip
    return _recipe("faces", Model(encoder, decoder, Latent(5)), over_values="mean", beta=0.00025)


def autoencoder() -> Recipe:
    """No spread, no divergence."""
    encoder = Network("encoder", (64,), (Linear("e1", 64, 16), Activation("relu"), Linear("e2", 16, 2)))
    decoder = Network("decoder", (2,), (Linear("d1", 2, 64), Activation("sigmoid")))
    model = Model(encoder, decoder, Latent(2, "none"), image=(1, 8, 8))
    return _recipe("autoencoder", model, kl="none", over_batch="sum")


SMALL = {"width": 4, "image": 8, "batch_size": 16}
ZOO = {
    "aistudio-vae": recipes.recipe("aistudio-vae", SMALL),
    "aistudio-cvae": recipes.recipe("aistudio-cvae", SMALL),
    "mlp": mlp(),
    "mlp, published KL": mlp(kl="published_2d", reconstruction="squared_error", over_batch="mean", beta=0.5),
    "faces": faces(),
    "autoencoder": autoencoder(),
}


class Probe(NamedTuple):
    """What a pass forward and backward shows, by name."""

    activations: dict[str, np.ndarray]
    objective: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]
    flow: dict[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """A recipe with weights and one batch. `inputs` are what `witness.forward` takes behind the weights."""

    recipe: Recipe
    weights: dict[str, np.ndarray]
    inputs: tuple

    def session(self, backend: str, dtype: str):
        return load_backend(backend).Session(self.recipe, self.weights, "cpu", dtype)

    def probe(self, backend: str, dtype: str) -> Probe:
        """The backend's pass over the batch."""
        session, group = self.session(backend, dtype), MemoryGroup()
        image, label, noise, masks = self.inputs
        on_device = [None if array is None else session.to_device(array) for array in (image, label, noise)]
        objective = session.probe(
            Stored(group), *on_device, {name: session.to_device(mask) for name, mask in masks.items()} or None
        )
        run = Run(group, "", dtype, "train")
        values, flow = (run.arrays(section) for section in ("values", "flow"))
        numbers = {name: str(number) for name, number in run.observed.items()}
        return Probe(
            {name: values[number] for name, number in numbers.items()},
            objective,
            run.arrays("gradients/1"),
            {name: flow[number] for name, number in numbers.items() if number in flow},
        )


def case(name: str, seed: int = 1) -> Case:
    """The recipe with weights away from their start: no bias is 0, no batch normalisation is the identity."""
    recipe, count, draw = ZOO[name], 16, stream(seed, "case")
    model, (low, high) = recipe.model, recipe.data.value_range
    weights = initial_weights(recipe, seed)
    for parameter in model.parameters():
        array = weights[parameter]
        weights[parameter] = (array + 0.05 * draw.standard_normal(array.shape)).astype(np.float32)
    for buffer in model.buffers():
        if not buffer.endswith("num_batches_tracked"):
            weights[buffer] = (weights[buffer] + draw.uniform(0, 0.5, weights[buffer].shape)).astype(np.float32)
    image = draw.uniform(low, high, (count, *model.image_shape)).astype(np.float32)
    label = np.eye(10, dtype=np.float32)[draw.integers(0, 10, count)] if model.conditional else None
    noise = normal(seed, "noise", shape=(count, model.latent.size))
    masks = {
        layer.name: dropout_mask(seed, layer.name, 0, 0, (count, *shape), layer.p) for layer, shape in model.dropouts()
    }
    return Case(recipe, weights, (image, label, noise, masks))
