"""A model in training on one device: NumPy arrays in and out, one epoch at a time; the same for both frameworks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from ..common.arrays import Arrays
from ..common.runs.epoch_plan import EpochPlan
from ..common.spec import Optimizer, Recipe
from ..common.traces.optimizer import OptimizerSettings
from ..common.traces.writing import Stored, put_all
from ..common.weights.optimizer.adam_state import OptimizerState
from . import load_backend
from .contract import Tensor
from .model_state import load_arrays, moments, set_training, trained_tensors, views_of, weight_arrays
from .network import Observer, objective_terms, unseen
from .value_recorder import ValueRecorder

TERMS = ("loss", "reconstruction", "kl")


class Session:
    """A model with its optimizers and, once given, the training data on one device.

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

    name: str  # of the framework

    def __init__(self, recipe: Recipe, weights: Arrays, device: str = "auto", dtype: str = "float32") -> None:
        self.backend = load_backend(self.name)
        self.backend.device.make_repeatable()
        self.recipe, self.device, self.dtype = recipe, self.backend.device.choose_device(device), dtype
        if dtype == "tf32":
            self.backend.device.allow_tf32(self.device)
        self._float = "float32" if dtype == "tf32" else dtype
        self.model = self.backend.Model(recipe.model)
        self.backend.weights.to_dtype(self.model, self._float)
        self.backend.weights.to_device(self.model, self.device)
        self._prepare_layers()
        self.views = views_of(self.backend, self.model)
        self.load_weights(weights)
        trained, wanted = trained_tensors(self.backend, self.model, self.views), recipe.training.optimizers
        self._groups = {each.name: {n: trained[n] for n in recipe.optimizer_parameters(each)} for each in wanted}
        self.optimizers = {each.name: self._make_optimizer(each) for each in wanted}
        self._steps = dict.fromkeys(self.optimizers, 0)  # counted here: Paddle keeps only powers, which underflow

    def _prepare_layers(self) -> None:
        """What one framework alone needs of its layers, before they get their weights."""

    def _make_optimizer(self, wanted: Optimizer) -> Any:
        numbers = {"lr": wanted.learning_rate, "beta1": wanted.beta1, "beta2": wanted.beta2, "eps": wanted.epsilon,
                   "weight_decay": wanted.weight_decay}  # fmt: skip
        return self.backend.optimizers.make(
            OptimizerSettings("adam", numbers), list(self._groups[wanted.name].values())
        )

    def weights(self) -> Arrays:
        """Parameters and buffers as canonical arrays, copied."""
        return weight_arrays(self.backend, self.model, self.views)

    def load_weights(self, weights: Arrays) -> None:
        """Replace every parameter and buffer.

        Raises:
            BadInput: missing, unexpected or misshapen names; all are listed and nothing is loaded.
        """
        load_arrays(self.backend, self.model, self.views, weights)

    def optimizer_states(self) -> dict[str, OptimizerState]:
        """State of each optimizer by its name, in the canonical layout."""
        return {name: self._state(name) for name in self.optimizers}

    def _state(self, name: str) -> OptimizerState:
        optimizer = self.optimizers[name]
        numbers = self.backend.optimizers.described(optimizer)
        kept = moments(self.backend, optimizer, self._groups[name])
        first, second = (self._turned(kept.get(moment, {})) for moment in ("first", "second"))
        return OptimizerState(self._steps[name], numbers["lr"], numbers["beta1"], numbers["beta2"], first, second)

    def load_optimizer_states(self, states: dict[str, OptimizerState]) -> None:
        """Continue from these moments and steps."""
        for name, state in states.items():
            turned = replace(state, first=self._turned(state.first), second=self._turned(state.second))
            self.backend.optimizers.load_state(self.optimizers[name], self._groups[name], turned)
            self._steps[name] = state.step

    def _turned(self, arrays: Arrays) -> Arrays:
        """Copies, from the layout of the parameters to the canonical one or back: at most a transposition."""
        return {name: np.array(self.views[name].take(array), order="C") for name, array in arrays.items()}

    def to_device(self, array: np.ndarray) -> Tensor:
        """A tensor of `array` on the session's device; floats become the session's dtype."""
        return self.backend.tensors.tensor(array, self._float, self.device)

    def to_numpy(self, tensor: Tensor) -> np.ndarray:
        """A copy of the tensor's values; of bfloat16, which NumPy lacks, as float32."""
        return self.backend.tensors.to_array(tensor)

    def train_step(self, image: Tensor, label: Tensor, noise: Tensor, masks: dict[str, Tensor] | None) -> Tensor:
        """One forward, backward and optimizer step. Returns `[3]`: loss, and the batch's summed terms."""
        terms = self._terms(image, label, noise, masks)
        self._backward(terms[0])
        if self.recipe.training.clip_norm is not None:
            self.backend.optimizers.clip_gradients(list(self.model.parameters()), self.recipe.training.clip_norm)
        for name, optimizer in self.optimizers.items():
            optimizer.step()
            self._steps[name] += 1
        return self.backend.tensors.stack([term.detach() for term in terms])

    def _terms(self, image, label, noise, masks, observe: Observer = unseen) -> tuple[Tensor, Tensor, Tensor]:
        set_training(self.model, True)
        decoded, heads = self.model(image, label, noise, masks, observe)
        functional = self.backend.layers.FRAMEWORK.nn.functional
        return objective_terms(self.recipe.objective, self.recipe.model.latent, functional, decoded, image, heads)

    def _backward(self, loss: Tensor) -> None:
        self.backend.weights.clear_gradients(self.model)
        loss.backward()

    def probe(
        self, writer: Stored, image: Tensor, label: Tensor, noise: Tensor, masks: dict[str, Tensor] | None
    ) -> Arrays:
        """One forward and backward pass in training mode, whose values and gradients go into a trace; those of the
        parameters before any clipping. No parameter changes; running statistics do.

        Returns:
            The loss and its summed terms.
        """
        recorder = ValueRecorder(self.backend.tensors, writer)
        terms = self._terms(image, label, noise, masks, recorder)
        self._backward(terms[0])
        recorder.note_calls()
        recorder.note_zeros()
        arrived = {name: self._gradient(tensor) for group in self._groups.values() for name, tensor in group.items()}
        put_all(writer, "gradients/1", self._turned(arrived))
        return {name: self.to_numpy(term) for name, term in zip(TERMS, terms, strict=True)}

    def _gradient(self, parameter: Tensor) -> np.ndarray:
        if parameter.grad is None:
            return np.zeros(tuple(parameter.shape))
        return self.backend.tensors.to_numpy(parameter.grad)

    def inspect(
        self, writer: Stored, image: Tensor, label: Tensor, noise: Tensor, masks: dict | None = None, training=False
    ) -> None:
        """One forward pass, whose values go into a trace; in evaluation mode, or as in a training step."""
        set_training(self.model, training)
        recorder = ValueRecorder(self.backend.tensors, writer)
        with self.backend.tensors.without_gradients():
            self.model(image, label, noise, masks, recorder)
        recorder.note_calls()

    def infer(self, part: str, inputs: Tensor, label: Tensor) -> tuple[Tensor, ...]:
        """Outputs of one network without gradients, in evaluation mode."""
        set_training(self.model, False)
        with self.backend.tensors.without_gradients():
            return self.model.run(part, inputs, label)

    def _stacked(self, rows: list[Tensor]) -> np.ndarray:
        """Several `[3]` results as one `[k, 3]` float64 array: the only wait for the device while training."""
        return self.to_numpy(self.backend.tensors.stack(rows)).astype(np.float64)

    def stepped(self) -> dict[str, list[str]]:
        """For each optimizer, by name, the parameters that it steps."""
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
                yield self._stacked(waiting)
                waiting = []

    def batch(self, plan: EpochPlan, step: int) -> tuple[Any, Any, Any, dict[str, Any] | None]:
        """What one step of the plan trains on: image, label, noise and masks, on the device."""
        return self._batch(self.to_device(plan.order), self.to_device(plan.noise), plan, step)

    def look(self, plan: EpochPlan, step: int) -> tuple[np.ndarray, bool]:
        """`[3]`, loss and summed terms of a step's batch as the model is and stays; whether a gradient is left."""
        kept = self.weights()  # a pass in training changes running statistics
        terms = self._terms(*self.batch(plan, step))
        self._backward(terms[0])
        left = any(self._gradient(tensor).any() for group in self._groups.values() for tensor in group.values())
        self.backend.weights.clear_gradients(self.model)
        self.load_weights(kept)
        return self._stacked([self.backend.tensors.stack([term.detach() for term in terms])])[0], left

    def _batch(self, order: Any, noise: Any, plan: EpochPlan, step: int) -> tuple[Any, Any, Any, dict[str, Any] | None]:
        start, stop = plan.bounds(step)
        rows = order[start:stop]
        label = None if self._labels is None else self.backend.tensors.gather(self._labels, rows)
        masks = {name: self.to_device(mask) for name, mask in plan.masks(step).items()} or None
        if self._images is None:
            return self.to_device(self._rows_of(plan.order[start:stop])), label, noise[start:stop], masks
        return self.backend.tensors.gather(self._images, rows), label, noise[start:stop], masks

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
            label = None
            if labels is not None and self.recipe.model.conditional:
                label = self.to_device(labels[here])
            outputs = self.infer(part, self.to_device(inputs[here]), label)
            pieces.append([self.to_numpy(output) for output in outputs])
        return tuple(np.concatenate(column) for column in zip(*pieces, strict=True))
