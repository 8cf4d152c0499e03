"""What the frameworks' lowest layers draw, and what each of them makes of uniform and normal numbers.

Whatever a user writes (a function, a method in place, a distribution, a layer with a dropout inside) ends at one of
these operators. Each is computed here from the kit's own numbers, in float64 NumPy and once for both frameworks, so
that different spellings of one thing get one result: a dropout's mask, `bernoulli` and `floor(keep + rand)` keep where
u ≥ 1 − keep; `exponential` is −log u, so that Gumbel's −log E is the −log(−log u) that people write by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Shape = tuple[int, ...]
UNWRITTEN = 0.7310585786300049  # what fresh memory holds, so that reading it is repeatable, and is no innocent zero


class Numbers(Protocol):
    """The kit's streams, as they come in one pass."""

    def uniform(self, shape: Shape) -> np.ndarray:
        """Between 0 and 1, without both."""
        ...

    def normal(self, shape: Shape) -> np.ndarray: ...

    def generator(self, purpose: str, shape: Shape) -> np.random.Generator:
        """For what is made of no fixed count of uniform numbers."""
        ...


def _uniform(numbers: Numbers, shape: Shape, low: Any = 0.0, high: Any = 1.0, **_: Any) -> np.ndarray:
    return low + (high - low) * numbers.uniform(shape)


def _normal(numbers: Numbers, shape: Shape, mean: Any = 0.0, std: Any = 1.0, **_: Any) -> np.ndarray:
    return mean + std * numbers.normal(shape)


def kept(numbers: Numbers, shape: Shape, chance: Any = None, given: Any = 0.5, **_: Any) -> np.ndarray:
    """True with a chance: the mask of a dropout that keeps it."""
    return numbers.uniform(shape) >= 1 - (given if chance is None else chance)


def exponential(numbers: Numbers, shape: Shape, rate: Any = 1.0, **_: Any) -> np.ndarray:
    return -np.log(numbers.uniform(shape)) / rate


def _geometric(numbers: Numbers, shape: Shape, chance: Any, **_: Any) -> np.ndarray:
    return np.ceil(np.log(numbers.uniform(shape)) / np.log1p(-chance))


def _cauchy(numbers: Numbers, shape: Shape, mean: Any = 0.0, std: Any = 1.0, **_: Any) -> np.ndarray:
    return mean + std * np.tan(np.pi * (numbers.uniform(shape) - 0.5))


def _log_normal(numbers: Numbers, shape: Shape, mean: Any = 1.0, std: Any = 2.0, **_: Any) -> np.ndarray:
    return np.exp(_normal(numbers, shape, mean, std))


def _whole(numbers: Numbers, shape: Shape, low: Any = None, high: Any = None, **_: Any) -> np.ndarray:
    low = 0 if low is None else low
    high = 2**24 if high is None else high  # where nobody says it: all that float32 has without gaps
    return low + np.floor(numbers.generator("whole numbers", shape).random(shape) * (high - low))


def _order(numbers: Numbers, shape: Shape, **_: Any) -> np.ndarray:
    return numbers.generator("order", shape).permutation(shape[0])


def _places(
    numbers: Numbers, shape: Shape, given: Any, num_samples: Any = 1, replacement: Any = False, **_: Any
) -> np.ndarray:
    """Places on the last axis, drawn with the chances that stand there."""
    if not replacement:  # those whose exponential clocks of these rates ring first
        with np.errstate(divide="ignore"):
            rings = exponential(numbers, given.shape) / given
        return np.argsort(rings, axis=-1, kind="stable")[..., : shape[-1]]
    reached = np.cumsum(given, axis=-1)
    height = numbers.uniform(shape)[..., None] * reached[..., None, -1:]
    return (height >= reached[..., None, :]).sum(-1)


def _counts(numbers: Numbers, shape: Shape, given: Any, **_: Any) -> np.ndarray:
    return numbers.generator("counts", shape).poisson(given, shape)


def _successes(numbers: Numbers, shape: Shape, count: Any, chance: Any, **_: Any) -> np.ndarray:
    return numbers.generator("successes", shape).binomial(np.asarray(count, np.int64), chance, shape)


def _gamma(numbers: Numbers, shape: Shape, given: Any, **_: Any) -> np.ndarray:
    return numbers.generator("gamma", shape).standard_gamma(given, shape)


def _dirichlet(numbers: Numbers, shape: Shape, given: Any, **_: Any) -> np.ndarray:
    drawn = _gamma(numbers, shape, given)
    return drawn / drawn.sum(-1, keepdims=True)


def _unwritten(numbers: Numbers, shape: Shape, **_: Any) -> np.ndarray:
    return np.full(shape, UNWRITTEN)


@dataclass(frozen=True)
class Draw:
    """One thing that is drawn.

    `torch`, `paddle`: the operators, those of Paddle with their arguments in order: `uniform(shape,_,low,high)`.
    `made`: computes it from the numbers, the shape of the result, and the arguments of the operator. `reads`: which of
    its arguments may be tensors. `memory`: nothing is drawn, memory is taken as it comes.
    """

    name: str
    torch: tuple[str, ...]
    paddle: dict[str, tuple[str, ...]]
    made: Callable[..., np.ndarray]
    reads: tuple[str, ...] = ()
    memory: bool = False


def _draw(name: str, torch: str, paddle: str, made: Callable[..., np.ndarray], reads: str = "", **more: Any) -> Draw:
    called = {word.partition("(")[0]: tuple(word.partition("(")[2].strip(")").split(",")) for word in paddle.split()}
    return Draw(name, tuple(torch.split()), called, made, tuple(reads.split()), **more)


DRAWS: tuple[Draw, ...] = (
    _draw("uniform", "uniform uniform_ rand rand_like", "uniform(_,_,low,high) uniform_inplace_(_,low,high)", _uniform),
    _draw("normal", "normal normal_ normal_functional randn randn_like",
          "gaussian(_,mean,std) gaussian_inplace_(_,mean,std)", _normal, "mean std"),
    _draw("bernoulli", "bernoulli", "bernoulli(given)", kept, "given chance"),
    _draw("bernoulli in place", "bernoulli_", "", kept, "chance"),
    _draw("exponential", "exponential exponential_", "exponential_(_,rate)", exponential),
    _draw("geometric", "geometric geometric_", "", _geometric),
    _draw("Cauchy", "cauchy cauchy_", "", _cauchy),
    _draw("log-normal", "log_normal log_normal_", "", _log_normal),
    _draw("whole numbers", "randint randint_like random random_", "randint(low,high) random_(_,low,high)", _whole,
          "high"),
    _draw("order", "randperm", "randperm(n)", _order),
    _draw("places", "multinomial", "multinomial(given,num_samples,replacement)", _places, "given"),
    _draw("counts", "poisson", "poisson(given)", _counts, "given"),
    _draw("successes", "binomial", "binomial(count,chance)", _successes, "count chance"),
    _draw("gamma", "_standard_gamma", "standard_gamma(given)", _gamma, "given"),
    _draw("Dirichlet", "_sample_dirichlet", "dirichlet(given)", _dirichlet, "given"),
    _draw("memory", "empty empty_like new_empty empty_strided new_empty_strided", "empty() empty_like()", _unwritten,
          memory=True),
)  # fmt: skip
# What PyTorch's operators call the arguments above.
TORCH_ARGUMENTS = {"self": "given", "from": "low", "to": "high", "p": "chance", "prob": "chance", "lambd": "rate",
                   "median": "mean", "sigma": "std"}  # fmt: skip
BY_OPERATOR: dict[str, dict[str, Draw]] = {
    framework: {operator: draw for draw in DRAWS for operator in getattr(draw, framework)}
    for framework in ("torch", "paddle")
}
MEMORY = frozenset(name for draw in DRAWS if draw.memory for name in (*draw.torch, *draw.paddle))
