"""Models so small that NumPy runs them and their likelihood can be integrated on a grid; and folders of idx files."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dualport.common.data import Dataset
from dualport.common.random_streams import stream
from dualport.common.spec import (  # fmt: skip
    Activation,
    Data,
    Latent,
    Linear,
    Model,
    Network,
    Objective,
    Optimizer,
    Recipe,
    Training,
)

PIXELS, LATENT = 6, 2


def toy_recipe(spread: str = "logvar", value_range=(0.0, 1.0), **objective) -> Recipe:
    """Linear encoder and decoder of six pixels, two latents; a Bernoulli decoder unless `objective` says otherwise."""
    heads = ("fc_mu",) if spread == "none" else ("fc_mu", "fc_spread")
    encoder = Network(
        "encoder", (PIXELS,), (), heads=tuple(Linear(name, PIXELS, LATENT) for name in heads), prefix="encoder."
    )
    decoder = Network("decoder", (LATENT,), (Linear("fc", LATENT, PIXELS), Activation("sigmoid")), prefix="decoder.")
    chosen = {"reconstruction": "binary_cross_entropy", "kl": "none" if spread == "none" else "exact"} | objective
    return Recipe(
        name="toy",
        title="linear and Bernoulli",
        source="these tests",
        framework="torch",
        model=Model(encoder, decoder, Latent(LATENT, spread), image=(1, 2, 3)),
        objective=Objective(**chosen),
        training=Training((Optimizer("all", ("encoder", "decoder"), 1e-3),), batch_size=8, epochs=1),
        data=Data(value_range),
    )


def toy_weights(recipe: Recipe) -> dict[str, np.ndarray]:
    """Weights that make z matter and the posterior wrong, but nowhere much narrower than the true one: else the
    importance weights have no variance to speak of errors with."""
    draw, found = stream(0, "toy weights"), {}
    for name, shape in recipe.model.parameters().items():
        size = {"encoder.fc_mu": 0.2, "encoder.fc_spread": 0.1}.get(name.rpartition(".")[0], 1.5)
        found[name] = draw.normal(0, size, shape).astype(np.float32)
    if "encoder.fc_spread.bias" in found:
        found["encoder.fc_spread.bias"] -= 0.6  # σ about 0.74, so that forgetting it would show
    return found


class NumpySession:
    """A session's `encode` and `decode` in float64, counting what it decodes. `tail` is added to the heads' shape."""

    def __init__(self, recipe: Recipe, tail: tuple[int, ...] = ()) -> None:
        self.recipe, self.tail, self.decoded = recipe, tail, 0
        self.weights = {name: array.astype(np.float64) for name, array in toy_weights(recipe).items()}

    def encode(self, images, labels=None):
        flat = np.asarray(images, np.float64).reshape(len(images), -1)
        heads = [self._linear(f"encoder.{head.name}", flat) for head in self.recipe.model.encoder.heads]
        if self.recipe.model.latent.spread == "logsigma":
            heads[1] = heads[1] / 2  # so that σ is what it is with `logvar`
        return tuple(head.reshape(len(images), LATENT, *self.tail) for head in heads)

    def decode(self, z, labels=None):
        self.decoded += len(z)
        return 1 / (1 + np.exp(-self._linear("decoder.fc", z))).reshape(len(z), 1, 2, 3)

    def _linear(self, name, x):
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]


def every_pattern() -> Dataset:
    """All 64 black and white images of six pixels, so that their probabilities add up to 1."""
    bits = (np.arange(2**PIXELS)[:, None] >> np.arange(PIXELS)) & 1
    images = (255 * bits).astype(np.uint8).reshape(-1, 1, 2, 3)
    return Dataset(images, np.arange(len(images)) % 10, "patterns", "every pattern of six pixels")


def true_log_likelihoods(session: NumpySession, data: Dataset) -> np.ndarray:
    """log p(x), float64 `[N]`, by the rectangle rule on a grid of z: exact to rounding for such smooth functions."""
    axis = np.linspace(-9, 9, 181)
    z = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    p = session.decode(z).reshape(len(z), -1)
    x = data.scaled().reshape(len(data), -1).astype(np.float64)
    log_prior = -0.5 * (z**2).sum(1) - np.log(2 * np.pi)
    log_joint = x @ np.log(p).T + (1 - x) @ np.log1p(-p).T + log_prior + 2 * np.log(axis[1] - axis[0])
    return np.logaddexp.reduce(log_joint, axis=1)


@dataclass
class Gallery:
    """A generator that shows real images: of the label asked for, or of the label that `confuse` makes of it."""

    real: Dataset
    low: float = -1.0
    high: float = 1.0
    blind: bool = False

    def encode(self, images, labels=None):
        flat = images.reshape(len(images), -1)[:, :2]
        return flat, np.zeros_like(flat)

    def decode(self, z, labels):
        draw, asked = stream(0, "gallery"), labels.argmax(1)
        if self.blind:
            asked = draw.permutation(asked)
        rows = [draw.choice(np.flatnonzero(self.real.labels == label)) for label in asked]
        return self.real.subset(rows).scaled(self.low, self.high)


def write_idx(folder: Path, part: str, images: np.ndarray, labels: np.ndarray | None) -> Path:
    """One part of a folder of idx files: images uint8 `[N, 28, 28]`; `part` is "train" or "t10k"."""
    folder.mkdir(exist_ok=True)
    head = struct.pack(">IIII", 2051, *images.shape)
    (folder / f"{part}-images-idx3-ubyte").write_bytes(head + images.astype(np.uint8).tobytes())
    if labels is not None:
        packed = struct.pack(">II", 2049, len(labels)) + labels.astype(np.uint8).tobytes()
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(packed)
    return folder


def strokes(seed: int, count: int) -> np.ndarray:
    """Random images, uint8 `[N, 28, 28]`."""
    random = np.random.default_rng(seed)
    return ((random.random((count, 28, 28)) < 0.2) * random.integers(1, 256, (count, 28, 28))).astype(np.uint8)
