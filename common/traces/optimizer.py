"""Optimizers by name, with every number said: a framework's own defaults never decide.

RMSProp has its epsilon under the root, as in Paddle, because PyTorch's own cannot be had there; the backends run that
formula in both.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..dictionary.training.optimizers import BELOW_ONE, DEFAULTS
from ..errors import BadInput, choose


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
    kind, _, words = text.partition(":")
    known = DEFAULTS[choose(kind.strip().lower(), DEFAULTS, "optimiser")]
    settings = dict(known)
    for word in filter(None, (part.strip() for part in words.split(","))):
        name, _, value = word.partition("=")
        name = choose(name.strip(), known, f"setting of {kind}")
        try:
            number = {"true": 1.0, "false": 0.0}.get(value.strip().lower())
            settings[name] = float(value) if number is None else number
        except ValueError:
            raise BadInput(f"--optimizer {text}: {value!r} is not a number; write {name}={known[name]:g}") from None
        if not (math.isfinite(settings[name]) and settings[name] >= 0) or (name in BELOW_ONE and settings[name] >= 1):
            raise BadInput(f"--optimizer {text}: {name} cannot be {value}; write {name}={known[name]:g}")
    return OptimizerSettings(kind.strip().lower(), settings)
