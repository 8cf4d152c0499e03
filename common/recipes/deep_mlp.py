"""The MLP VAE 784 – 512 – 256 – 32 and its exercises (PyTorch): each exercise changes one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Literal

from ..spec import (
    Activation,
    BatchNorm,
    Data,
    Dropout,
    Figure,
    Latent,
    Layer,
    Linear,
    Model,
    Network,
    Objective,
    OneHot,
    Optimizer,
    Recipe,
    Training,
)

SOURCE = "MLP VAE 784-512-256-32 and its exercises (PyTorch)"


@dataclass(frozen=True)
class Variant:
    """What an exercise changes: its name's ending, a title, and the one thing."""

    ending: str
    title: str
    batch_norm: bool = False
    hidden_dropout: float = 0.0
    latent_dropout: float = 0.0
    activation: Activation = Activation("relu")  # noqa: RUF009 - frozen
    reconstruction: Literal["squared_error", "binary_cross_entropy"] = "binary_cross_entropy"


VARIANTS = (
    Variant("", "MLP VAE"),
    Variant("-bn", "with batch normalisation after every hidden layer", batch_norm=True),
    Variant("-dropout", "with dropout 0.5 in the hidden layers", hidden_dropout=0.5),
    Variant("-latent-dropout", "with dropout 0.2 on z", latent_dropout=0.2),
    Variant("-leaky", "with leaky ReLU 0.01", activation=Activation("leaky_relu", 0.01)),
    Variant("-mse", "with summed squared error", reconstruction="squared_error"),
)


def _block(layer: Linear, number: int, variant: Variant) -> list[Layer]:
    """A hidden layer: relu(fc(x)), relu(bn(fc(x))) or relu(dropout(fc(x)))."""
    block: list[Layer] = [layer]
    if variant.batch_norm:
        block.append(BatchNorm(f"bn{number}", layer.out_features))
    if variant.hidden_dropout:
        block.append(Dropout(f"dropout{number}", variant.hidden_dropout))
    return [*block, variant.activation]


def _recipe(variant: Variant, latent: int, hidden: int, image: int, channels: int, classes: int) -> Recipe:
    shape = (channels, image, image)
    pixels, half = prod(shape), hidden // 2
    label = OneHot(classes) if classes else None
    encoder = Network(
        "encoder",
        (pixels,),
        (
            *_block(Linear("fc1", pixels + classes, hidden), 1, variant),
            *_block(Linear("fc2", hidden, half), 2, variant),
        ),
        heads=(Linear("fc_mu", half, latent), Linear("fc_logvar", half, latent)),
        condition=label,
        prefix="encoder.",
    )
    decoder = Network(
        "decoder",
        (latent,),
        (
            *_block(Linear("fc3", latent + classes, half), 3, variant),
            *_block(Linear("fc4", half, hidden), 4, variant),
            Linear("fc5", hidden, pixels),
            Activation("sigmoid"),
        ),
        condition=label,
        prefix="decoder.",
    )
    dropout = Dropout("dropout_z", variant.latent_dropout) if variant.latent_dropout else None
    name = f"deep-mlp-vae{variant.ending}"
    return Recipe(
        name=name,
        title=variant.title,
        source=SOURCE,
        framework="torch",
        model=Model(encoder, decoder, Latent(latent, "logvar", dropout), image=shape),
        objective=Objective(reconstruction=variant.reconstruction, over_batch="sum"),
        training=Training((Optimizer("adam", ("encoder", "decoder"), 1e-3),), batch_size=128, epochs=20),
        data=Data((0.0, 1.0)),
        figures=(
            Figure("samples", {"rows": 8, "columns": 8}),
            Figure("reconstructions", {"count": 8}),
            *((Figure("classes"),) if classes else ()),
            Figure("losses"),
        ),
        weight_file=name,
        quick={"epochs": 60},
    )


def _builder(variant: Variant, latent: int = 32, classes: int = 0) -> Callable[..., Recipe]:
    """A builder whose parameters `--set` can change."""

    def plain(latent: int = latent, hidden: int = 512, image: int = 28, channels: int = 1):
        return _recipe(variant, latent, hidden, image, channels, 0)

    def labelled(latent: int = latent, hidden: int = 512, image: int = 28, channels: int = 1, classes: int = classes):
        return _recipe(variant, latent, hidden, image, channels, classes)

    return labelled if classes else plain


PLAIN = VARIANTS[0]
RECIPES = {f"deep-mlp-vae{variant.ending}": _builder(variant) for variant in VARIANTS} | {
    "deep-mlp-vae-cvae": _builder(replace(PLAIN, ending="-cvae", title="MLP CVAE, integer labels one-hot"), classes=10),
    "deep-mlp-vae-z16": _builder(replace(PLAIN, ending="-z16", title="with latent size 16"), 16),
    "deep-mlp-vae-z64": _builder(replace(PLAIN, ending="-z64", title="with latent size 64"), 64),
}
