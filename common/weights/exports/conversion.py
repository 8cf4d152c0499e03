"""`convert` of an inference export without a model: within Paddle as it is, to PyTorch where its names tell enough."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import numpy as np

from ...arrays import same_bits
from ...atomic import atomic_path
from ...dictionary.index import BY_KIND
from ...dictionary.operations.normalization import COUNTER
from ...errors import BadInput, choose, listed
from ..files import WeightFile, read, write
from ..fit import LISTED
from ..formats.bounded_bytes import quoted
from ..formats.paddle_exports.files import HEAD, kind_of_program
from ..formats.paddle_exports.records import is_record
from ..recipe_conversion import DTYPES, Conversion, ConvertedTensor, cast, framework_of_target
from ..view import View, joined
from .kinds import export_views

Arrays = dict[str, np.ndarray]


def is_export(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins as one of an export does; so is a folder taken. What is wrong with it is said when read."""
    place = Path(path)
    if not place.is_file():
        return place.is_dir()
    with contextlib.suppress(OSError), place.open("rb") as file:
        head = file.read(HEAD)
        return is_record(head) or bool(kind_of_program(head))
    return False


def convert_export(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    dtype: str | None = None,
    program: str | os.PathLike[str] | None = None,
) -> Conversion:
    """Write an export's tensors as a state dict of the framework that the target's extension names.

    A `.pdparams` has them as they are, under the structured names that the export tells, else under the tensors' own.
    The other formats have them as PyTorch lays them out, in layers of the same names.

    Args:
        dtype: the floating type to write; by default each tensor's own. program: where it is not beside the parameters.

    Raises:
        BadInput: no whole export; or a matrix whose kind of layer it does not tell.
        EnvironmentFailed: the target cannot be written; then as in every other case nothing is.
    """
    into = framework_of_target(source, target)
    if Path(target).suffix.lower() == ".pdopt":
        raise BadInput(f"{source}: holds weights; write them to a .pdparams, .pt or .safetensors file")
    if dtype is not None:
        choose(dtype, DTYPES, "dtype")
    file = read(source, program=program)
    if into == "paddle":
        arrays, rows = dict(file.arrays), [_row(name, array, "kept") for name, array in file.arrays.items()]
    else:
        arrays, rows = _in_torch(file)
    written = {name: cast(array, dtype) for name, array in arrays.items()}
    with atomic_path(target) as temporary:
        write(temporary, written, names=file.names if into == "paddle" else None, metadata={"format": "pt"})
        _require_same(str(target), written, temporary)
    exact = dtype is None or all(_equal(written[name], array) for name, array in arrays.items())
    return Conversion(file.path, str(target), "inference", "export", rows, exact)


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype or bool(np.array_equal(a.astype(np.float64), b.astype(np.float64), equal_nan=True))


def _row(name: str, array: np.ndarray, done: str) -> ConvertedTensor:
    return ConvertedTensor(name, array.shape, array.dtype.name, done)


def _in_torch(file: WeightFile) -> tuple[Arrays, list[ConvertedTensor]]:
    views = export_views(file.arrays, file.names, file.program)
    _require_told(file, views)
    arrays: Arrays = {}
    rows = []
    for name, view in views.items():
        arrays[name] = view.take(file.arrays[view.stored_name])
        done = [] if name == view.stored_name else [f"renamed from {view.stored_name}"]
        rows.append(_row(name, arrays[name], ", ".join(done + ["transposed"] * view.transposed) or "kept"))
        counter = joined(view.owner, COUNTER)
        if view.leaf == "running_mean" and BY_KIND[view.kind].rows(COUNTER):
            arrays[counter] = np.zeros((), np.int64)
            rows.append(_row(counter, arrays[counter], "added"))
    return arrays, rows


def _require_told(file: WeightFile, views: dict[str, View]) -> None:
    """Only a matrix may lie the other way round in Paddle, whatever it belongs to."""
    untold = {view.stored_name: view.unruled for view in views.values() if view.unruled and len(view.shape) == 2}
    if untold:
        first = next(iter(untold))
        many = f"the kinds of {len(untold)} tensors are" if len(untold) > 1 else "the kind of one tensor is"
        raise BadInput(
            f"{file.path}: {many} not told, {listed([quoted(name)[1:-1] for name in untold], LISTED)} "
            f"({untold[first]}), and Paddle keeps some matrices transposed; give --paddle or --torch file.py:Model, "
            "whose layers tell them, or write a .pdparams file, in which everything stays as it is"
        )


def _require_same(target: str, arrays: Arrays, path: Path) -> None:
    """Read the written file; it must hold each array bit for bit."""
    stored = "bfloat16" if any(array.dtype.name == "bfloat16" for array in arrays.values()) else None
    again = read(path, dtype=stored).arrays
    if set(again) != set(arrays) or not all(same_bits(again[name], array) for name, array in arrays.items()):
        raise BadInput(f"{target}: does not come back as it was; nothing is written, please report this")
