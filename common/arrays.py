"""Arrays by name, as they travel between a model, a file and a comparison."""

from __future__ import annotations

import numpy as np

Arrays = dict[str, np.ndarray]
