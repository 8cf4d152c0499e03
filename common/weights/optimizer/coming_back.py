"""Whether a tree of arrays that was written is the one that is read back."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...arrays import same_bits


def same_tree(written: Any, again: Any) -> bool:
    """Whether what was read back is what was written; a pair of a name and an array comes back as the array."""
    match written:
        case (str(), np.ndarray() as array):
            return same_tree(array, again)
        case np.ndarray():
            stored = again.view(written.dtype) if getattr(again, "dtype", None) == np.uint16 else again
            return isinstance(stored, np.ndarray) and same_bits(np.asarray(written), stored)
        case dict():
            return isinstance(again, dict) and list(written) == list(again) and all(
                same_tree(value, again[key]) for key, value in written.items()
            )  # fmt: skip
        case list() | tuple():
            return len(written) == len(again) and all(map(same_tree, written, again))
    return written == again
