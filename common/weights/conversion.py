"""`convert`: a weight file as another one, by the recipe that it belongs to or by what the files themselves tell."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import BadInput
from . import recipe_conversion
from .between.convert import Told, convert_files
from .between.kinds import NotTold
from .between.naming import Naming
from .between.output import Tell
from .files import opened
from .recipe_conversion import Conversion, framework_of_target, is_optimizer_file
from .recipe_match import fitting, nearest

Path = str | os.PathLike[str]
MOST_STRANGE = 0.5  # of the names of a recipe: a file that has fewer of them is not worth a comparison


def convert(
    source: Path,
    target: Path,
    *,
    key: str | None = None,
    dtype: str | None = None,
    source_dtype: str | None = None,
    recipe: str | None = None,
    part: str | None = None,
    weights: Path | None = None,
    settings: Mapping[str, object] | None = None,
    framework: str | None = None,
    like: Path | None = None,
    map_file: Path | None = None,
    drop: Sequence[str] = (),
    strip: Sequence[str] = (),
    rename: Sequence[str] = (),
    prefix: str = "",
    max_shard_size: str | None = None,
    program: Path | None = None,
    tell: Tell = lambda done, total: None,
) -> Conversion:
    """Write `source` as `target`, in the framework that the target's extension names; whole, or not at all.

    Neither framework is needed. A file of one of the kit's recipes is converted by its recipe, found from its names and
    shapes; every other one by what the files tell: within one framework as it is, else by Paddle's names of tensors,
    `like` or `map_file`; an inference export of Paddle's by its program too.

    Args:
        key: which part of a nested checkpoint. dtype: the floating type to write; by default the source's.
        source_dtype: what 16-bit integers of a Paddle file are (`bfloat16`).
        recipe, part, settings: what the file belongs to, and sizes other than the published ones.
        weights: for a `.pdopt` of a recipe, the `.pdparams` with the table of its tensor names.
        framework: whose layout the source is in, where it does not say so. like: a file of the same architecture in the
            target's framework. map_file: a map of weights, as `dualport map` writes it.
        drop, strip, rename, prefix: what is done to the names, in this order; see `Naming`.
        max_shard_size: `2GB`: files of at most this size, and an index. tell: told bytes done, and in all.
        program: of an inference export, where it does not lie beside the parameters.

    Raises:
        BadInput: the source is damaged, or the files do not tell enough; what does not fit is listed.
        EnvironmentFailed: the target cannot be written.
    """
    of_recipe = {"recipe": recipe, "part": part, "settings": settings, "weights": weights}
    naming = Naming(tuple(drop), tuple(strip), tuple(rename), prefix)
    of_files = {"from": framework, "like": like, "map-file": map_file, "max-shard-size": max_shard_size,
                "program": program, "drop, --strip, --rename or --prefix": naming}  # fmt: skip
    asked = [[name for name, value in options.items() if value] for options in (of_recipe, of_files)]
    if all(asked):
        raise BadInput(
            f"--{asked[1][0]} is for files of any model, and --{asked[0][0]} for the kit's recipes: give one"
        )
    common: dict[str, Any] = {"key": key, "dtype": dtype, "source_dtype": source_dtype}
    told = Told(naming, framework, _text(like), _text(map_file), max_shard_size=max_shard_size, program=_text(program),
                **common)  # fmt: skip
    nearly = "" if asked[1] else None
    if not any(asked):
        framework_of_target(source, target)
        with opened(source, key=key, dtype=source_dtype) as file:
            if is_optimizer_file(file) or (file.framework and fitting(file.framework, file.arrays)):
                asked[0].append("")
            elif file.framework:
                nearly = _nearly(file.framework, file.arrays)
    if asked[0]:
        return recipe_conversion.convert(source, target, **of_recipe, **common)
    try:
        return convert_files(str(source), str(target), told, tell)
    except NotTold as refusal:
        raise NotTold(f"{refusal}{nearly}") if nearly else refusal from None


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _nearly(framework: str, arrays: Mapping[str, Any]) -> str:
    """What keeps a file from being one of a recipe, where it has most of its names."""
    match, wrong = nearest(framework, arrays)
    if len(wrong) > MOST_STRANGE * len(match.layout):
        return ""
    return f"; or say --recipe, --part or --set, if it is of {match.recipe.name} {match.part}: {'; '.join(wrong)}"
