"""An export from its files, as a model."""

from __future__ import annotations

from pathlib import Path

from ....common.errors import BadInput
from ....common.weights import read
from .model import Exported
from .steps import steps_of


def read_exported(path: str, program: str | None = None) -> Exported:
    """The model that an export holds, under the names that its layers had where the files tell them.

    Args:
        path: its program, its parameters, or its folder. program: where it does not lie beside the parameters.

    Raises:
        BadInput: there is no program, it branches or loops, or an operation is not known.
    """
    held = read(path, kind="weights", program=program)
    if held.program is None:
        raise BadInput(
            f"{path}: is no export with a program; name a model's class, file.py:Name, or a .json or .pdmodel"
        )
    weights = {held.names.get(name, name): array for name, array in held.arrays.items()}
    structured = {variable: name for name, variable in reversed(held.names.items())}  # the layers' own come first
    file = Path(path).name
    steps = steps_of(held.program, file)
    return Exported(steps.steps, held.program.inputs, steps.outputs, weights, structured, steps.axes, file)
