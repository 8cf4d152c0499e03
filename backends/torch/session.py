"""Training and inference in PyTorch."""

from __future__ import annotations

import numpy as np
import torch

from ...common.spec import Recipe
from ...common.traces.exchange import Probe
from .. import session
from ..network import Observer, objective_terms, unseen
from ..session import Arrays, OptimizerState
from .device import allow_tf32, choose_device, make_repeatable
from .layers import reconstruction_error
from .model import Model
from .tracing import Watch
from .weights import (
    clip_gradients,
    load_arrays,
    load_optimizer_arrays,
    make_optimizer,
    named_parameters,
    optimizer_arrays,
    to_array,
    weight_arrays,
)


class Session(session.Session):
    """See `session.Session`."""

    name = "torch"

    def __init__(self, recipe: Recipe, weights: Arrays, device: str = "auto", dtype: str = "float32") -> None:
        make_repeatable()
        self.recipe, self.device, self.dtype = recipe, choose_device(device), dtype
        if dtype == "tf32":
            allow_tf32(self.device)
        self._float = torch.float32 if dtype == "tf32" else getattr(torch, dtype)
        self.model = Model(recipe.model).to(self.device, self._float)
        if self.device == "cpu" and dtype == "float32" and not recipe.model.has_batch_norm():
            # A fifth faster on CPU; names and shapes stay. Not with batch normalisation, whose channels-last kernel
            # loses several times the precision of the plain one: `validate face-vae` found it.
            self.model.to(memory_format=torch.channels_last)
        load_arrays(self.model, weights)
        named, wanted = named_parameters(self.model), recipe.training.optimizers
        self._groups = {one.name: {name: named[name] for name in recipe.optimizer_parameters(one)} for one in wanted}
        self.optimizers = {one.name: make_optimizer(one, self._groups[one.name]) for one in wanted}

    def weights(self) -> Arrays:
        return weight_arrays(self.model)

    def load_weights(self, weights: Arrays) -> None:
        load_arrays(self.model, weights)

    def optimizer_states(self) -> dict[str, OptimizerState]:
        return {name: optimizer_arrays(one, self._groups[name]) for name, one in self.optimizers.items()}

    def load_optimizer_states(self, states: dict[str, OptimizerState]) -> None:
        for name, state in states.items():
            load_optimizer_arrays(self.optimizers[name], self._groups[name], state)

    def to_device(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
        return tensor.to(self._float) if tensor.is_floating_point() else tensor

    def to_numpy(self, tensor: torch.Tensor) -> np.ndarray:
        return to_array(tensor.float() if tensor.dtype == torch.bfloat16 else tensor)

    def gather(self, tensor: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return tensor.index_select(0, rows)

    def train_step(self, image, label, noise, masks) -> torch.Tensor:
        terms = self._terms(image, label, noise, masks)
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()
        terms[0].backward()
        if self.recipe.training.clip_norm is not None:
            clip_gradients(list(self.model.parameters()), self.recipe.training.clip_norm)
        for optimizer in self.optimizers.values():
            optimizer.step()
        return torch.stack([term.detach() for term in terms])

    def _terms(self, image, label, noise, masks, observe: Observer = unseen) -> tuple:
        self.model.train()
        decoded, heads = self.model(image, label, noise, masks, observe)
        return objective_terms(
            self.recipe.objective, self.recipe.model.latent, reconstruction_error, decoded, image, heads
        )

    def probe(self, image, label, noise, masks) -> Probe:
        watch = Watch()
        terms = self._terms(image, label, noise, masks, watch)
        for optimizer in self.optimizers.values():
            optimizer.zero_grad()
        terms[0].backward()
        named = {name: tensor for group in self._groups.values() for name, tensor in group.items()}
        return watch.probe(terms, named)

    def inspect(self, image, label, noise, masks=None, training=False) -> Arrays:
        self.model.train(training)
        watch = Watch()
        with torch.no_grad():
            self.model(image, label, noise, masks, watch)
        return {name: self.to_numpy(tensor) for name, tensor in watch.tensors.items()}

    def infer(self, part: str, inputs, label) -> tuple:
        self.model.eval()
        with torch.no_grad():
            return self.model.run(part, inputs, label)

    def stack(self, rows: list) -> np.ndarray:
        return torch.stack(rows).double().cpu().numpy()
