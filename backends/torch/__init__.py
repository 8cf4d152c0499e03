"""The spec realised in PyTorch. File by file and function by function the twin of `backends/paddle`."""

from torch import nn

from . import calls, stepping
from .device import choose_device, make_repeatable, version
from .model import Model, Net, build, outputs_of_state
from .session import Session

MODEL = nn.Module  # what every model of the framework is

__all__ = [
    "MODEL",
    "Model",
    "Net",
    "Session",
    "build",
    "calls",
    "choose_device",
    "make_repeatable",
    "outputs_of_state",
    "stepping",
    "version",
]  # fmt: skip
