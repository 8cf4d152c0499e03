"""The AI Studio notebook "VAE and CVAE for MNIST digits" (PaddlePaddle): its runs A, B, C and D.

Every dense layer is a 1×1 convolution on `[N, C, 1, 1]`; encoder and decoder are trained by two Adam optimisers and
saved apart. Run B learns one image, run C two; both are a "2".
"""

from __future__ import annotations

from dataclasses import replace

from ..errors import BadInput
from ..spec import (
    Activation,
    Conv2D,
    ConvTranspose2D,
    Data,
    Figure,
    LabelChannel,
    Latent,
    Model,
    Network,
    Objective,
    OneHot,
    Optimizer,
    Recipe,
    Reshape,
    Training,
)

SOURCE = 'AI Studio notebook "VAE and CVAE for MNIST digits" (PaddlePaddle)'
LEAKY = Activation("leaky_relu", 0.01)  # the functional default of both frameworks
PLAIN_QUIRK = "The notebook draws its noise with NumPy, so the framework's own random state plays no part."


def networks(latent: int, width: int, image: int, channels: int, classes: int) -> Model:
    """Encoder and decoder of the notebook; `classes` = 0 gives the VAE, otherwise the CVAE with its label channel.

    Args:
        latent: size of z. width: the notebook's `channel`. image: side in pixels, a multiple of 4.
        channels: colour channels of the image.

    Raises:
        BadInput: a size below 1, or an image side that two halvings do not divide.
    """
    if min(latent, width, image, channels) < 1:
        raise BadInput("latent, width, image and channels must be at least 1")
    if image % 4:
        raise BadInput(f"image must be a multiple of 4 (two strides of 2), but is {image}")
    quarter = image // 4
    flat = 2 * width * quarter**2
    condition = LabelChannel(classes, Conv2D("conv_label", classes, image**2, 1)) if classes else None
    encoder = Network(
        "encoder",
        (channels, image, image),
        (
            Conv2D("conv1", channels + bool(classes), width, 4, 2, 1),
            LEAKY,
            Conv2D("conv2", width, 2 * width, 4, 2, 1),
            LEAKY,
            Reshape((flat, 1, 1)),
        ),
        heads=(Conv2D("conv_mean", flat, latent, 1), Conv2D("conv_logvar", flat, latent, 1)),
        condition=condition,
        prefix="encoder.",
    )
    decoder = Network(
        "decoder",
        (latent, 1, 1),
        (
            Conv2D("conv1", latent + classes, width * quarter**2, 1),
            LEAKY,
            Reshape((width, quarter, quarter)),
            ConvTranspose2D("conv2", width, 2 * width, 4, 2, 1),
            LEAKY,
            ConvTranspose2D("conv3", 2 * width, width, 4, 2, 1),
            LEAKY,
            Conv2D("conv4", width, channels, 3, 1, 1),
            Activation("tanh"),
        ),
        condition=OneHot(classes) if classes else None,
        prefix="decoder.",
    )
    return Model(encoder, decoder, Latent(latent), parts=("encoder", "decoder"))


def _recipe(name, title, run, model, data, batch_size, figures, quick, quirks=(PLAIN_QUIRK,)) -> Recipe:
    return Recipe(
        name=name,
        title=title,
        source=f"{SOURCE}, run {run}",
        framework="paddle",
        model=model,
        objective=Objective(),
        training=Training(
            optimizers=tuple(Optimizer(name, (name,), 1e-4, beta1=0.5, beta2=0.999) for name in ("encoder", "decoder")),
            batch_size=batch_size,
            epochs=100,
            drop_last=True,
        ),
        data=data,
        figures=figures,
        weight_file=f"{run}_{{part}}_{model.conditional}",
        quick=quick,
        quirks=quirks,
    )


# One batch is an epoch here: the notebook's 100 epochs would be 100 steps, which leave the "2" a blur (loss 128).
FEW_STEPS = 3000
FEW_QUIRKS = (
    PLAIN_QUIRK,
    "One batch is an epoch: 100 epochs, as for the other runs, would be 100 steps and leave the loss at 128; 3,000 "
    "give the sharp digit that the notebook shows. --epochs 100 is the literal schedule.",
)
QUICK_DIGITS = {"learning_rate": 1e-3, "epochs": 15}
SCATTER = Figure("latents", {"count": 1000})
COMMON = (
    Figure("posterior_prior", {"count": 10}),
    Figure("reconstructions", {"count": 10}),
    Figure("losses"),
)


def vae(latent: int = 2, width: int = 32, image: int = 28, channels: int = 1) -> Recipe:
    """Run A: the VAE on all 60,000 digits."""
    figures = (Figure("samples", {"rows": 10, "columns": 20}), SCATTER, Figure("manifold", {"side": 20}), *COMMON)
    model = networks(latent, width, image, channels, 0)
    return _recipe("aistudio-vae", "convolutional VAE", "A", model, Data((-1.0, 1.0)), 64, figures, QUICK_DIGITS)


def vae_one(latent: int = 2, width: int = 32, image: int = 28, channels: int = 1) -> Recipe:
    """Run B: the VAE on one image, a "2"."""
    return _few("aistudio-vae-one", "B", (5,), networks(latent, width, image, channels, 0))


def vae_two(latent: int = 2, width: int = 32, image: int = 28, channels: int = 1) -> Recipe:
    """Run C: the VAE on two images, both a "2"."""
    return _few("aistudio-vae-two", "C", (5, 25), networks(latent, width, image, channels, 0))


def _few(name: str, run: str, indices: tuple[int, ...], model: Model) -> Recipe:
    figures = (Figure("manifold", {"side": 20, "margin": 1000.0}), Figure("reconstructions", {"count": 2}), COMMON[2])
    title = f"the same VAE on {'one image' if len(indices) == 1 else 'two images'}"
    recipe = _recipe(name, title, run, model, Data((-1.0, 1.0), indices=indices), len(indices), figures, {}, FEW_QUIRKS)
    return replace(recipe, training=replace(recipe.training, epochs=FEW_STEPS))


def cvae(latent: int = 2, width: int = 32, image: int = 28, channels: int = 1, classes: int = 10) -> Recipe:
    """Run D: the CVAE, its label a channel of the image and a part of z."""
    figures = (
        Figure("samples", {"rows": classes, "columns": 20}),
        SCATTER,
        Figure("manifold", {"side": 20, "labels": tuple(label for label in (2, 5, 0) if label < classes)}),
        *COMMON,
    )
    model = networks(latent, width, image, channels, classes)
    title = "convolutional CVAE with a label channel"
    return _recipe("aistudio-cvae", title, "D", model, Data((-1.0, 1.0)), 64, figures, QUICK_DIGITS)


RECIPES = {"aistudio-vae": vae, "aistudio-vae-one": vae_one, "aistudio-vae-two": vae_two, "aistudio-cvae": cvae}
