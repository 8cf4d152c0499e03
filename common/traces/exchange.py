"""Arrays by name as a file, for what one process has seen and another judges: names and order stay."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..arrays import Arrays
from ..atomic import atomic_path
from ..errors import BadInput


def write_arrays(path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to an HDF5 file, names and order kept, whole or not at all.

    Raises:
        EnvironmentFailed: the disk is full, or the folder cannot be written.
    """
    import h5py

    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        for index, (name, array) in enumerate(arrays.items()):
            file.create_dataset(f"{index:06d}", data=np.asarray(array)).attrs["name"] = name


def read_arrays(path: str | os.PathLike[str]) -> Arrays:
    """The arrays of a file that `write_arrays` wrote.

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
