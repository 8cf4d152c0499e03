"""How many steps an Adam has taken: PyTorch stores the step, Paddle powers of the betas; neither loses a bit here.

Paddle multiplies beta into `beta_pow_acc` at every step, in the parameters' dtype, starting from beta itself: after t
steps it holds beta^(t + 1), rounded t times. The same products are made here, so a power gives its step exactly.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

MAX_STEPS = 1_000_000
# Decay rates in use; the exponent is found by repeating Paddle's own products, so that only an exact match counts.
BETA1 = (0.9, 0.5, 0.95, 0.8, 0.85)
BETA2 = (0.999, 0.99, 0.9, 0.95, 0.98, 0.9999, 0.997, 0.995)


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
    steps = exponents(np.asarray(power).reshape(-1)[0], beta)
    return steps.pop() if len(steps) == 1 else None


def paddle_steps(arrays: dict[str, Any]) -> set[int | None]:
    """The step counts that the accumulators of a `.pdopt` tell, one for each parameter; None where it is unknown.

    Paddle keeps no count. It multiplies `beta1_pow_acc` and `beta2_pow_acc` by their betas at each step, starting at
    beta, so after t steps they are beta^(t+1), rounded at each product.
    """
    steps: set[int | None] = set()
    for name, array in arrays.items():
        second = _only(array)
        if "_beta2_pow_acc_" in str(name) and second is not None:
            first = _only(arrays.get(name.replace("_beta2_pow_acc_", "_beta1_pow_acc_")))
            steps.add(_agreed(second, first))
    return steps


def _only(array: Any) -> Any:
    """The one number in an array; None where it is something else."""
    return array.reshape(-1)[0] if isinstance(array, np.ndarray) and array.size == 1 else None


def _agreed(second: Any, first: Any) -> int | None:
    """The only t for which both accumulators are what they are; the first one alone is soon too small to tell."""
    candidates = set().union(*(exponents(second, beta) for beta in BETA2))
    if first is not None and first.dtype.kind == "f" and first >= np.finfo(first.dtype).tiny:
        others = [exponents(first, beta) for beta in BETA1]
        candidates &= set().union(*others)
    return candidates.pop() if len(candidates) == 1 else None


def torch_steps(state: Any) -> set[int | None]:
    """The step counts in the state of torch's Adam and its kin (`state[i]["step"]`, a number or a tensor)."""
    steps: set[int | None] = set()
    entries = state.get("state") if isinstance(state, dict) else None
    for entry in entries.values() if isinstance(entries, dict) else ():
        step = entry.get("step") if isinstance(entry, dict) else None
        step = step if _only(step) is None else _only(step).item()
        if isinstance(step, (int, float)) and not isinstance(step, bool) and float(step).is_integer():
            steps.add(int(step))
        else:
            steps.add(None)
    return steps
