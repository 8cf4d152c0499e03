"""The autoencoder and the VAE with a 2-D latent (PyTorch), with the loss that each printed in each of its 20 epochs."""

from __future__ import annotations

from math import prod

from ..spec import Activation, Data, Figure, Latent, Linear, Model, Network, Objective, Optimizer, Recipe, Training

SOURCE = "Autoencoder and variational autoencoder with a 2-D latent (PyTorch)"
RELU, SIGMOID = Activation("relu"), Activation("sigmoid")
# The loss summed over the epoch, as printed, on all 60,000 images.
AE_LOSSES = (
    2659814.24, 2256156.66, 2177884.25, 2130104.68, 2093778.43, 2063126.55, 2040471.14, 2020188.49, 2001980.40,
    1986093.84, 1973533.61, 1961524.65, 1949737.02, 1940271.12, 1931843.24, 1925252.73, 1915144.65, 1909307.22,
    1902923.66, 1895050.84,
)  # fmt: skip
VAE_LOSSES = (
    2955577.13, 2552912.41, 2485355.99, 2450261.14, 2424921.47, 2406059.85, 2390072.58, 2378411.91, 2368219.84,
    2357933.98, 2348506.41, 2340736.01, 2332036.64, 2324677.32, 2317244.84, 2311711.35, 2304684.86, 2297983.36,
    2292442.58, 2286543.68,
)  # fmt: skip


def _recipe(name: str, title: str, model: Model, objective: Objective, half_width: float, **rest) -> Recipe:
    figures = (
        Figure("latents", {"count": 12_800, "colour_bar": True}),  # the first 100 batches
        Figure("manifold", {"side": 10, "half_width": half_width}),
        Figure("interpolation", {"labels": (1, 0), "count": 20}),
        Figure("interpolation_gif", {"labels": (1, 0), "count": 100, "pixels": 256}),
        Figure("losses"),
    )
    return Recipe(
        name=name,
        title=title,
        source=SOURCE,
        framework="torch",
        model=model,
        objective=objective,
        training=Training((Optimizer("adam", ("encoder", "decoder"), 1e-3),), batch_size=128, epochs=20),
        data=Data((0.0, 1.0)),
        figures=figures,
        weight_file=name,
        quick={"epochs": 60},
        **rest,
    )


def _model(latent: int, hidden: int, image: int, channels: int, variational: bool) -> Model:
    shape = (channels, image, image)
    pixels = prod(shape)
    heads = (Linear("linear2", hidden, latent), Linear("linear3", hidden, latent))
    encoder = Network(
        "encoder",
        (pixels,),
        (Linear("linear1", pixels, hidden), RELU),
        heads=heads if variational else heads[:1],
        prefix="encoder.",
    )
    layers = (Linear("linear1", latent, hidden), RELU, Linear("linear2", hidden, pixels), SIGMOID)
    decoder = Network("decoder", (latent,), layers, prefix="decoder.")
    return Model(encoder, decoder, Latent(latent, "logsigma" if variational else "none"), image=shape)


def autoencoder(latent: int = 2, hidden: int = 512, image: int = 28, channels: int = 1) -> Recipe:
    """The plain autoencoder: squared error, summed over the batch."""
    model = _model(latent, hidden, image, channels, variational=False)
    objective = Objective(over_batch="sum", kl="none", printed="epoch_sum")
    return _recipe("latent2d-ae", "autoencoder, latent 2", model, objective, 10.0, published=AE_LOSSES)


def vae(latent: int = 2, hidden: int = 512, image: int = 28, channels: int = 1) -> Recipe:
    """The VAE: its second head gives log σ, and its KL is the published one."""
    model = _model(latent, hidden, image, channels, variational=True)
    objective = Objective(over_batch="sum", kl="published_2d", printed="epoch_sum")
    quirk = (
        "The published KL is σ² + μ² − log σ − ½; the divergence from N(0, I) is ½(σ² + μ² − 1) − log σ: "
        "--set kl=exact."
    )
    return _recipe("latent2d-vae", "VAE, latent 2", model, objective, 3.0, published=VAE_LOSSES, quirks=(quirk,))


RECIPES = {"latent2d-ae": autoencoder, "latent2d-vae": vae}
