"""How many steps an optimiser had taken when its state was saved."""

from __future__ import annotations

from typing import Any

import numpy as np

from .adam_steps import exponents

# Decay rates in use; the exponent is found by repeating Paddle's own products, so that only an exact match counts.
BETA1 = (0.9, 0.5, 0.95, 0.8, 0.85)
BETA2 = (0.999, 0.99, 0.9, 0.95, 0.98, 0.9999, 0.997, 0.995)


def paddle_steps(arrays: dict[str, Any]) -> set[int | None]:
    """The step counts that the accumulators of a `.pdopt` tell, one for each parameter; None where it is unknown.

    Paddle keeps no count. It multiplies `beta1_pow_acc` and `beta2_pow_acc` by their betas at each step, starting at
    beta, so after t steps they are beta^(t+1), rounded at each product.
    """
    found: set[int | None] = set()
    for name, array in arrays.items():
        second = _only(array)
        if "_beta2_pow_acc_" in str(name) and second is not None:
            first = _only(arrays.get(name.replace("_beta2_pow_acc_", "_beta1_pow_acc_")))
            found.add(_agreed(second, first))
    return found


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
    found: set[int | None] = set()
    entries = state.get("state") if isinstance(state, dict) else None
    for entry in entries.values() if isinstance(entries, dict) else ():
        step = entry.get("step") if isinstance(entry, dict) else None
        step = step if _only(step) is None else _only(step).item()
        whole = isinstance(step, (int, float)) and not isinstance(step, bool) and float(step).is_integer()
        found.add(int(step) if whole else None)
    return found
