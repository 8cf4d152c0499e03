"""Training and inference in Paddle."""

from __future__ import annotations

import numpy as np
import paddle

from ...common.spec import Recipe
from ...common.traces.exchange import Probe
from .. import session
from ..network import Observer, objective_terms, unseen
from ..session import Arrays, OptimizerState
from .device import allow_tf32, choose_device, make_repeatable
from .layers import RuledBatchNorm, reconstruction_error
from .model import Model
from .tracing import Watch
from .weights import (
    canonical_names,
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

    name = "paddle"

    def __init__(self, recipe: Recipe, weights: Arrays, device: str = "auto", dtype: str = "float32") -> None:
        make_repeatable()
        self.recipe, self.device, self.dtype = recipe, choose_device(device), dtype
        if dtype == "tf32":
            allow_tf32(self.device)
        self.model = Model(recipe.model)
        if dtype == "float64":  # before the weights, which may have all its digits
            self.model.to(dtype=dtype)
        load_arrays(self.model, weights)
        if dtype not in ("float32", "float64"):
            self._narrow()
        self._transposed = {name for name, transposed in canonical_names(self.model).values() if transposed}
        named, wanted = named_parameters(self.model), recipe.training.optimizers
        self._groups = {one.name: {name: named[name] for name in recipe.optimizer_parameters(one)} for one in wanted}
        self.optimizers = {one.name: make_optimizer(one, self._groups[one.name]) for one in wanted}

    def _narrow(self) -> None:
        """Convert the weights; but batch normalisation takes its own in float32 whatever its input is."""
        self.model.to(dtype=self.dtype)
        for layer in self.model.sublayers():
            if isinstance(layer, RuledBatchNorm):
                layer.to(dtype="float32")

    def weights(self) -> Arrays:
        return weight_arrays(self.model)

    def load_weights(self, weights: Arrays) -> None:
        load_arrays(self.model, weights)

    def optimizer_states(self) -> dict[str, OptimizerState]:
        return {
            name: optimizer_arrays(one, self._groups[name], self._transposed) for name, one in self.optimizers.items()
        }

    def load_optimizer_states(self, states: dict[str, OptimizerState]) -> None:
        for name, state in states.items():
            load_optimizer_arrays(self.optimizers[name], self._groups[name], state, self._transposed)

    def to_device(self, array: np.ndarray) -> paddle.Tensor:
        tensor = paddle.to_tensor(np.ascontiguousarray(array))
        return tensor.astype(self.dtype) if tensor.is_floating_point() else tensor

    def to_numpy(self, tensor: paddle.Tensor) -> np.ndarray:
        return to_array(tensor.astype("float32") if tensor.dtype == paddle.bfloat16 else tensor)

    def gather(self, tensor: paddle.Tensor, rows: paddle.Tensor) -> paddle.Tensor:
        return paddle.gather(tensor, rows)

    def train_step(self, image, label, noise, masks) -> paddle.Tensor:
        terms = self._terms(image, label, noise, masks)
        for optimizer in self.optimizers.values():
            optimizer.clear_grad()
        terms[0].backward()
        if self.recipe.training.clip_norm is not None:
            clip_gradients(list(self.model.parameters()), self.recipe.training.clip_norm)
        for optimizer in self.optimizers.values():
            optimizer.step()
        return paddle.stack([term.detach() for term in terms])

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
            optimizer.clear_grad()
        terms[0].backward()
        named = {name: tensor for group in self._groups.values() for name, tensor in group.items()}
        return watch.probe(terms, named, self._transposed)

    def inspect(self, image, label, noise, masks=None, training=False) -> Arrays:
        (self.model.train if training else self.model.eval)()
        watch = Watch()
        with paddle.no_grad():
            self.model(image, label, noise, masks, watch)
        return {name: self.to_numpy(tensor) for name, tensor in watch.tensors.items()}

    def infer(self, part: str, inputs, label) -> tuple:
        self.model.eval()
        with paddle.no_grad():
            return self.model.run(part, inputs, label)

    def stack(self, rows: list) -> np.ndarray:
        return paddle.stack(rows).astype("float64").numpy()
