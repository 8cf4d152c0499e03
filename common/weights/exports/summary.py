"""What is told of an export beside its tensors: its operations, its layers, and what was folded away or left out."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from ..weight_file import WeightFile
from .kinds import export_views, tensor_name

_FUSED = re.compile(r"fused?_.*|fusion_.*|.*_fuse|.*_fused|.*_fusion|fc|multihead_matmul|skip_layernorm")
_QUANTISED = re.compile(r".*quant.*|.*_int8")


def summary(file: WeightFile) -> dict[str, Any] | None:
    """An export as plain data for JSON; None of any other file.

    `layers`: kind → how many have tensors in it. `untold`: tensors whose kind their names do not tell. `folded`: what
    speaks of a program that was changed after training. `partly`: layer → the suffixes of its weights that are not
    there; `skipped`: layers that Paddle has numbered, and of which nothing is there; `fused` and `quantised`:
    operations, with counts.
    """
    if file.format != "pdiparams":
        return None
    program = file.program
    counts = program.counts() if program else {}
    told = {}
    if program:
        told = {
            "kind": program.kind,
            "version": program.version,
            "inputs": [_variable(program, name) for name in program.inputs],
            "outputs": [_variable(program, name) for name in program.outputs],
        }
    views = export_views(file.arrays, file.names, program)
    tensors = list(dict.fromkeys(file.names.get(name, name) for name in file.arrays))
    return {
        "program": told or None,
        "operations": counts,
        "beside": list(file.beside),
        "layers": _layers(tensors),
        "untold": [view.stored_name for view in views.values() if view.unruled],
        "folded": {
            "partly": _partly(tensors),
            "skipped": _skipped(tensors),
            "fused": {kind: count for kind, count in counts.items() if _FUSED.fullmatch(kind)},
            "quantised": {kind: count for kind, count in counts.items() if _QUANTISED.fullmatch(kind)},
        },
    }


def in_ranges(layers: list[str]) -> list[str]:
    """Numbered layers with those that follow one another told by the first and the last: `conv2d_3 to 7`."""
    runs: list[list[tuple[str, int]]] = []
    for layer in layers:
        prefix, _, number = layer.rpartition("_")
        if runs and runs[-1][-1] == (prefix, int(number) - 1):
            runs[-1].append((prefix, int(number)))
        else:
            runs.append([(prefix, int(number))])
    return [f"{run[0][0]}_{run[0][1]}" + (f" to {run[-1][1]}" if len(run) > 1 else "") for run in runs]


def _variable(program, name: str) -> dict[str, Any]:
    variable = program.variables.get(name)
    shape = list(variable.shape) if variable and variable.shape is not None else None
    return {"name": name, "dtype": variable.dtype if variable else None, "shape": shape}


def _layers(tensors: list[str]) -> dict[str, int]:
    known = {parts.layer: parts.entry.kind for parts in map(tensor_name, tensors) if parts and parts.entry}
    return dict(Counter(known.values()).most_common())


def _partly(tensors: list[str]) -> dict[str, list[str]]:
    """Layers that have statistics, of which some tensors are there and others not: a normalization that was folded."""
    found: dict[str, set[str]] = {}
    entries = {}
    for parts in filter(None, map(tensor_name, tensors)):
        if parts.entry and any(row.suffix and not row.trained for row in parts.entry.weights):
            found.setdefault(parts.layer, set()).add(parts.suffix)
            entries[parts.layer] = parts.entry
    missing = {
        layer: [row.suffix for row in entries[layer].weights if row.suffix and row.suffix not in suffixes]
        for layer, suffixes in found.items()
    }
    return {layer: suffixes for layer, suffixes in missing.items() if suffixes}


def _skipped(tensors: list[str]) -> list[str]:
    """Numbers that are missing between the first and the last of a kind of layer."""
    numbers: dict[str, set[int]] = {}
    for parts in filter(None, map(tensor_name, tensors)):
        if parts.entry:
            numbers.setdefault(parts.prefix, set()).add(parts.number)
    gaps = []
    for prefix, there in numbers.items():
        if max(there) - min(there) <= 2 * len(there) + 100:  # else they are no numbers in an order of creation
            gaps += [f"{prefix}_{number}" for number in range(min(there), max(there)) if number not in there]
    return gaps
