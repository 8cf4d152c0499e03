"""Training data: reading, checking, fetching and writing it. Knows no framework."""

from .check import Report, Variable, check, orientation
from .dataset import Dataset
from .export import export_mat, export_parts
from .formats.image_folder import FACE_CROP, FACE_SHAPE
from .formats.labels import MEANINGS
from .load import NAMED, PARTS, load
from .preview import write_preview
from .sources.mnist import MIRRORS, fetch_mnist

__all__ = [
    "FACE_CROP",
    "FACE_SHAPE",
    "MEANINGS",
    "MIRRORS",
    "NAMED",
    "PARTS",
    "Dataset",
    "Report",
    "Variable",
    "check",
    "export_mat",
    "export_parts",
    "fetch_mnist",
    "load",
    "orientation",
    "write_preview",
]
