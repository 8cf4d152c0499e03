"""An export's tensors as the state dict of the model that it was made from, as far as it tells."""

from __future__ import annotations

import re

from ....dictionary.operations.recurrent import CELLS
from ..stored import Array
from .files import Export
from .program import Program

# What a recurrent layer keeps in its cells, `lstm.0.cell_bw.weight_ih`, Paddle's state dict has once more under a name
# of the layer's own, `lstm.weight_ih_l0_reverse`.
_OF_A_CELL = re.compile(rf"(.*?)(\d+)\.({'|'.join(CELLS)})\.((?:weight|bias)_[ih]h)")


def state_dict(whole: Export) -> tuple[dict[str, Array], dict[str, str]]:
    """Arrays by structured name, where `.info` tells it, and Paddle's table from those names to tensor names."""
    structured = {variable: name for name, variable in whole.names.items()}
    told = {variable: structured.get(variable, variable) for variable in whole.arrays}
    if len(set(told.values())) < len(told):  # a structured name that is another's tensor name
        told = {variable: variable for variable in whole.arrays}
    recurrent = _of_recurrent_layers(whole.program) if structured else set()
    arrays: dict[str, Array] = {}
    names: dict[str, str] = {}
    for variable, name in told.items():
        again = layer_name(name) if variable in recurrent else None
        for key in (again, name) if again and again not in told.values() else (name,):
            arrays[key], names[key] = whole.arrays[variable], variable
    return arrays, names


def layer_name(name: str) -> str | None:
    """What a recurrent layer calls a weight of its cell; None of what is no such name."""
    found = _OF_A_CELL.fullmatch(name)
    if found is None:
        return None
    layer, number, cell, weight = found.groups()
    return f"{layer}{weight}_l{number}{'_reverse' if cell == 'cell_bw' else ''}"


def _of_recurrent_layers(program: Program | None) -> set[str]:
    """The tensors that a call of a whole recurrent layer takes; a cell that is called by itself has its names alone."""
    calls = [call for call in program.operations if call.kind == "rnn"] if program else []
    return {name for call in calls for names in call.inputs.values() for name in names}
