"""The MLP VAE and CVAE (PyTorch): 784 – 400 – 20, sigmoid output, binary cross-entropy."""

from __future__ import annotations

from math import prod

from ..spec import (
    Activation,
    Data,
    Figure,
    Latent,
    Linear,
    Model,
    Network,
    Objective,
    OneHot,
    Optimizer,
    Recipe,
    Training,
)

SOURCE = "MLP VAE and CVAE on MNIST (PyTorch)"
PRIOR_QUIRK = (
    "Ten epochs are few for the prior: on all of MNIST a classifier then recognises 75 % of the digits drawn from it "
    "as the label asked for, after 30 epochs 90 %."
)
RELU, SIGMOID = Activation("relu"), Activation("sigmoid")


def _recipe(name: str, title: str, latent: int, hidden: int, image: int, channels: int, classes: int) -> Recipe:
    shape = (channels, image, image)
    pixels = prod(shape)
    label = OneHot(classes) if classes else None
    encoder = Network(
        "encoder",
        (pixels,),
        (Linear("fc1", pixels + classes, hidden), RELU),
        heads=(Linear("fc_mu", hidden, latent), Linear("fc_logvar", hidden, latent)),
        condition=label,
    )
    layers = (Linear("fc2", latent + classes, hidden), RELU, Linear("fc3", hidden, pixels), SIGMOID)
    decoder = Network("decoder", (latent,), layers, condition=label)
    figures = (
        Figure("reconstructions", {"count": 8}),
        Figure("samples", {"rows": 1, "columns": 8}),
        *((Figure("classes"),) if classes else ()),
        Figure("losses"),
    )
    return Recipe(
        name=name,
        title=title,
        source=SOURCE,
        framework="torch",
        model=Model(encoder, decoder, Latent(latent), image=shape),
        objective=Objective(reconstruction="binary_cross_entropy", over_batch="sum"),
        training=Training((Optimizer("adam", ("encoder", "decoder"), 1e-3),), batch_size=128, epochs=10),
        data=Data((0.0, 1.0)),
        figures=figures,
        weight_file=name,
        quick={"epochs": 60},
        quirks=(PRIOR_QUIRK,) if classes else (),
    )


def vae(latent: int = 20, hidden: int = 400, image: int = 28, channels: int = 1) -> Recipe:
    """The VAE; 100 epochs for the published sample figure."""
    return _recipe("mlp-vae", "MLP VAE", latent, hidden, image, channels, 0)


def cvae(latent: int = 20, hidden: int = 400, image: int = 28, channels: int = 1, classes: int = 10) -> Recipe:
    """The CVAE: the one-hot label joins the image and z."""
    return _recipe("mlp-cvae", "MLP CVAE", latent, hidden, image, channels, classes)


RECIPES = {"mlp-vae": vae, "mlp-cvae": cvae}
