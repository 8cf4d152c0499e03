"""dualport: one spec, realised in PaddlePaddle and in PyTorch, with weight conversion and a proof of equality.

Names are imported when they are first used, so that `import dualport` is instant and needs no framework.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dualport.backends.models.align import align
    from dualport.backends.recipes.module import build
    from dualport.common.errors import BadInput, Diverged, DualportError, EnvironmentFailed
    from dualport.common.recipes import recipe
    from dualport.common.weights.conversion import convert
    from dualport.common.weights.loading import load_weights

__version__: str  # asked of what is installed: it is written once, in pyproject.toml

# public name -> the module that holds it
_PUBLIC = {
    "BadInput": "common.errors",
    "Diverged": "common.errors",
    "DualportError": "common.errors",
    "EnvironmentFailed": "common.errors",
    "align": "backends.models.align",
    "build": "backends.recipes.module",
    "convert": "common.weights.conversion",
    "load_weights": "common.weights.loading",
    "recipe": "common.recipes",
}

__all__ = [
    "BadInput",
    "Diverged",
    "DualportError",
    "EnvironmentFailed",
    "__version__",
    "align",
    "build",
    "convert",
    "load_weights",
    "recipe",
]


def __getattr__(name: str):
    if name == "__version__":
        from importlib.metadata import version

        return version(__name__)
    if name in _PUBLIC:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
