"""Random numbers that a model draws while it runs, the same in both frameworks: they come from the kit's streams."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ...common.dictionary.entry import Entry
from ...common.random_streams import stream
from ..contract import Tensor, Tensors
from .nested_tensors import tensors_in


@dataclass
class Randomness:
    """The draws of one pass. `step`: of the optimizer, from 1."""

    tensors: Tensors
    seed: int
    step: int
    drawn: dict[str, int] = field(default_factory=dict)  # how often, for each purpose

    def dropout(
        self, entry: Entry, settings: Mapping, args: tuple, kwargs: dict, training: bool, original: Callable
    ) -> Tensor:
        """Dropout with a mask of ours and the scale of the framework's own mode.

        Where nothing is dropped, the framework does it; Paddle's scale of evaluation is exact here, not float32.
        """
        p, later = float(settings.get("p") or 0.0), settings.get("mode") == "downscale_in_infer"
        if not p or (not training and not later):
            return original(*args, **kwargs)
        tensor = tensors_in((args, kwargs), self.tensors.is_tensor)[0][1]
        shape = tuple(tensor.shape)
        if not training:
            return tensor * self.tensors.like(np.full((1,) * len(shape), 1 - p), tensor)
        shape = shape[:2] + (1,) * (len(shape) - 2) if entry.draws == "channel mask" else shape
        kept = self._uniform("mask", shape) >= p
        return tensor * self.tensors.like(kept * (1.0 if later or p == 1 else 1 / (1 - p)), tensor)

    def draw(self, entry: Entry, like: Tensor, args: tuple) -> Tensor:
        """What a function that draws gives in the place of `like`, which the framework drew itself."""
        shape = tuple(like.shape)
        if entry.draws == "chance":  # as a dropout layer draws its mask
            chance = self.tensors.to_numpy(args[0]) if args and self.tensors.is_tensor(args[0]) else 0.5
            return self.tensors.like(self._uniform("mask", shape) >= 1 - chance, like)
        if entry.draws == "uniform":
            return self.tensors.like(self._uniform(entry.kind, shape), like)
        return self.tensors.like(self._stream(entry.kind).standard_normal(shape, dtype=np.float32), like)

    def _uniform(self, purpose: str, shape: tuple[int, ...]) -> np.ndarray:
        return self._stream(purpose).random(shape)

    def _stream(self, purpose: str) -> np.random.Generator:
        self.drawn[purpose] = self.drawn.get(purpose, -1) + 1
        return stream(self.seed, purpose, self.step, self.drawn[purpose])
