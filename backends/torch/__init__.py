"""The contract, fulfilled by PyTorch. File by file and function by function the twin of `backends/paddle`."""

from . import calls, device, draws, layers, optimizers, tensors, weights
from .layers import MODEL
from .model import Model, Net
from .session import Session

rounds_constants = False

__all__ = [
    "MODEL", "Model", "Net", "Session", "calls", "device", "draws", "layers", "optimizers", "rounds_constants",
    "tensors", "weights",
]  # fmt: skip
