"""The convolutional VAE with batch normalisation for 64×64 faces (PyTorch, CelebA)."""

from __future__ import annotations

from ..errors import BadInput
from ..spec import (
    Activation,
    BatchNorm,
    Conv2D,
    ConvTranspose2D,
    Data,
    Figure,
    Latent,
    Layer,
    Linear,
    Model,
    Network,
    Objective,
    Optimizer,
    Recipe,
    Reshape,
    Training,
)

SOURCE = "Convolutional VAE with batch normalisation for 64×64 faces (PyTorch, CelebA)"
RELU = Activation("relu")
QUIRKS = (
    "The decoder ends in a ReLU, which cuts off every pixel below 0 and its gradient.",
    "Printed is the sum over batches of the mean loss, divided by the number of images: a mean a batch would divide by "
    "the number of batches.",
)


def vae(latent: int = 128, width: int = 16, image: int = 64, channels: int = 3) -> Recipe:
    """Five stride-2 blocks down to 2×2 and five up again; `width` is the first block's number of channels.

    Raises:
        BadInput: the image side is not a multiple of 32.
    """
    if image % 32 or image < 32:
        raise BadInput(f"image must be a multiple of 32 (five strides of 2), but is {image}")
    widths = [width * 2**power for power in range(5)]
    side, deepest = image // 32, widths[-1]
    return Recipe(
        name="face-vae",
        title="convolutional VAE with batch normalisation",
        source=SOURCE,
        framework="torch",
        model=Model(
            _encoder(widths, channels, image, deepest * side**2, latent),
            _decoder(widths, channels, side, latent),
            Latent(latent),
        ),
        objective=Objective(over_values="mean", beta=0.00025, printed="batch_means_per_image"),
        training=Training((Optimizer("adam", ("encoder", "decoder"), 0.005),), batch_size=16, epochs=10),
        data=Data((0.0, 1.0), source="photos", crop=168),
        figures=(
            Figure("reconstructions", {"count": 8}),
            Figure("samples", {"rows": 2, "columns": 8}),
            Figure("data_sheet", {"side": 4}),
            Figure("losses"),
        ),
        weight_file="face-vae",
        quirks=QUIRKS,
    )


def _encoder(widths: list[int], channels: int, image: int, flat: int, latent: int) -> Network:
    layers: list[Layer] = []
    for block, (before, after) in enumerate(zip([channels, *widths], widths, strict=False)):
        layers += [Conv2D(f"encoder.{block}.0", before, after, 3, 2, 1), BatchNorm(f"encoder.{block}.1", after), RELU]
    heads = (Linear("mean_linear", flat, latent), Linear("var_linear", flat, latent))
    return Network("encoder", (channels, image, image), (*layers, Reshape((flat,))), heads=heads)


def _decoder(widths: list[int], channels: int, side: int, latent: int) -> Network:
    deepest, first = widths[-1], widths[0]
    layers: list[Layer] = [Linear("decoder_projection", latent, deepest * side**2), Reshape((deepest, side, side))]
    for block, (before, after) in enumerate(zip(widths[::-1], [*widths[-2::-1], first], strict=True)):
        layers += [
            ConvTranspose2D(f"decoder.{block}.0", before, after, 3, 2, 1, 1),
            BatchNorm(f"decoder.{block}.1", after),
            RELU,
        ]
    layers += [Conv2D("decoder.4.3", first, channels, 3, 1, 1), RELU]
    return Network("decoder", (latent,), tuple(layers))


RECIPES = {"face-vae": vae}
