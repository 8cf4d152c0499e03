"""Random numbers that a model draws while it runs, the same in both frameworks: they come from the kit's streams.

Which numbers a draw gets depends on how many there are and on how often so many were drawn before, and on neither the
function that asks nor the shape: `[4, 1]` and `[4, 1, 1]` are given the same, and a draw of another size that only one
side makes shifts nothing. How many draws were made is kept as the seed of the framework's own generator; so a part of a
model that is run again with the generator's state put back, as checkpointing does, is given the same numbers again.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...common.dictionary.draws import Draw, exponential, kept
from ...common.random_streams import stream
from ..contract import Draws
from .users_lines import users_line

SMALLEST = 2.0**-25  # in place of a zero, whose logarithm nobody wants: half of what float32 numbers are apart
MOST_DRAWS = 2**24  # of one step


@dataclass
class Randomness:
    """The draws of one pass. `step`: of the optimizer, from 1.

    Attributes:
        paused: what is drawn now is the kit's own affair.
        drawn: for each draw its purpose, how many numbers, the user's line, and the shape. unshared: what the kit has
            no numbers for, with the line.
    """

    draws: Draws
    seed: int
    step: int
    paused: bool = False
    drawn: list[tuple[str, int, str, tuple[int, ...]]] = field(default_factory=list)
    unshared: list[tuple[str, str]] = field(default_factory=list)
    _turns: dict[tuple[int, str, int], int] = field(default_factory=dict)  # (place, purpose, size) → turn of that size
    _counts: dict[tuple[str, int], int] = field(default_factory=dict)

    @contextlib.contextmanager
    def shared(self, modules: Iterable[Any]) -> Iterator[None]:
        """Within, all that is drawn is the kit's: by the framework, NumPy, Python, and generators that layers hold."""
        self.draws.go_to(((self.seed % 2**16) << 40) + self.step * MOST_DRAWS)
        fresh = int(stream(self.seed, "python", self.step).integers(2**32))
        with _python_seeded(fresh, modules) as used, self.draws.given(self):
            yield
        self.drawn += [(name, 0, "", ()) for name in used]

    @contextlib.contextmanager
    def again(self) -> Iterator[None]:
        """Within, the framework draws from the kit, and goes on where it was: for a backward pass that runs forward
        parts again. Where nothing was drawn, nothing is watched."""
        with self.draws.given(self) if self.drawn else contextlib.nullcontext():
            yield

    @contextlib.contextmanager
    def pausing(self) -> Iterator[None]:
        """Within, the framework draws by itself, and nobody takes notice."""
        before, self.paused = self.paused, True
        try:
            yield
        finally:
            self.paused = before

    def made(self, draw: Draw, shape: tuple[int, ...], told: Mapping[str, Any]) -> np.ndarray:
        """What one draw of the framework gives."""
        array = draw.made(self, shape, **told)
        if not draw.memory:
            self._next()
        return array

    def kept(self, shape: tuple[int, ...], chance: float) -> np.ndarray:
        """The mask of a dropout: what it keeps."""
        return self._then(kept(self, shape, chance))

    def slopes(self, shape: tuple[int, ...], lower: float, upper: float) -> np.ndarray:
        return self._then(lower + (upper - lower) * self.uniform(shape))

    def exponential(self, shape: tuple[int, ...]) -> np.ndarray:
        return self._then(exponential(self, shape))

    def unknown(self, name: str) -> None:
        self.unshared.append((name, users_line()))

    def uniform(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.maximum(self.generator("uniform", shape).random(shape, np.float32), SMALLEST, dtype=float)

    def normal(self, shape: tuple[int, ...]) -> np.ndarray:
        return self.generator("normal", shape).standard_normal(shape, np.float32).astype(float)

    def generator(self, purpose: str, shape: tuple[int, ...]) -> np.random.Generator:
        size = int(np.prod(shape, dtype=np.int64))
        key = self.draws.place(), purpose, size
        if key not in self._turns:
            self._turns[key] = self._counts[purpose, size] = self._counts.get((purpose, size), -1) + 1
            self.drawn.append((purpose, size, users_line(), tuple(shape)))
        return stream(self.seed, purpose, self.step, size, self._turns[key])

    def _then(self, array: np.ndarray) -> np.ndarray:
        self._next()
        return array

    def _next(self) -> None:
        self.draws.go_to(self.draws.place() + 1)


@contextlib.contextmanager
def _python_seeded(seed: int, modules: Iterable[Any]) -> Iterator[list[str]]:
    """Within, what NumPy and Python draw begins at one place; afterwards all goes on as if nothing had been.

    Yields:
        The names of those that were drawn from, once the context has ended.
    """
    used: list[str] = []
    with contextlib.ExitStack() as back:
        _seed_global(seed, used, back)
        made = np.random.default_rng
        back.callback(setattr, np.random, "default_rng", made)
        np.random.default_rng = lambda given=None: made(seed if given is None else given)
        for place, generator in enumerate(_held(modules)):
            _reseed(generator, seed + 1 + place, back)
        yield used


def _seed_global(seed: int, used: list[str], back: contextlib.ExitStack) -> None:
    states = random.getstate(), np.random.get_state()
    back.callback(np.random.set_state, states[1])
    back.callback(random.setstate, states[0])
    random.seed(seed)
    np.random.seed(seed)
    fresh = random.getstate(), _position(np.random.get_state())

    def look() -> None:
        changed = random.getstate() != fresh[0], _position(np.random.get_state()) != fresh[1]
        used.extend(name for name, moved in zip(("Python's random", "NumPy's random"), changed, strict=True) if moved)

    back.callback(look)


def _position(state: Any) -> tuple:
    _, key, *rest = state
    return key.tobytes(), *rest


def _held(modules: Iterable[Any]) -> Iterator[Any]:
    """Generators of NumPy and Python that layers keep as attributes, each once, in order."""
    seen = set()
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, (np.random.Generator, np.random.RandomState, random.Random)) and id(value) not in seen:
                seen.add(id(value))
                yield value


def _reseed(generator: Any, seed: int, back: contextlib.ExitStack) -> None:
    if isinstance(generator, np.random.Generator):
        bits = generator.bit_generator
        back.callback(setattr, bits, "state", bits.state)
        bits.state = type(bits)(seed).state
    elif isinstance(generator, np.random.RandomState):
        back.callback(generator.set_state, generator.get_state())
        generator.seed(seed % 2**32)
    elif not isinstance(generator, random.SystemRandom):  # whose numbers nobody can set
        back.callback(generator.setstate, generator.getstate())
        generator.seed(seed)
