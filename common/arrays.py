"""Arrays by name, as they travel between a model, a file and a comparison."""

from __future__ import annotations

import numpy as np

Arrays = dict[str, np.ndarray]


def same_bits(a: np.ndarray, b: np.ndarray, piece: int = 2**22) -> bool:
    """Equal type, shape and bytes, NaNs included; compared in pieces, to need no memory for large arrays."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    a, b = (np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in (a, b))
    return all(np.array_equal(a[at : at + piece], b[at : at + piece]) for at in range(0, len(a), piece))
