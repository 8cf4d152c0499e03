"""The spec realised in PaddlePaddle. File by file and function by function the twin of `backends/torch`."""

from .model import Model, Net, build
from .training import PaddleSession as Session

__all__ = ["Model", "Net", "Session", "build"]
