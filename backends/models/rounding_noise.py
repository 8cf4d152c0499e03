"""Rounding, made larger on purpose, to see what it can do to a model.

One more float32 pass in which each sum's result, and each gradient that arrives at one, gets a random error as large as
`GAIN` times what rounding makes of it. How far that pass ends from float64 is what rounding explains, everywhere at
once: through cancellation, kinks of ReLU, divisions by small numbers and Adam's normalisation. No constant is fitted to
a model.

A sum of K products in floating point errs by about u · √(1 + K/18) of its root mean square, for terms of random sign
and any order of summation (u: the unit roundoff); libraries add in blocks, so longer sums gain nothing more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...common.dictionary.index import EXACT, RECURRENT
from ..contract import Model, Tensor, Tensors

GAIN = 8.0
LONGEST = 4096  # terms, beyond which libraries add in blocks


@dataclass
class Noise:
    """Random errors of the size of rounding, from the framework's own generator."""

    unit: float = 2.0**-24

    def output(self, tensors: Tensors, call: dict, tensor: Tensor, shapes: list[tuple[int, ...]]) -> Tensor:
        """A call's output with an error."""
        if call["kind"] in EXACT or not tensors.is_floating(tensor):
            return tensor
        terms = self._terms(call, tensor, shapes)
        return tensors.noisy(tensor, GAIN * self.unit * math.sqrt(1 + terms / 18), in_place=True)

    def gradient(self, tensors: Tensors, tensor: Tensor) -> Tensor:
        """A gradient with an error; of one rounding, for what it was summed from had errors of its own."""
        return tensors.noisy(tensor, GAIN * self.unit)

    def on_weights(self, tensors: Tensors, model: Model) -> None:
        """Give the gradient of each weight an error, as `gradient` does."""
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter.grad = self.gradient(tensors, parameter.grad)

    def _terms(self, call: dict, tensor, shapes: list[tuple[int, ...]]) -> int:
        """How many products are in a sum: of the largest weight, all but its first axis."""
        terms = max(
            (math.prod(shape) // max(1, min(shape[0], shape[-1])) for shape in shapes if len(shape) > 1), default=1
        )
        if call["kind"] in RECURRENT:
            terms *= max(tensor.shape[0], tensor.shape[1] if len(tensor.shape) > 1 else 1)
        if not shapes and len(tensor.shape):
            terms = max(terms, tensor.shape[-1])
        return min(LONGEST, terms)
