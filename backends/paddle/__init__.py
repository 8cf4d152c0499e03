"""The contract, fulfilled by PaddlePaddle. File by file and function by function the twin of `backends/torch`."""

from paddle import nn

from . import calls, device, optimizers, tensors, weights
from .layers import reconstruction_error
from .model import Model, Net
from .session import Session

MODEL = nn.Layer
rounds_constants = True

__all__ = [
    "MODEL", "Model", "Net", "Session", "calls", "device", "optimizers", "reconstruction_error", "rounds_constants",
    "tensors", "weights",
]  # fmt: skip
