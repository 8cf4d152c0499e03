"""Every random number of a run, from NumPy streams keyed by (seed, purpose, numbers such as the epoch).

Both frameworks see the same numbers, a run can be repeated, and a resumed run continues where it stopped.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np

from .errors import BadInput


def stream(seed: int, purpose: str, *indices: int) -> np.random.Generator:
    """An independent generator for one purpose of one run.

    Raises:
        BadInput: the seed is negative.
    """
    if seed < 0:
        raise BadInput(f"the seed must not be negative, but is {seed}")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, crc32(purpose.encode()), *indices])))


def normal(seed: int, purpose: str, *indices: int, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers as float32; a float64 run uses the same values."""
    return stream(seed, purpose, *indices).standard_normal(shape, dtype=np.float32)
