"""`convert` for models of the user's own: the weight file of one framework as that of the other, and both run."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...common.atomic import atomic_path
from ...common.compare.matching.layers import Matching
from ...common.compare.row import Row
from ...common.errors import BadInput, listed
from ...common.traces.inputs import Input
from ...common.weights import read, write
from ...common.weights.between.naming import Naming, without_prefix
from ...common.weights.between.output import Content, bytes_of, plan_of, write_shards
from ...common.weights.fit import LISTED
from ...common.weights.model_conversion import (
    Layout,
    canonical_of,
    comes_back,
    framework_arrays,
    needless,
    own_buffer,
    rows_of,
)
from ...common.weights.recipe_conversion import Conversion, ConvertedTensor, framework_of_target
from ...common.weights.source_arrays import beside, in_types_of
from ...common.weights.weight_file import framework_of, of_framework
from .conversion.exports import Parts, arrays_of, with_export
from .conversion.pairing import sides_of
from .model import UserModel
from .run_both import outputs_compared


@dataclass
class Converted:
    """A conversion, with the models that took part, which `verify` runs."""

    conversion: Conversion
    user_models: dict[str, UserModel]
    matching: Matching | None
    source_arrays: dict[str, np.ndarray]  # the source's state dict, as it was converted
    notes: list[str] = field(default_factory=list)  # what was done besides, a sentence each
    checks: list[Row] = field(default_factory=list)  # both models run
    unverified: str = ""  # why they were not

    @property
    def agrees(self) -> bool:
        return all(row.ok for row in self.checks)


class _PartError(Exception):
    """The outputs of the two models part: the file is not put in place."""


def convert_model(
    source: str,
    target: str,
    models: Mapping[str, str],
    *,
    arguments: Mapping[str, str] | None = None,
    inputs: Sequence[Input] = (),
    layer_map: Mapping[str, str] | None = None,
    key: str | None = None,
    source_dtype: str | None = None,
    program: str | None = None,
    framework: str | None = None,
    naming: Naming | None = None,
    max_shard_size: str | None = None,
    verify: bool | None = None,
) -> Converted:
    """Write `source` as `target` by the kinds of the layers of the user's own models, whole or not at all.

    Args:
        models: framework → `file.py:Name`; one is enough where both have the same paths.
        inputs: needed to match layers of other names, which a pass through both models tells apart.
        layer_map: path in Paddle's model → path in PyTorch's.
        program: of an inference export, where it is not beside the parameters.
        framework: whose layout the source is in, where it does not say so.
        naming: what is done to the names of the file first. max_shard_size: `2GB`: files of at most this size.
        verify: whether both models are run, and the file is written only if they agree; None: where both models are
            there and the input can be told.

    Raises:
        BadInput: the file does not fit the model, or a layer has no certain counterpart; all are listed.
    """
    into = framework_of_target(source, target)
    file, notes = of_framework(read(source, kind="weights", key=key, dtype=source_dtype, program=program), framework)
    origin = framework_of(file)
    parts, told = with_export(Parts(models, arguments or {}, origin, inputs), file, program, into)
    models, origin = parts.models, parts.origin
    if verify and len(models) < 2:
        raise BadInput("--verify runs both models: give --paddle and --torch")
    if Path(target).suffix.lower() == ".pdopt":
        raise BadInput(f"{target}: is for optimiser state; write weights to a .pdparams, .pt or .safetensors file")
    if origin == into:
        raise BadInput(f"{source}: is {origin}'s already; name a {'.pt' if origin == 'paddle' else '.pdparams'} file")
    sides = sides_of(models, origin, into, parts.arguments, parts.inputs, layer_map or {})
    user_models, layouts, matching, pairs = sides.user_models, sides.layouts, sides.matching, sides.pairs
    reference = models.get(origin) or models[into]
    arrays = arrays_of(file, models.get(origin), user_models.get(origin))
    given, _, dropped = (naming or Naming()).of(source, arrays)
    notes += [*told, *beside(file)]
    given, more = without_prefix(given, layouts[origin].shapes.keys() - needless(layouts[origin]))
    canonical = canonical_of(source, given, layouts[origin], reference)
    types = {name: array.dtype for name, array in user_models[into].stored.items()} if into in user_models else {}
    if matching is not None:
        _refuse_parted(source, layouts[origin], canonical)
    moved = sides.moved(canonical)
    moved, cast, exact = in_types_of(layouts[into].views, moved, types)
    canonical |= {x: moved[y] for x, y in pairs.items() if y in moved}
    arrays = framework_arrays(layouts[into], moved)
    notes += [*dropped, *more, *cast, *_own_buffers(user_models.get(into), layouts[into], arrays, into)]
    notes += _left_behind(layouts[origin], pairs, canonical, origin)
    missing = [name for name in layouts[into].shapes if name not in arrays]
    if missing:
        raise BadInput(f"{source}: has nothing for {', '.join(missing[:20])} of {models.get(into) or models[origin]}")
    names = sides.tensor_names() if into == "paddle" else None
    rows = rows_of(layouts[origin], layouts[into], pairs, canonical)
    rows += _carried_rows(matching, layouts[into], moved)
    whole = Conversion(source, target, reference, "model", rows, exact)
    done = Converted(whole, user_models, matching, framework_arrays(layouts[origin], canonical), notes)
    check = verify is not False and len(models) == 2
    must = bool(verify or parts.inputs)
    if max_shard_size:
        if check:
            _verify(done, (origin, into), arrays, parts.inputs, must)
        if done.agrees:
            content = Content(arrays, names or {}, {"format": "pt"} if into == "torch" else {})
            _, put = write_shards(target, content, bytes_of(max_shard_size), plan_of(source, rows, content))
            done.notes.extend(put)
        return done
    stored = "bfloat16" if any(array.dtype.name == "bfloat16" for array in arrays.values()) else None
    with contextlib.suppress(_PartError), atomic_path(target) as temporary:
        write(temporary, arrays, names=names, metadata={"format": "pt"})
        again = read(temporary, dtype=stored).arrays
        if not comes_back(moved, {name: name for name in moved}, layouts[into], again):
            raise BadInput(f"{target}: does not come back as it was; nothing is written, please report this")
        if check:
            _verify(done, (origin, into), again, parts.inputs, must)
            if not done.agrees:
                raise _PartError
    return done


def _own_buffers(model: UserModel | None, layout: Layout, arrays: dict[str, np.ndarray], into: str) -> list[str]:
    """Give the buffers that the source has not, as the target's own model made them."""
    own = [view.stored_name for view in layout.views.values() if own_buffer(view) and view.stored_name not in arrays]
    if model is None or not own:
        return []
    arrays |= {name: model.stored[name] for name in own}
    return [
        f"{listed(own, LISTED)}: not in the source, so {into}'s model keeps its own values (no optimizer steps them)"
    ]


def _left_behind(layout: Layout, pairs: Mapping[str, str], canonical: Mapping, origin: str) -> list[str]:
    left = [name for name, view in layout.views.items() if own_buffer(view) and name in canonical and name not in pairs]
    return [f"{listed(left, LISTED)}: of {origin}'s model alone, a buffer; left out"] if left else []


def _carried_rows(matching: Matching | None, layout: Layout, moved: Mapping[str, np.ndarray]) -> list[ConvertedTensor]:
    """What is told of weights that are made of several, or of rows."""
    told = []
    for name, carry in (matching.carries if matching else {}).items():
        view = layout.views[name]
        told.append(ConvertedTensor(view.stored_name, view.tensor_shape, moved[name].dtype.name, carry.told))
    return told


def _refuse_parted(source: str, layout: Layout, arrays: Mapping[str, np.ndarray]) -> None:
    """A tensor that the model has under two names must be one in the file too."""
    first: dict[tuple, str] = {}
    for name in arrays:
        view = layout.views[name]
        known = first.setdefault((view.identity, view.rows), name)
        if view.identity and not np.array_equal(arrays[known], arrays[name], equal_nan=arrays[name].dtype.kind == "f"):
            raise BadInput(
                f"{source}: {known} and {name} are one tensor in the model and differ in the file; untie them"
            )


def _verify(done: Converted, sides: tuple[str, str], written: dict[str, np.ndarray], inputs, must: bool) -> None:
    """Run both models; where nobody said the input and none can be guessed, say so."""
    try:
        order = [done.user_models[side] for side in sides]  # the source's model first
        files = (done.conversion.source, done.conversion.target)
        done.checks = outputs_compared(order, (done.source_arrays, written), files, done.matching, inputs)
    except BadInput as error:
        if must:
            raise
        done.unverified = str(error)
