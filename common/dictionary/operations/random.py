"""Entries of what draws random numbers: dropouts, noise. The generators are unlike: distributions are compared."""

from __future__ import annotations

from ..entry import Contrast, Entry, argument, entry, setting
from ..proof import Proof, positive, probability, proved_layer, real

P = setting("p", 0.5, kept="p")
SHAPE = argument("shape", torch="size")
DRAWN = Proof(arguments={"shape": [200, 100]}, distribution=True, gradients=False)
LARGE = real(200, 100)
IMAGES = real(40, 50, 5, 4)


def _dropped(*inputs, **more) -> Proof:
    return Proof(inputs, {"p": 0.3}, layer=True, distribution=True, gradients=False, **more)


ENTRIES: tuple[Entry, ...] = (
    entry("dropout", "nn.Dropout F.dropout dropout", "nn.Dropout F.dropout",
          (P, setting("mode", "upscale_in_train", torch="", kept="- mode", absent="upscale_in_train"),
           argument("training", True)), draws="mask", exact=True,
          differs=(Contrast("mode 'downscale_in_infer'", "none", "multiplies by 1 − p when it does not train"),
                   Contrast("axis", "Dropout2d shares a mask over positions", "shares it over the batch too")),
          proof=(proved_layer(real(3, 4), p=0.3), _dropped(LARGE))),
    entry("channel_dropout", "nn.Dropout2d nn.Dropout1d nn.Dropout3d F.dropout2d F.dropout1d F.dropout3d",
          "nn.Dropout2D nn.Dropout3D F.dropout2d F.dropout3d F.dropout1d", (P, argument("training", True)),
          recorded="feature_dropout", draws="channel mask", exact=True,
          proof=(proved_layer(real(3, 4, 2, 2), p=0.3), _dropped(IMAGES))),
    entry("alpha_dropout", "nn.AlphaDropout F.alpha_dropout alpha_dropout", "nn.AlphaDropout F.alpha_dropout", (P,),
          draws="alpha mask", proof=(proved_layer(real(3, 4), p=0.3), _dropped(LARGE))),
    entry("random_normal", "randn randn_like", "randn standard_normal randn_like", (SHAPE,), draws="normal",
          exact=True, proof=DRAWN),
    entry("random_uniform", "rand rand_like", "rand rand_like", (SHAPE,), draws="uniform", exact=True, proof=DRAWN),
    entry("bernoulli", "bernoulli .bernoulli", "bernoulli", (), draws="chance",
          proof=Proof((probability(200, 100),), distribution=True, gradients=False)),
)  # fmt: skip
ENTRIES += (
    entry("randint", "randint", "randint",
          (argument("low", 0), argument("high", paddle_default=None),
           argument("shape", torch="size", paddle_default=[1])), draws="whole numbers", exact=True,
          proof=Proof(arguments={"low": 2, "high": 9, "shape": [200, 100]}, distribution=True, gradients=False)),
    entry("poisson", "poisson", "poisson", draws="counts",
          proof=Proof((positive(200, 100),), distribution=True, gradients=False)),
    entry("multinomial", "multinomial .multinomial", "multinomial .multinomial",
          (argument("num_samples", paddle_default=1), argument("replacement", False)), draws="places", exact=True,
          proof=Proof((probability(200, 6),), {"num_samples": 100, "replacement": True}, distribution=True,
                      gradients=False)),
)  # fmt: skip
