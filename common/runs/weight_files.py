"""A run's weights as files that people's own code loads: each network in `.pdparams`, `.pt` and `.safetensors`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..spec import Recipe
from ..weights import write
from ..weights.recipe_layout import paddle_names, part_layout, to_paddle, to_torch


def write_weights(recipe: Recipe, weights: dict[str, np.ndarray], folder: Path) -> list[Path]:
    """Write every part under its published name. `.pdparams` has Paddle's names and layout, the others PyTorch's."""
    paths = []
    for part, name in recipe.weight_files().items():
        layout = part_layout(recipe.model, part)
        for ending in (".pdparams", ".pt", ".safetensors"):
            path = folder / f"{name}{ending}"
            if ending == ".pdparams":
                write(path, to_paddle(layout, weights), names=paddle_names(layout))
            else:
                write(
                    path,
                    to_torch(layout, weights),
                    **({"metadata": {"format": "pt"}} if ending == ".safetensors" else {}),
                )
            paths.append(path)
    return paths
