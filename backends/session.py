"""The contract that a backend fulfils: NumPy arrays in and out, one epoch at a time.

A `Session` holds a model, its optimisers and, once given, the training data on one device. What both frameworks do
alike is written here; a backend supplies the abstract methods.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..common.runs.epoch_plan import EpochPlan
from ..common.spec import Recipe
from ..common.traces.exchange import Probe
from ..common.weights.optimizer_state import Arrays, OptimizerState

__all__ = ["Arrays", "OptimizerState", "Session", "Unsupported"]


class Unsupported(Exception):
    """The framework has no such arithmetic on that device; the message says which."""


class Session(ABC):
    """A model with its optimisers on one device.

    Args:
        recipe: what to build and how to train it.
        weights: canonical name → array, all of them.
        device: `auto`, `cpu` or `cuda`.
        dtype: `float32` or `float64`; to look at one forward pass also `float16`, `bfloat16`, or `tf32`, which is
            float32 whose products CUDA may round, until `make_repeatable` forbids it again.

    Raises:
        EnvironmentFailed: the device is not there.
        Unsupported: TF32 where there is none. What the framework raises itself is for `device.refusal` to read.
    """

    name: str
    recipe: Recipe
    device: str
    dtype: str

    @abstractmethod
    def weights(self) -> Arrays:
        """Parameters and buffers as canonical arrays, copied."""

    @abstractmethod
    def load_weights(self, weights: Arrays) -> None:
        """Replace every parameter and buffer."""

    @abstractmethod
    def optimizer_states(self) -> dict[str, OptimizerState]:
        """State of each optimiser by its name."""

    @abstractmethod
    def load_optimizer_states(self, states: dict[str, OptimizerState]) -> None:
        """Continue from these moments and steps."""

    @abstractmethod
    def to_device(self, array: np.ndarray) -> Any:
        """A tensor of `array` on the session's device; floats become the session's dtype."""

    @abstractmethod
    def to_numpy(self, tensor: Any) -> np.ndarray:
        """The tensor's values as an array of its own; of bfloat16, which NumPy lacks, as float32."""

    @abstractmethod
    def gather(self, tensor: Any, rows: Any) -> Any:
        """Rows of a tensor on the device."""

    @abstractmethod
    def train_step(self, image: Any, label: Any, noise: Any, masks: dict[str, Any] | None) -> Any:
        """One forward, backward and optimiser step. Returns `[3]`: loss, and the batch's summed terms."""

    @abstractmethod
    def infer(self, part: str, inputs: Any, label: Any) -> tuple[Any, ...]:
        """Outputs of one network without gradients, in evaluation mode."""

    @abstractmethod
    def stack(self, rows: list[Any]) -> np.ndarray:
        """Several `[3]` results as one `[k, 3]` float64 array: the only wait for the device while training."""

    @abstractmethod
    def probe(self, image: Any, label: Any, noise: Any, masks: dict[str, Any] | None) -> Probe:
        """One forward and backward pass in training mode, watched. No parameter changes; running statistics do."""

    @abstractmethod
    def inspect(self, image: Any, label: Any, noise: Any, masks: dict | None = None, training: bool = False) -> Arrays:
        """Every activation of one forward pass, by name; in evaluation mode, or as in a training step."""

    def stepped(self) -> dict[str, list[str]]:
        """For each optimiser, by name, the parameters that it steps."""
        return {name: list(group) for name, group in self._groups.items()}

    def load_data(self, images: np.ndarray, labels: np.ndarray | None) -> None:
        """Put the training set on the device: images `[N, C, H, W]` as the model sees them, labels `[N, classes]`."""
        self._images = self.to_device(images)
        self._labels = None if labels is None or not self.recipe.model.conditional else self.to_device(labels)

    def stream_data(self, rows_of: Callable[[np.ndarray], np.ndarray], labels: np.ndarray | None) -> None:
        """For a training set too large to be held: `rows_of(indices)` gives its images, batch by batch."""
        self._images, self._rows_of = None, rows_of
        self._labels = None if labels is None or not self.recipe.model.conditional else self.to_device(labels)

    def epoch(self, plan: EpochPlan, first_step: int = 0) -> Iterator[np.ndarray]:
        """Train on one epoch from `first_step` on, with its order and noise on the device from the start.

        Yields:
            `[k, 3]` float64: loss as optimised, and the summed reconstruction and KL of the batch, for each step since
            the last yield. Closing the generator stops after the step.
        """
        order, noise = self.to_device(plan.order), self.to_device(plan.noise)
        waiting: list[Any] = []
        for step in range(first_step, plan.steps):
            waiting.append(self.train_step(*self._batch(order, noise, plan, step)))
            if len(waiting) >= self.report_every or step + 1 == plan.steps:
                yield self.stack(waiting)
                waiting = []

    def batch(self, plan: EpochPlan, step: int) -> tuple[Any, Any, Any, dict[str, Any] | None]:
        """What one step of the plan trains on: image, label, noise and masks, on the device."""
        return self._batch(self.to_device(plan.order), self.to_device(plan.noise), plan, step)

    def _batch(self, order: Any, noise: Any, plan: EpochPlan, step: int) -> tuple[Any, Any, Any, dict[str, Any] | None]:
        start, stop = plan.bounds(step)
        rows = order[start:stop]
        label = None if self._labels is None else self.gather(self._labels, rows)
        masks = {name: self.to_device(mask) for name, mask in plan.masks(step).items()} or None
        if self._images is None:
            return self.to_device(self._rows_of(plan.order[start:stop])), label, noise[start:stop], masks
        return self.gather(self._images, rows), label, noise[start:stop], masks

    @property
    def report_every(self) -> int:
        """Steps between two readings of the losses: reading waits for a GPU, so there it is done seldom."""
        return 1 if self.device == "cpu" else 50

    def encode(self, images: np.ndarray, labels: np.ndarray | None = None, batch: int = 500) -> tuple[np.ndarray, ...]:
        """The encoder's heads for images `[N, C, H, W]`, each `[N, *latent shape]`."""
        return self._batched("encoder", images, labels, batch)

    def decode(self, z: np.ndarray, labels: np.ndarray | None = None, batch: int = 500) -> np.ndarray:
        """Images `[N, C, H, W]` for latents `[N, latent]`."""
        drawn = self._batched("decoder", z, labels, batch)[0]
        return drawn.reshape(len(drawn), *self.recipe.model.image_shape)

    def _batched(self, part: str, inputs: np.ndarray, labels: np.ndarray | None, batch: int) -> tuple[np.ndarray, ...]:
        pieces = []
        for start in range(0, len(inputs), batch):
            here = slice(start, start + batch)
            label = self.to_device(labels[here]) if self.recipe.model.conditional else None
            outputs = self.infer(part, self.to_device(inputs[here]), label)
            pieces.append([self.to_numpy(output) for output in outputs])
        return tuple(np.concatenate(column) for column in zip(*pieces, strict=True))
