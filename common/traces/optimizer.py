"""Optimizers by name, with every number said: a framework's own defaults never decide.

RMSProp has its epsilon under the root, as in Paddle, because PyTorch's own cannot be had there; the backends run that
formula in both.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..dictionary.training.asked import parse_numbers
from ..dictionary.training.optimizers import DEFAULTS


@dataclass(frozen=True)
class OptimizerSettings:
    """One optimizer with all its numbers."""

    kind: str = "adam"
    settings: dict[str, float] = field(default_factory=lambda: dict(DEFAULTS["adam"]))

    def __str__(self) -> str:
        return f"{self.kind}: " + ", ".join(f"{name}={value:g}" for name, value in self.settings.items())


def library_class(optimizer: object, library: str) -> str:
    """The lower-cased name of the framework's own class that an optimizer is, or derives from."""
    own = (base.__name__ for base in type(optimizer).__mro__ if base.__module__.startswith(library))
    return next(own, type(optimizer).__name__).lower()


def parse_optimizer(text: str) -> OptimizerSettings:
    """`adam:lr=1e-3,beta1=0.5` → the optimizer; what is not said is the default of the table.

    Raises:
        BadInput: an unknown optimizer or setting, or a value that it cannot have.
    """
    kind, said = parse_numbers(text, DEFAULTS)
    return OptimizerSettings(kind, DEFAULTS[kind] | said)
