"""Watching a pass in PyTorch: every intermediate value and its gradient."""

from __future__ import annotations

import numpy as np
import torch

from ...common.traces.exchange import Probe
from ..session import Arrays
from .weights import to_array


class Watch:
    """An observer that keeps each tensor it is shown, and has the framework keep its gradient."""

    def __init__(self) -> None:
        self.tensors: dict[str, torch.Tensor] = {}

    def __call__(self, name: str, tensor: torch.Tensor) -> None:
        if tensor.requires_grad:
            tensor.retain_grad()
        self.tensors[name] = tensor

    def activations(self) -> Arrays:
        """Every value seen, in execution order."""
        return {name: to_array(tensor) for name, tensor in self.tensors.items()}

    def probe(self, terms: tuple, parameters: dict[str, torch.Tensor]) -> Probe:
        """All that the pass left behind, once it went backward.

        Args:
            terms: the loss, and the sums of its terms.
        """
        return Probe(
            activations=self.activations(),
            objective={name: to_array(t) for name, t in zip(("loss", "reconstruction", "kl"), terms, strict=True)},
            gradients={name: _gradient(parameter) for name, parameter in parameters.items()},
            flow={name: _gradient(tensor) for name, tensor in self.tensors.items() if tensor.requires_grad},
        )


def _gradient(tensor: torch.Tensor) -> np.ndarray:
    """The gradient that arrived at a tensor; zeros where none did."""
    gradient = tensor.grad
    return np.zeros(tuple(tensor.shape)) if gradient is None else to_array(gradient)
