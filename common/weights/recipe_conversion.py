"""`convert`: a weight or optimiser file of one framework as a file of the other, checked by reading it back."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..arrays import same_bits
from ..atomic import atomic_path
from ..dictionary.training.optimizers import MOMENTS
from ..errors import BadInput, choose
from ..spec import Optimizer
from .files import FRAMEWORK_OF, read, write
from .optimizer.recipe_adam import from_pdopt, from_torch_adam, to_pdopt, to_torch_adam
from .recipe_layout import LayoutRow, paddle_names
from .recipe_match import Match, candidates, find, optimizer_of
from .unread import unread
from .weight_file import WeightFile, framework_of

DTYPES = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True)
class ConvertedTensor:
    """What became of one array."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    done: str  # "kept", "transposed", "renamed from …", "added", "dropped"


@dataclass(frozen=True)
class Conversion:
    """What `convert` did: which recipe and part it found, what it wrote, and each array's fate.

    `step` is Adam's, for optimiser files; `exact` says that reading the result back gave the source bit for bit, and is
    False only where `dtype` asked for a type that cannot hold every value. Without a recipe (a conversion by what the
    files tell) `recipe` and `part` are empty; `notes` says what was done besides, `files` what was written.
    """

    source: str
    target: str
    recipe: str
    part: str
    rows: list[ConvertedTensor]
    exact: bool
    step: int | None = None
    notes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    recipe: str | None = None,
    part: str | None = None,
    key: str | None = None,
    dtype: str | None = None,
    source_dtype: str | None = None,
    weights: str | os.PathLike[str] | None = None,
    settings: dict[str, object] | None = None,
) -> Conversion:
    """Write `source` as `target`, in the framework that the target's extension names; whole, or not at all.

    Args:
        recipe, part: what the file belongs to; found from names and shapes where exactly one fits.
        key: which part of a nested checkpoint. dtype: the floating type to write; by default the source's.
        source_dtype: what 16-bit integers of a Paddle file are (`bfloat16`).
        weights: for a `.pdopt`, the `.pdparams` with the table of its tensor names.
        settings: sizes of the recipe other than the published ones, or the betas of another Adam.

    Raises:
        BadInput: the source is damaged or fits no recipe; every missing, unexpected and misshapen key is listed.
        EnvironmentFailed: the target cannot be written.
    """
    into = framework_of_target(source, target)
    if dtype is not None:
        choose(dtype, DTYPES, "dtype")
    file = read(source, key=key, dtype=source_dtype)
    if is_optimizer_file(file):
        if dtype is not None:
            raise BadInput(f"{source}: optimiser state keeps its type; leave out --dtype")
        return _convert_optimizer(file, str(target), into, recipe, part, weights, settings)
    if Path(target).suffix.lower() == ".pdopt":
        raise BadInput(f"{source}: holds weights; write them to a .pdparams, .pt or .safetensors file")
    return _convert_weights(file, str(target), into, recipe, part, dtype, settings)


def framework_of_target(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> str:
    """Whose layout a conversion writes. Raises `BadInput` of an unknown extension, and where both are one file."""
    extension = choose(Path(target).suffix.lower(), FRAMEWORK_OF, "weight format with the extension")
    if Path(target).exists() and Path(target).resolve() == Path(source).resolve():
        raise BadInput(f"{target}: is the source itself; name another file")
    return FRAMEWORK_OF[extension]


def is_optimizer_file(file: WeightFile) -> bool:
    """Whether it holds what an optimizer keeps, and no weights."""
    node = file.tree
    return file.format == "pdopt" or (isinstance(node, dict) and "param_groups" in node and "state" in node)


def _convert_weights(file, target, into, recipe, part, dtype, settings) -> Conversion:
    origin = framework_of(file)
    match = find(file.path, origin, file.arrays, recipe, part, settings)
    arrays, rows = _carry(match.layout, origin, into, file.arrays, dtype)
    names = paddle_names(match.layout)
    if origin == "paddle" and file.names:
        names |= file.names
    metadata = {"format": "pt", "recipe": match.recipe.name, "part": match.part}
    with atomic_path(target) as temporary:
        write(temporary, arrays, names=names, metadata=metadata)
        exact = _check_back(match.layout, into, origin, temporary, file.arrays, arrays, dtype)
    return Conversion(file.path, target, match.recipe.name, match.part, rows, exact, notes=unread(file))


def _carry(
    layout: list[LayoutRow], origin: str, into: str, arrays: dict, dtype: str | None
) -> tuple[dict, list[ConvertedTensor]]:
    """Arrays as the target's state dict, and what was done to each."""
    out, rows = {}, []
    for entry in layout:
        old, new = getattr(entry, origin), getattr(entry, into)
        if not old or old not in arrays:
            if new:  # the batch counter, which Paddle does not have
                out[new] = np.zeros(entry.shape, np.int64)
                rows.append(ConvertedTensor(new, entry.shape, "int64", "added"))
            continue
        array = arrays[old]
        if not new:
            rows.append(ConvertedTensor(old, array.shape, array.dtype.name, "dropped"))
            continue
        turned = entry.turn(array) if origin != into else array
        out[new] = _cast(turned, dtype)
        done = "transposed" if entry.transposed and origin != into else "kept" if old == new else f"renamed from {old}"
        if dtype and out[new].dtype != array.dtype:
            done += f", from {array.dtype.name}"
        rows.append(ConvertedTensor(new, out[new].shape, out[new].dtype.name, done))
    return out, rows


def _cast(array: np.ndarray, dtype: str | None) -> np.ndarray:
    """A floating array in another floating type; whole numbers stay as they are."""
    if dtype is None or not is_floating(array.dtype):
        return array
    if dtype == "bfloat16":
        import ml_dtypes

        return array.astype(ml_dtypes.bfloat16)
    return array.astype(dtype)


def is_floating(dtype: np.dtype) -> bool:
    """Whether a type is floating, bfloat16 included, which NumPy counts as none of its own."""
    return dtype.kind == "f" or dtype.name == "bfloat16"


def _check_back(layout, into, origin, path, source: dict, written: dict, dtype: str | None) -> bool:
    """Read the result; it must hold what was written, and turned back it must be the source bit for bit.

    Raises:
        BadInput: it does not. The target is then not put in place.
    """
    stored = "bfloat16" if any(array.dtype.name == "bfloat16" for array in written.values()) else None
    result = read(path, dtype=stored)
    exact = True
    for entry in layout:
        old, new = getattr(entry, origin), getattr(entry, into)
        if not old or not new or old not in source:
            continue
        again = entry.turn(result.arrays[new]) if origin != into else result.arrays[new]
        if dtype is None or again.dtype == source[old].dtype:
            if not same_bits(again, source[old]):
                raise BadInput(f"{path}: {new} does not come back as it was; nothing is written, please report this")
        else:
            exact = exact and bool(np.array_equal(again.astype(np.float64), source[old].astype(np.float64)))
    if set(result.arrays) != set(written):
        raise BadInput(f"{path}: does not hold what was written; nothing is written, please report this")
    return exact


def _convert_optimizer(file, target, into, recipe, part, weights, settings) -> Conversion:
    if target.lower().endswith((".pdparams", ".safetensors")):
        raise BadInput(f"{file.path}: holds optimiser state; write it to a .pdopt or .pt file")
    match, names, optimizer = _optimizer_match(file, recipe, part, weights, settings)
    if file.framework == "paddle":
        state = from_pdopt(file.path, file.tree, match.layout, names, optimizer)
    else:
        state = from_torch_adam(file.path, file.tree, match.layout)
    with atomic_path(target) as temporary:
        if into == "paddle":
            content = to_pdopt(state, match.layout, names)
            write(temporary, content)
            again = from_pdopt(target, read(temporary, kind="optimiser").tree, match.layout, names, replace(
                optimizer, beta1=state.beta1, beta2=state.beta2))  # fmt: skip
        else:
            write(temporary, to_torch_adam(state, match.layout, optimizer))
            again = from_torch_adam(target, read(temporary, kind="optimiser").tree, match.layout)
        _check_state(target, state, again)
    rows = [
        ConvertedTensor(f"{entry.name} {which} moment", entry.shape, moments[entry.name].dtype.name, "carried")
        for which, moments in (("first", state.first), ("second", state.second))
        for entry in match.layout
        if entry.name in moments
    ]
    return Conversion(file.path, target, match.recipe.name, match.part, rows, True, state.step)


def _check_state(target: str, state, again) -> None:
    same = again.step == state.step and all(
        same_bits(getattr(again, which)[name], array)
        for which in ("first", "second")
        for name, array in getattr(state, which).items()
    )
    if not same:
        raise BadInput(f"{target}: the optimiser state does not come back as it was; nothing is written")


def _optimizer_match(file: WeightFile, recipe, part, weights, settings) -> tuple[Match, dict[str, str], Optimizer]:
    """The part that an optimiser file steps, Paddle's tensor names for it, and the recipe's optimiser."""
    beside = Path(file.path).with_suffix(".pdparams")
    if weights is None and beside.exists() and file.framework == "paddle":
        weights = beside
    names: dict[str, str] = {}
    if weights is not None:
        params = read(weights, kind="weights")
        match = find(str(weights), framework_of(params), params.arrays, recipe, part, settings)
        names = params.names
    else:
        match = _match_by_moments(file, recipe, part, settings)
    names = paddle_names(match.layout) | names
    return match, names, optimizer_of(match)


def _match_by_moments(file: WeightFile, recipe, part, settings) -> Match:
    """Find the part from the shapes of the moments, under the names that a fresh process gives."""
    fitting, first = [], MOMENTS["first"]
    for candidate in candidates(recipe, part, settings or {}):
        trained = [entry for entry in candidate.layout if entry.trained]
        if file.framework == "paddle":
            ending = f"_{first.paddle}_0"
            given = {key: value.shape for key, value in file.arrays.items() if key.endswith(ending)}
            wanted = {f"{entry.paddle_tensor}{ending}": entry.paddle_shape() for entry in trained}
        else:
            entries = file.tree["state"] if isinstance(file.tree["state"], dict) else {}
            kept = {key: value for key, value in entries.items() if isinstance(value, dict)}
            given = {key: np.shape(value.get(first.torch, 0.0)) for key, value in kept.items()}
            wanted = {number: entry.shape for number, entry in enumerate(trained)}
        if given == wanted:
            fitting.append(candidate)
    if len({tuple(candidate.layout) for candidate in fitting}) != 1:
        few = "several recipes" if fitting else "no recipe"
        raise BadInput(
            f"{file.path}: its moments fit {few} by themselves; give the weights that it belongs to: --weights FILE, "
            "or --recipe and --part"
        )
    return fitting[0]
