"""How gradients are clipped before a step: each way as a function, and in words."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..entry import Contrast

ADDED = 1e-6  # by PyTorch's `clip_grad_norm_` to the norm
Clip = Callable[[np.ndarray, float, float], np.ndarray]  # (gradient, norm of all gradients, bound) → the clipped one
# A setting of the step, whose value is the bound → what it does to one gradient. Paddle's optimizers have the first
# three as `grad_clip`; PyTorch's have none, and the user's code calls `clip_grad_norm_` or `clip_grad_value_`.
CLIPS: dict[str, tuple[str, Clip]] = {
    "clip_global_norm": (
        "bound / max(norm, bound) times all gradients, as ClipGradByGlobalNorm",
        lambda g, norm, most: g * most / max(norm, most),
    ),
    "clip_norm": (
        "bound / max(norm, bound) times each gradient by its own norm, as ClipGradByNorm",
        lambda g, norm, most: g * most / max(float(np.linalg.norm(g)), most),
    ),
    "clip_value": ("each value held within the bound", lambda g, norm, most: np.clip(g, -most, most)),
    "clip_grad_norm_": (
        f"bound / (norm + {ADDED:g}) times all gradients, as clip_grad_norm_",
        lambda g, norm, most: g * min(1.0, most / (norm + ADDED)),
    ),
    "clip_each_grad_norm_": (
        f"bound / (norm + {ADDED:g}) times each gradient by its own norm",
        lambda g, norm, most: g * min(1.0, most / (float(np.linalg.norm(g)) + ADDED)),
    ),
}
CLIPPED = Contrast("clipping of the global norm", f"to bound / (norm + {ADDED:g})", "to bound / max(norm, bound)",
                   "`clip_grad_norm_` against `ClipGradByGlobalNorm`: another sixth digit")  # fmt: skip
