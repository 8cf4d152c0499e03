"""Small systems that climb the ladder in a second or two, and the toy data for them."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np
from dualport.backends.recipes.validate import validate
from dualport.common import recipes
from dualport.common.compare.ladder import LadderPlan, Side
from dualport.common.compare.verdict import Verdict
from dualport.common.data import Dataset
from dualport.common.random_streams import stream
from dualport.common.spec import (  # fmt: skip
    Activation,
    BatchNorm,
    Conv2D,
    Data,
    Latent,
    Linear,
    Model,
    Network,
    Objective,
    Optimizer,
    Recipe,
    Reshape,
    Training,
)

from systems import everything

STEPS = 4


def normalized() -> Recipe:
    """A convolutional autoencoder whose biases feed batch normalisation: their true gradients are 0."""
    encoder = Network(
        "encoder",
        (1, 8, 8),
        (Conv2D("conv1", 1, 6, 3, 2, 1), BatchNorm("bn1", 6), Activation("relu"), Reshape((96,)), Linear("fc", 96, 4)),
    )
    decoder = Network("decoder", (4,), (Linear("out", 4, 64), Activation("tanh")))
    adam = Optimizer("all", ("encoder", "decoder"), 1e-3)
    return Recipe(
        name="normalised",
        title="an autoencoder with batch normalisation",
        source="these tests",
        framework="paddle",
        model=Model(encoder, decoder, Latent(4, "none"), image=(1, 8, 8)),
        objective=Objective(kl="none"),
        training=Training((adam,), batch_size=8, epochs=1, drop_last=True),
        data=Data((-1.0, 1.0)),
    )


def small(name: str, **more) -> Recipe:
    return recipes.recipe(name, {"width": 4, "image": 8, "batch_size": 8} | more)


def small_torch_recipes() -> dict[str, Recipe]:
    """Every recipe that was published in PyTorch, in sizes of a few numbers."""
    mlps = [name for name in recipes.names() if not name.startswith("aistudio") and name != "face-vae"]
    sizes = {"latent": 3, "hidden": 16, "image": 8, "batch_size": 8}
    face = recipes.recipe("face-vae", {"latent": 4, "width": 2, "image": 32, "batch_size": 8})
    return {name: recipes.recipe(name, sizes) for name in mlps} | {"face-vae": face}


SYSTEMS = {
    "aistudio-vae": small("aistudio-vae"),
    "aistudio-cvae": small("aistudio-cvae"),
    "aistudio-vae-one": small("aistudio-vae-one", batch_size=1),
    "aistudio-vae-two": small("aistudio-vae-two", batch_size=2),
    "everything": everything(),
    "everything, published KL, means": everything(
        kl="published_2d", over_values="mean", over_batch="mean", beta=0.5, printed="epoch_sum"
    ),
    "colour, clipped": small("aistudio-cvae", width=2, channels=3, clip_norm=0.5),
    "normalised": normalized(),
    **small_torch_recipes(),
}


def toy(recipe: Recipe, count: int = 45) -> Dataset:
    """Images of noise with labels; as many as the recipe picks, if it picks some."""
    count = count if recipe.data.indices is None else len(recipe.data.indices)
    draw = stream(0, "toy")
    images = draw.random((count, *recipe.model.image_shape), np.float32)
    return Dataset(images, draw.integers(0, 10, count), "toy", f"{prod(images.shape)} random numbers")


def climb(
    recipe: Recipe, steps: int = STEPS, other: Recipe | None = None, mutated: str = "paddle", **options
) -> Verdict:
    """Climb with `recipe` on both sides, or with `other` on the side that `mutated` names."""
    devices = options.pop("devices", {})
    epochs = options.pop("epochs", 0)
    sides = tuple(
        Side(name, other if other is not None and name == mutated else recipe, devices.get(name, "cpu"))
        for name in ("torch", "paddle")
    )
    return validate(sides, LadderPlan(recipe, toy(recipe), 1, steps, epochs), **options)


def with_layer(recipe: Recipe, network: str, which: str | int, **changes) -> Recipe:
    """The recipe with fields of one layer changed, which is named or given by its place."""
    before = recipe.model.networks()[network]
    layers = tuple(
        replace(layer, **changes) if which in (place, layer.name) else layer
        for place, layer in enumerate(before.layers)
    )
    assert layers != before.layers
    return replace(recipe, model=replace(recipe.model, **{network: replace(before, layers=layers)}))


def with_adam(recipe: Recipe, **changes) -> Recipe:
    """The recipe with settings of every optimiser changed."""
    optimizers = tuple(replace(one, **changes) for one in recipe.training.optimizers)
    return replace(recipe, training=replace(recipe.training, optimizers=optimizers))
