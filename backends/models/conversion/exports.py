"""An inference export as the model that gives the weights: its program runs, so nothing rests on names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....common.errors import BadInput
from ....common.traces.inputs import Input
from ....common.weights.formats.paddle_exports.program import Program
from ....common.weights.weight_file import WeightFile
from ... import installed
from ..load import is_export

EXPORT = "export"  # what its side is called beside those of the frameworks
BATCH = 2  # of inputs whose number of examples is open


@dataclass(frozen=True)
class Parts:
    """What takes part in a conversion: side → model and its arguments, which of them gives the weights, what is fed."""

    models: Mapping[str, str]
    arguments: Mapping[str, str]
    origin: str
    inputs: Sequence[Input]


def with_export(parts: Parts, file: WeightFile, program: str | None, into: str) -> tuple[Parts, list[str]]:
    """The parts with the export in the place of the source's model, where the file is one that can run; and notes.

    Without the framework it stays the file that it is, whose names are all that tells.
    """
    if file.program is None or into not in parts.models or not installed(parts.origin):
        return parts, []
    needless = parts.origin != into and parts.origin in parts.models
    told = ["the export is run itself: the model of --paddle is not needed"] if needless else []
    models = {EXPORT: file.path, into: parts.models[into]}
    arguments = {**parts.arguments, EXPORT: f"program={program}" if program else ""}
    return Parts(models, arguments, EXPORT, parts.inputs or _inputs_of(file.program)), told


def _inputs_of(program: Program) -> list[Input]:
    """What the program says that it is fed; nothing where it leaves more open than the number of examples."""
    found = []
    for name in program.inputs:
        variable = program.variables[name]
        shape, dtype = variable.shape, variable.dtype
        if not shape or -1 in shape[1:] or dtype not in ("float32", "float64"):
            return []
        found.append(Input("", (BATCH if shape[0] == -1 else shape[0], *shape[1:])))
    return found


def arrays_of(file: WeightFile, reference: str | None, model: Any) -> dict[str, np.ndarray]:
    """The arrays of a file under the names that the model has which gives them: of an export, those of its layers.

    Raises:
        BadInput: the file of an export lacks a weight of its own program.
    """
    if not is_export(reference):
        return file.arrays
    variables = {file.names.get(name, name): array for name, array in file.arrays.items()}
    stored = model.model.stored_names
    if left := [name for name in stored if name not in variables]:
        raise BadInput(f"{file.path}: has nothing for {', '.join(left[:20])} of its own program")
    return {stored[name]: array for name, array in variables.items() if name in stored}
