"""Every figure that the write-ups show, drawn from NumPy arrays: the same code whichever framework made the numbers.

Importing this costs NumPy only; Matplotlib and Pillow are imported by the first figure that is drawn.
"""

from .animation import save_gif
from .curves import loss_curves, step_difference
from .error_plots import error_by_layer, error_growth
from .image_grids import image_grid, manifold, manifold_latents, two_rows
from .latent_scatter import latent_scatter
from .pixels import raster, save_png

__all__ = [
    "error_by_layer",
    "error_growth",
    "image_grid",
    "latent_scatter",
    "loss_curves",
    "manifold",
    "manifold_latents",
    "raster",
    "save_gif",
    "save_png",
    "step_difference",
    "two_rows",
]
