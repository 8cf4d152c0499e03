"""A system with every kind of layer, for tests of whatever must hold for all of them."""

from __future__ import annotations

from dualport.common.spec import (
    Activation,
    BatchNorm,
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
    Training,
)


def everything(**objective) -> Recipe:
    """What the notebook's networks lack: linear layers, both variance rules, dropout, log σ, BCE, clipping, decay."""
    encoder = Network(
        "encoder",
        (64,),
        (
            Linear("fc1", 74, 32),
            BatchNorm("bn1", 32, variance="biased", momentum=0.2),
            Activation("relu"),
            Dropout("drop1", 0.5),
            Linear("fc2", 32, 32),
            BatchNorm("bn2", 32, eps=1e-3),
            Activation("leaky_relu", 0.2),
        ),
        heads=(Linear("fc_mu", 32, 4), Linear("fc_logsigma", 32, 4)),
        condition=OneHot(10),
        prefix="encoder.",
    )
    layers = (Linear("fc3", 14, 64), Activation("sigmoid"))
    decoder = Network("decoder", (4,), layers, condition=OneHot(10), prefix="decoder.")
    return Recipe(
        name="everything",
        title="every kind of layer",
        source="these tests",
        framework="torch",
        model=Model(encoder, decoder, Latent(4, "logsigma", Dropout("drop_z", 0.2)), image=(1, 8, 8)),
        objective=Objective(**({"reconstruction": "binary_cross_entropy", "over_batch": "sum"} | objective)),
        training=Training(
            (Optimizer("all", ("encoder", "decoder"), 1e-3, weight_decay=1e-2),), batch_size=16, epochs=1, clip_norm=1.0
        ),
        data=Data((0.0, 1.0)),
    )
