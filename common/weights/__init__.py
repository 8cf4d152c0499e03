"""Weight files of both frameworks, read and written in NumPy alone."""

from .files import read, write
from .formats.checkpoint_tree import KINDS
from .weight_file import WeightFile

__all__ = ["KINDS", "WeightFile", "read", "write"]
