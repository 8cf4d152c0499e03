"""The contract, fulfilled by PyTorch. File by file and function by function the twin of `backends/paddle`."""

from torch import nn

from . import calls, device, optimizers, tensors, weights
from .layers import reconstruction_error
from .model import Model, Net
from .session import Session

MODEL = nn.Module
rounds_constants = False

__all__ = [
    "MODEL", "Model", "Net", "Session", "calls", "device", "optimizers", "reconstruction_error", "rounds_constants",
    "tensors", "weights",
]  # fmt: skip
