"""What the tests of diagnoses share."""

from __future__ import annotations

import numpy as np
from dualport.common.compare.explanation.call import Explanation
from dualport.common.tolerances import bound

NAMES = ("paddle", "torch")


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def explained(found: list[Explanation], says: str) -> bool:
    """Whether exactly what is said removes the difference."""
    texts = [one.text for one in found]
    assert any(says in text for text in texts), texts
    assert all(one.removed for one in found)
    return all(one.after <= bound(one.limit) < one.before for one in found)
