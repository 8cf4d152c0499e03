"""The betas and the counts of steps that the powers in a `.pdopt` tell; see `adam_steps`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from ...dictionary.entry import Entry
from ...errors import BadInput
from .adam_steps import BETA1, BETA2, exponents, powers
from .numbers import defaults, shown
from .paddle_keys import Accumulators, power_key

NEAR = 16  # steps by which a rounded power may run out before or after the exact one
TRIED = {"beta1": BETA1, "beta2": BETA2}


def told_by_powers(
    path: str, entry: Entry, kept: Accumulators, said: Mapping[str, float]
) -> tuple[dict[str, float], dict[str, int], list[str]]:
    """The betas, the steps of each parameter, and what must be said of them.

    Args:
        said: the betas that the user gives; the others are found among those in use.

    Raises:
        BadInput: the powers come from no betas that are tried.
    """
    words = [power_key(number) for number in entry.powers]
    if not words or words[0] not in kept.arrays:
        return {}, {}, []
    values = {name: tuple(kept.arrays[word][name].reshape(-1)[0] for word in words) for name in kept.arrays[words[0]]}
    tried = [[said[number]] if number in said else list(TRIED[number]) for number in entry.powers]
    found = [
        betas for betas in product(*tried) if all(_steps(pair, betas) is not None for pair in set(values.values()))
    ]
    if not found:
        betas = ",".join(f"{number}=…" for number in entry.powers)
        raise BadInput(
            f"{path}: its beta powers do not come from {shown(said) if said else 'betas in common use'}; say the betas "
            f"that it was trained with: --optimizer {entry.kind}:{betas}"
        )
    usual = tuple(defaults(entry, "paddle")[number] for number in entry.powers)
    betas = usual if usual in found else found[0]
    steps = {pair: _steps(pair, betas) or 0 for pair in set(values.values())}
    notes = []
    if len(found) > 1:
        notes.append(f"its beta powers have run out of digits and tell no betas: {', '.join(map(str, betas))} is taken")
    if any(all(_run_out(power) for power in pair) for pair in steps):
        notes.append(
            f"its beta powers have run out of digits and tell no steps: {max(steps.values()):,} is written, "
            "after which nothing is corrected any more"
        )
    return dict(zip(entry.powers, betas, strict=True)), {name: steps[pair] for name, pair in values.items()}, notes


def _run_out(power: np.floating) -> bool:
    return bool(power < np.finfo(power.dtype).tiny)


def _steps(pair: Sequence[np.floating], betas: Sequence[float]) -> int | None:
    """The steps after which all powers are what they are; None if there are none."""
    told: set[int] | None = None
    least = 0
    for power, beta in zip(pair, betas, strict=True):
        if power.dtype.kind != "f" or not 0 <= beta < 1 or not power >= 0 or (beta == 0 and power):
            return None
        if beta == 0:
            continue
        if _run_out(power):
            least = max(least, len(powers(beta, power.dtype.str)) - NEAR)
            continue
        steps = exponents(power, beta)
        told = steps if told is None else told & steps
    if told is None:
        return least + 2 * NEAR
    fitting = {step for step in told if step >= least}
    return fitting.pop() if len(fitting) == 1 else None
