"""Saying what a data file holds, and what looks wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import BadInput, listed
from .dataset import Dataset
from .formats.hdf5 import checked_variable, open_mat, variables
from .formats.hdf5_blocks import blocks
from .formats.image_folder import list_folder
from .formats.mat import IMAGE, LABEL
from .formats.signature import signature
from .load import NAMED, as_path, find_mat, is_image_folder, load

SAMPLE = 2000  # images looked at for the orientation
TALLER = 1.1  # upright digits are this much taller than wide: 1.3 times in MNIST, 1.5 in the embedded digits
MOST_LISTED = 20
MOST_NAMED = 5


@dataclass(frozen=True)
class Variable:
    """One array of the file, as it is stored. `low` and `high` are None where the values were not read."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Report:
    """What `check` found.

    Attributes:
        source: what was checked.
        variables: the arrays as they are stored.
        images: N, how many images were read.
        pixels: how they are kept: "uint8 grey levels", "uint8 colour levels" or "float32 fractions".
        mean: of all pixels, 0 black to 1 white.
        class_counts: images of each digit 0..9; None without labels.
        orientation: "upright", "on its side" or "cannot be told", judged by how tall and wide the ink is.
        problems: one sentence each, for what can be read but looks wrong.
    """

    source: str
    variables: list[Variable]
    images: int
    pixels: str
    mean: float
    class_counts: dict[int, int] | None
    orientation: str
    problems: list[str] = field(default_factory=list)


def check(
    source: str,
    part: str = "train",
    transposed: bool = False,
    label_meaning: str | None = None,
    **options,
) -> tuple[Report, Dataset]:
    """Read `source` as `load` does and describe it; gives the data too, so that it need not be read twice.

    Args:
        options: the others of `load`.

    Raises:
        BadInput: it cannot be used as training data; the message says why.
        EnvironmentFailed: as `load`.
    """
    data = load(source, part, transposed, label_meaning, **options)
    stored, problems = _variables(source, part, data)
    counts = None
    if data.labels is not None:
        counts = {digit: int(n) for digit, n in enumerate(np.bincount(data.labels, minlength=10))}
    written = data.images.shape[1] == 1  # colour pictures are no written digits
    heading = orientation(data.images) if written else "cannot be told"
    problems += _problems(data, counts)
    if heading == "on its side":
        remedy = "try without --transposed" if transposed else "try --transposed"
        problems.append(f"the digits look as if rows and columns were exchanged: see the preview, and {remedy}")
    grey = data.images.dtype == np.uint8
    mean = float(data.images.mean(dtype=np.float64)) / (255 if grey else 1)
    levels = "uint8 grey levels" if written else "uint8 colour levels"
    pixels = levels if grey else "float32 fractions"
    return Report(source, stored, len(data), pixels, mean, counts, heading, problems), data


def orientation(images: np.ndarray) -> str:
    """ "upright", "on its side" or "cannot be told" for `[N, C, H, W]`: written digits are taller than they are wide.

    A hint only: it holds for digits on a dark ground, not for pictures of other things.
    """
    ink = images[:: max(1, len(images) // SAMPLE)].max(1)
    ink = ink > (127 if images.dtype == np.uint8 else 0.5)
    height, width = (int(_extent(ink.any(axis)).sum()) for axis in (2, 1))
    if height > TALLER * width:
        return "upright"
    return "on its side" if width > TALLER * height else "cannot be told"


def _extent(used: np.ndarray) -> np.ndarray:
    """From the first to the last True of each row of `[N, L]`; 0 for a row without one."""
    length = used.shape[1]
    return np.where(used.any(1), length - used.argmax(1) - used[:, ::-1].argmax(1), 0)


def _variables(source: str, part: str, data: Dataset) -> tuple[list[Variable], list[str]]:
    """What the source stores (or, where that is no variables, what `data` keeps), and problems with it."""
    path = as_path(source)
    problems: list[str] = []
    if source not in NAMED and path.is_dir():
        if is_image_folder(path, part) and (ignored := list_folder(path).ignored):
            problems.append(_not_read(ignored))
        path = find_mat(path, part) or path
    if source not in NAMED and path.is_file() and signature(path) == "hdf5":
        return _stored(path, problems), problems
    stored = [_in_memory("image", data.images)]
    return stored + ([] if data.labels is None else [_in_memory("label", data.labels)]), problems


def _not_read(names: list[str]) -> str:
    shown = listed([repr(name) for name in names], MOST_NAMED)
    return f"not read, being no png, jpg, jpeg, bmp or webp file in the folder itself: {shown}"


def _stored(path: Path, problems: list[str]) -> list[Variable]:
    stored = []
    with open_mat(path, str(path)) as file:
        for name in variables(file)[:MOST_LISTED]:
            try:
                variable = checked_variable(file, name, str(path))
            except BadInput as refusal:  # one that training does not need
                problems.append(str(refusal).removeprefix(f"{path}: "))
                continue
            low = high = None
            if name in (IMAGE, LABEL):
                ranges = [(part.min(), part.max()) for _, part in blocks(variable, f"{path}: {name}")]
                low, high = float(min(low for low, _ in ranges)), float(max(high for _, high in ranges))
            stored.append(Variable(name, tuple(variable.shape), str(variable.dtype), low, high))
    return stored


def _in_memory(name: str, values: np.ndarray) -> Variable:
    return Variable(name, values.shape, str(values.dtype), float(values.min()), float(values.max()))


def _problems(data: Dataset, counts: dict[int, int] | None) -> list[str]:
    problems = []
    if counts is None:
        problems.append("there are no labels: fit for a VAE, not for a CVAE")
    elif absent := [str(digit) for digit, n in counts.items() if not n]:
        problems.append(f"no image is labelled {', '.join(absent)}: a CVAE cannot learn these")
    if len(data) == 1:
        problems.append("there is one image only: training can do no more than repeat it")
    blank = int((data.images.reshape(len(data), -1).max(1) == data.images.reshape(len(data), -1).min(1)).sum())
    if blank:
        problems.append(f"{blank} of the images are blank")
    return problems
