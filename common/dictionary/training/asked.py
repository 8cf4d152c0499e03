"""An optimizer asked for in words: `adam:lr=1e-3,beta1=0.5`."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ...errors import BadInput, choose
from .optimizers import ALIASES, BELOW_ONE


def parse_numbers(text: str, known: Mapping[str, Mapping[str, object]]) -> tuple[str, dict[str, float]]:
    """The kind and the numbers that are said of it, under the names of its entry.

    Args:
        known: kind → its numbers, each with a value that may be written for it.

    Raises:
        BadInput: an unknown optimizer or setting, or a value that it cannot have.
    """
    word, _, rest = text.partition(":")
    kind = choose(word.strip().lower(), known, "optimiser")
    said: dict[str, float] = {}
    for given, _, value in (part.partition("=") for part in rest.split(",") if part.strip()):
        spelled = given.strip()
        own = spelled if spelled in known[kind] else ALIASES.get(spelled, spelled)
        name = choose(own, known[kind], f"setting of {kind}")
        example = f"write {name}={known[kind][name]:g}"
        try:
            number = {"true": 1.0, "false": 0.0}.get(value.strip().lower())
            said[name] = float(value) if number is None else number
        except ValueError:
            raise BadInput(f"--optimizer {text}: {value!r} is not a number; {example}") from None
        if not (math.isfinite(said[name]) and said[name] >= 0) or (name in BELOW_ONE and said[name] >= 1):
            raise BadInput(f"--optimizer {text}: {name} cannot be {value}; {example}")
    return kind, said
