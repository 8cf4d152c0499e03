"""Steps and powers of Adam's betas: PyTorch stores the step, Paddle the powers, this converts without losing a bit.

Paddle multiplies beta into `beta_pow_acc` at every step, in the parameters' dtype, starting from beta itself: after t
steps it holds beta^(t + 1), rounded t times. The same products are made here, so a power gives its step exactly.
"""

from __future__ import annotations

import numpy as np

_LONGEST = 2_000_000


def beta_power(beta: float, step: int, dtype: str = "float32") -> np.ndarray:
    """`[1]`: what Paddle's accumulator holds after `step` steps."""
    if step == 0:
        return np.array([beta], dtype)
    return np.multiply.accumulate(np.full(step + 1, beta, dtype))[-1:]


def steps_of(power: np.ndarray, beta: float) -> int | None:
    """The step at which the accumulator holds `power`, or `None` if it never does.

    A power that has shrunk to zero, or to where the products no longer change it, tells no step.
    """
    value = np.asarray(power).reshape(-1)[0]
    beta = value.dtype.type(beta)
    if not 0 < beta < 1 or not 0 < value <= beta:
        return None
    length = int(np.log(float(value)) / np.log(float(beta)) * 1.01) + 64
    powers = np.multiply.accumulate(np.full(min(length, _LONGEST), beta))
    found = np.flatnonzero(powers == value)
    return int(found[0]) if len(found) == 1 else None
