"""What was seen while a model ran: arrays by name, in execution order, in memory and as files.

A trace knows names and arrays, nothing of the model that made them, so that any two models can be compared.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from ..arrays import Arrays
from ..atomic import atomic_path
from ..errors import BadInput


def trace_name(place: int, layer) -> str:
    """What a layer of a spec is called in a trace: its name, or its place and kind, such as `#4:reshape`."""
    return layer.name or f"#{place}:{getattr(layer, 'function', type(layer).__name__.lower())}"


def write_trace(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to an HDF5 file, names and order kept, whole or not at all.

    Raises:
        EnvironmentFailed: the disk is full, or the folder cannot be written.
    """
    import h5py

    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for index, (name, array) in enumerate(arrays.items()):
            file.create_dataset(f"{index:06d}", data=np.asarray(array)).attrs["name"] = name


def read_trace(path: str | os.PathLike[str]) -> Arrays:
    """The arrays of a file that `write_trace` wrote.

    Raises:
        BadInput: it is not such a file.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return {str(file[index].attrs["name"]): file[index][()] for index in sorted(file)}
    except (OSError, KeyError, AttributeError) as error:
        reason = str(error).splitlines()[0][:100]
        raise BadInput(f"{Path(path).name}: is not a trace ({reason}); record it again") from error


def backward_order(activations: Iterable[str], parameters: Iterable[str], owners: Mapping[str, str]) -> list[str]:
    """Names in the order in which the backward pass reaches them: each layer's output, then its own parameters.

    Args:
        owners: parameter → the activation that it makes; parameters without one come last.
    """
    waiting = list(parameters)
    order = []
    for name in reversed(list(activations)):
        order.append(name)
        mine = [parameter for parameter in waiting if owners.get(parameter) == name]
        order += mine
        waiting = [parameter for parameter in waiting if parameter not in mine]
    return order + waiting


def cut_first(order: list[str], missing: set[str]) -> list[str]:
    """The order with each run of missing names turned round.

    Where an activation is detached, it and what is only reshaped from it have no gradient: the one that was computed
    first is to blame.
    """
    turned: list[str] = []
    run: list[str] = []
    for name in order:
        if name in missing:
            run.append(name)
        else:
            turned += [*reversed(run), name]
            run = []
    return turned + run[::-1]


def parameter_owners(model) -> dict[str, str]:
    """For a spec's model: parameter → name of the activation that it makes."""
    owners = {}
    for network in model.networks().values():
        for layer in network.walk():
            joined = network.condition is not None and layer is getattr(network.condition, "layer", None)
            made = f"{network.name}.label" if joined else f"{network.name}.{layer.name}"
            owners |= {network.prefix + name: made for name in layer.parameters()}
    return owners
