"""Objective, training schedule, data and figures as data; together with the model they are a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..errors import BadInput
from .network import Model


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise BadInput(what)


@dataclass(frozen=True)
class Objective:
    """The loss, term by term.

    Each image has a reconstruction term, summed or averaged over its values (`over_values`), and a KL term, summed
    over latents. The loss is the sum or mean over the batch (`over_batch`) of reconstruction + `beta` · KL.
    `kl` is the exact divergence from N(0, I), the published form of the 2-D write-up (σ² + μ² − log σ − ½), or none.
    `printed` is the number that the write-up prints for an epoch: `per_image`, the loss over the number of images;
    `epoch_sum`, the loss summed over the epoch; `batch_means_per_image`, the batches' mean losses summed and divided by
    the number of images.
    """

    reconstruction: Literal["squared_error", "binary_cross_entropy"] = "squared_error"
    over_values: Literal["sum", "mean"] = "sum"
    over_batch: Literal["sum", "mean"] = "mean"
    kl: Literal["exact", "published_2d", "none"] = "exact"
    beta: float = 1.0
    printed: Literal["per_image", "epoch_sum", "batch_means_per_image"] = "per_image"

    def __post_init__(self) -> None:
        _require(self.beta >= 0, f"beta must not be negative, but is {self.beta}")


@dataclass(frozen=True)
class Optimizer:
    """One optimiser and the networks whose parameters it steps. Weight decay is L2 in the gradient, as in Adam."""

    name: str
    networks: tuple[str, ...]
    learning_rate: float
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    algorithm: Literal["adam"] = "adam"

    def __post_init__(self) -> None:
        _require(self.learning_rate > 0, f"learning_rate must be above 0, but is {self.learning_rate}")
        for name in ("beta1", "beta2"):
            _require(0 <= getattr(self, name) < 1, f"{name} must be in [0, 1), but is {getattr(self, name)}")
        _require(self.epsilon > 0, f"epsilon must be above 0, but is {self.epsilon}")
        _require(self.weight_decay >= 0, f"weight_decay must not be negative, but is {self.weight_decay}")


@dataclass(frozen=True)
class Training:
    """The schedule. `clip_norm` bounds the global gradient norm, after backward and before the step."""

    optimizers: tuple[Optimizer, ...]
    batch_size: int
    epochs: int
    drop_last: bool = False
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        _require(self.batch_size >= 1, f"batch_size must be at least 1, but is {self.batch_size}")
        _require(self.epochs >= 1, f"epochs must be at least 1, but is {self.epochs}")
        _require(self.clip_norm is None or self.clip_norm > 0, f"clip_norm must be above 0, but is {self.clip_norm}")


@dataclass(frozen=True)
class Data:
    """What the recipe trains on: pixel range, default source, the images that it picks (`None`: all), and the side of
    the centre crop that a folder of photographs is cut to before it is resized (`None`: uncut)."""

    value_range: tuple[float, float]
    source: str = "mnist"
    indices: tuple[int, ...] | None = None
    crop: int | None = None


@dataclass(frozen=True)
class Figure:
    """A figure that the write-up shows: its kind and how it is drawn."""

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """A published system, whole.

    `framework` is the one it was published in: its default initial distributions are the faithful ones, in both
    frameworks. `weight_file` names a part's weight file (`{part}` is filled in). `quick` holds the training settings
    that get to recognisable digits on the embedded data in a minute or two. `published` holds the number that the
    write-up printed for each epoch.
    """

    name: str
    title: str
    source: str
    framework: Literal["paddle", "torch"]
    model: Model
    objective: Objective
    training: Training
    data: Data
    figures: tuple[Figure, ...] = ()
    weight_file: str = "{part}"
    quick: Mapping[str, Any] = field(default_factory=dict)
    quirks: tuple[str, ...] = ()
    published: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        known = set(self.model.networks())
        for optimizer in self.training.optimizers:
            if not set(optimizer.networks) <= known:
                raise BadInput(f"optimiser {optimizer.name}: steps {optimizer.networks}, but there is {sorted(known)}")
        if self.model.latent.spread == "none" and self.objective.kl != "none":
            raise BadInput(f"{self.name}: an autoencoder has no posterior, so its objective has no KL; choose kl=none")
        stepped = [name for optimizer in self.training.optimizers for name in optimizer.networks]
        if sorted(stepped) != sorted(known):
            raise BadInput(f"{self.name}: each network needs one optimiser, but {stepped} are stepped")

    def weight_files(self) -> dict[str, str]:
        """Part → name of its weight file, without the ending."""
        return {part: self.weight_file.format(part=part) for part in self.model.parts}

    def optimizer_parameters(self, optimizer: Optimizer) -> list[str]:
        """Canonical names of the parameters that one optimiser steps, in order."""
        networks = self.model.networks()
        return [name for network in optimizer.networks for name in networks[network].parameters()]

    def owners(self) -> dict[str, Optimizer]:
        """Each parameter that is trained, by its canonical name, with the optimiser that steps it."""
        return {
            name: optimizer for optimizer in self.training.optimizers for name in self.optimizer_parameters(optimizer)
        }
