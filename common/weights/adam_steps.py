"""Steps and powers of Adam's betas: PyTorch stores the step, Paddle the powers, this converts without losing a bit.

Paddle multiplies beta into `beta_pow_acc` at every step, in the parameters' dtype, starting from beta itself: after t
steps it holds beta^(t + 1), rounded t times. The same products are made here, so a power gives its step exactly.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

MAX_STEPS = 1_000_000


def beta_power(beta: float, step: int, dtype: str = "float32") -> np.ndarray:
    """`[1]`: what Paddle's accumulator holds after `step` steps."""
    if step == 0:
        return np.array([beta], dtype)
    return np.multiply.accumulate(np.full(step + 1, beta, dtype))[-1:]


@lru_cache(maxsize=32)
def powers(beta: float, dtype: str) -> np.ndarray:
    """beta, beta², … as repeated products, as far as they are normal numbers of the type; the rest cannot tell."""
    count = int(math.log(np.finfo(dtype).tiny) / math.log(beta))
    with np.errstate(under="ignore"):
        return np.multiply.accumulate(np.full(min(count, MAX_STEPS), beta, np.dtype(dtype)))


def exponents(power: np.generic, beta: float) -> set[int]:
    """Every t for which beta^(t + 1), rounded at each product, is `power`; none where it has underflowed."""
    if power.dtype.kind != "f" or not power >= np.finfo(power.dtype).tiny or not 0 < beta < 1:
        return set()
    return {int(index) for index in np.flatnonzero(powers(beta, power.dtype.str) == power)}


def steps_of(power: np.ndarray, beta: float) -> int | None:
    """The step at which the accumulator holds `power`, or `None` if none or several do."""
    found = exponents(np.asarray(power).reshape(-1)[0], beta)
    return found.pop() if len(found) == 1 else None
