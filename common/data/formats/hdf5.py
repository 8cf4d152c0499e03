"""Opening one variable of an HDF5 file that a stranger made.

By default h5py follows links into other files, returns the bytes of any file that a data set names as its storage,
and unpacks without a bound. So everything that a variable claims is checked before one of its values is read.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import BadInput, by_size
from .limits import LARGEST_BYTES, LARGEST_CHUNK, MOST_CHUNKS, refuse_bomb
from .signature import require_mat

if TYPE_CHECKING:
    import h5py

FILTERS = {1: "deflate", 2: "shuffle", 3: "fletcher32"}
WHOLE_CLASSES = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
NUMERIC_CLASSES = {"single", "double", "logical", *WHOLE_CLASSES}


@contextlib.contextmanager
def open_mat(path: Path, name: str) -> Iterator[h5py.File]:
    """Open a MATLAB v7.3 file to read; what HDF5 finds wrong with it, then or later, becomes one sentence.

    Raises:
        BadInput: it is something else, or it is damaged.
    """
    require_mat(path, name)
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        cause = "is cut off" if "truncated" in str(error) else "is damaged inside"
        detail = str(error).strip("'\"").partition("(")[2].rstrip(")") or str(error)
        raise BadInput(f"{name}: {cause} ({detail.splitlines()[0][:120]}); copy or download it again") from error


def variables(file: Iterable[str]) -> list[str]:
    """The names at the top of the file, without MATLAB's own groups; the first hundred."""
    names = []
    for name in file:
        if not name.startswith("#"):
            names.append(name)
        if len(names) == 100:
            break
    return names


def checked_variable(file: h5py.File, variable: str, source: str) -> h5py.Dataset:
    """The data set called `variable`, once all that it claims is known to be harmless.

    Raises:
        BadInput: it is absent, leads out of the file, is not a plain array of numbers, or claims too much.
    """
    import h5py

    link = file.get(variable, getlink=True)  # the link itself: asking for the variable would already follow it
    if link is None:
        there = ", ".join(variables(file)) or "nothing"
        raise BadInput(f"{source}: holds no variable {variable!r} but {there}; name the variables image and label")
    where = f"{source}: {variable}"
    if not isinstance(link, h5py.HardLink):
        kind = "an external" if isinstance(link, h5py.ExternalLink) else "a soft"
        raise BadInput(f"{where} is {kind} link, which may lead anywhere; save the values themselves")
    dataset = file[variable]
    if not isinstance(dataset, h5py.Dataset):
        what = "a sparse matrix" if "MATLAB_sparse" in dataset.attrs else "a struct or a group"
        raise BadInput(f"{where} is {what}; save it as a full array of numbers")
    _stays_inside(dataset, where)
    _is_numeric(dataset, where)
    _is_bounded(dataset, where)
    return dataset


def _stays_inside(dataset, where: str) -> None:
    if dataset.is_virtual:
        raise BadInput(f"{where} is a virtual data set, put together from other files; save the values themselves")
    if dataset.id.get_create_plist().get_external_count():
        raise BadInput(f"{where} is stored in another file (external storage); save the values themselves")


def _is_numeric(dataset, where: str) -> None:
    import h5py

    if dataset.shape is None or "MATLAB_empty" in dataset.attrs or 0 in dataset.shape:
        raise BadInput(f"{where} is empty; save a variable that has values")
    label = _matlab_class(dataset)
    kind = dataset.dtype.kind
    names = {"V": "a struct or complex", "O": "a cell array or text", "S": "text", "b": "boolean"}
    if kind not in "iuf" or dataset.dtype.itemsize > 8 or label not in NUMERIC_CLASSES:
        what = f"of MATLAB class {label}" if kind in "iuf" else names.get(kind, str(dataset.dtype))
        raise BadInput(f"{where} is {what}, not an array of numbers; save it as single, double or uint8")
    # The bytes are decoded here, so the stored type must be exactly the one that NumPy calls by that name.
    if dataset.id.get_type() != h5py.h5t.py_create(dataset.dtype):
        raise BadInput(f"{where} has an unusual number format; save it as single, double or uint8")


def _matlab_class(dataset) -> str:
    """MATLAB's name for the type; "single" for a file that another program wrote without one."""
    import numpy as np

    if "MATLAB_class" not in dataset.attrs:
        return "single"
    if dataset.attrs.get_id("MATLAB_class").get_storage_size() > 64:
        return "unknown"
    label = dataset.attrs["MATLAB_class"]
    return label.decode("latin1") if isinstance(label, bytes | np.bytes_) else str(label)


def _is_bounded(dataset, where: str) -> None:
    declared = math.prod(dataset.shape) * dataset.dtype.itemsize
    shape = by_size(dataset.shape)
    if declared > LARGEST_BYTES:
        raise BadInput(
            f"{where} claims {shape}, {declared:,} bytes; at most {LARGEST_BYTES:,} are read, so save it as uint8 or "
            f"save fewer images"
        )
    _filters_known(dataset, where)
    stored = dataset.id.get_storage_size()
    if not stored:
        raise BadInput(f"{where} claims {shape} but its values were never written; save the file again")
    if stored > Path(dataset.file.filename).stat().st_size:
        raise BadInput(f"{where} claims {stored:,} stored bytes, more than the file has; copy or download it again")
    if dataset.chunks:
        _chunks_bounded(dataset, where)
    elif stored < declared:
        raise BadInput(f"{where} claims {declared:,} bytes but {stored:,} are stored; copy or download it again")
    refuse_bomb(where, declared, stored)


def _filters_known(dataset, where: str) -> None:
    filters = dataset.id.get_create_plist()
    for index in range(filters.get_nfilters()):
        number, _, _, label = filters.get_filter(index)
        if number not in FILTERS:
            called = label.decode("latin1")[:40] or "unnamed"
            raise BadInput(
                f"{where} is packed by the filter {number} ({called}); only {', '.join(FILTERS.values())} are read, so "
                f"save it again with gzip or unpacked"
            )


def _chunks_bounded(dataset, where: str) -> None:
    size = math.prod(dataset.chunks) * dataset.dtype.itemsize
    if size > LARGEST_CHUNK:
        raise BadInput(
            f"{where} is stored in chunks of {size:,} bytes; at most {LARGEST_CHUNK:,} are read, so make them smaller"
        )
    expected = math.prod(-(-axis // chunk) for axis, chunk in zip(dataset.shape, dataset.chunks, strict=True))
    if expected > MOST_CHUNKS:
        raise BadInput(f"{where} is stored in {expected:,} tiny chunks; save it again in larger ones")
    written = dataset.id.get_num_chunks()
    if written != expected:
        raise BadInput(f"{where}: {written:,} of its {expected:,} chunks were written; save the file again")
