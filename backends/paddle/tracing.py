"""Watching a pass in Paddle: every intermediate value and its gradient."""

from __future__ import annotations

import numpy as np
import paddle

from ...common.traces.exchange import Probe
from ..session import Arrays
from .weights import to_array


class Watch:
    """An observer that keeps each tensor it is shown, and has the framework keep its gradient."""

    def __init__(self) -> None:
        self.tensors: dict[str, paddle.Tensor] = {}

    def __call__(self, name: str, tensor: paddle.Tensor) -> None:
        if not tensor.stop_gradient:
            tensor.retain_grads()
        self.tensors[name] = tensor

    def activations(self) -> Arrays:
        """Every value seen, in execution order."""
        return {name: to_array(tensor) for name, tensor in self.tensors.items()}

    def probe(self, terms: tuple, parameters: dict[str, paddle.Tensor], transposed: set[str]) -> Probe:
        """All that the pass left behind, once it went backward.

        Args:
            terms: the loss, and the sums of its terms.
            transposed: names of the parameters whose layout is the other way round.
        """
        return Probe(
            activations=self.activations(),
            objective={name: to_array(t) for name, t in zip(("loss", "reconstruction", "kl"), terms, strict=True)},
            gradients={
                name: np.array(_gradient(parameter).T, order="C") if name in transposed else _gradient(parameter)
                for name, parameter in parameters.items()
            },
            flow={name: _gradient(tensor) for name, tensor in self.tensors.items() if not tensor.stop_gradient},
        )


def _gradient(tensor: paddle.Tensor) -> np.ndarray:
    """The gradient that arrived at a tensor; zeros where none did."""
    gradient = tensor.grad
    return np.zeros(tuple(tensor.shape)) if gradient is None else to_array(gradient)
