"""The contract, fulfilled by PaddlePaddle. File by file and function by function the twin of `backends/torch`."""

from . import calls, device, draws, float64, layers, optimizers, tensors, weights
from .layers import MODEL
from .model import Model, Net
from .session import Session

__all__ = [
    "MODEL", "Model", "Net", "Session", "calls", "device", "draws", "float64", "layers", "optimizers", "tensors",
    "weights",
]  # fmt: skip
