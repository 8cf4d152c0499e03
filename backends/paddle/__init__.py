"""The spec realised in PaddlePaddle. File by file and function by function the twin of `backends/torch`."""

from .model import Model, Net, build, outputs_of_state
from .training import Session

__all__ = ["Model", "Net", "Session", "build", "outputs_of_state"]
