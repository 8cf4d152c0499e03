"""Weight files of both frameworks, read and written in NumPy alone."""

from .files import KINDS, WeightFile, read, write

__all__ = ["KINDS", "WeightFile", "read", "write"]
