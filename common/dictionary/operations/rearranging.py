"""Entries of what only moves values: shapes, order of axes, parts, joins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from ..entry import Contrast, Entry, argument, entry
from ..formula import Call, Variants, reversed_operands
from ..proof import Proof, boolean, index, proved, proved_layer, real

X = real(3, 4, 5)
AXIS = argument("axis", torch="dim")
KEPT = ".contiguous .clone .to .float .double .half .bfloat16 .type .type_as .cpu .cuda .detach .requires_grad_ " \
    ".pin_memory"  # fmt: skip


def _concat(*arrays, axis: int = 0):
    return np.concatenate(arrays, axis)


def _other_joins(call: Call) -> Variants:
    yield from reversed_operands(call)
    kept = {name: value for name, value in call.settings.items() if name not in ("dim", "axis")}
    for axis in range(call.inputs[0].ndim):
        yield f"axis {axis}", replace(call, settings=kept | {"axis": axis})


def _called(torch: str, paddle: str, *inputs, **arguments) -> Proof:
    """A proof of the two functions of these names."""
    return Proof(inputs or (X,), arguments, names=(torch, paddle), formula=False)


def _moving(kind: str, torch: str, paddle: str, *proofs: Proof, arguments=(), **more) -> Entry:
    return entry(kind, torch, paddle, arguments, moves=True, exact=True, proof=proofs, **more)


def _axes(axis) -> int | tuple[int, ...] | None:
    return tuple(axis) if isinstance(axis, (list, tuple)) else axis


def _triangle(kind: str, formula: Callable[[np.ndarray, int], np.ndarray]) -> Entry:
    both = f"{kind} .{kind}"
    return entry(kind, both, both, (argument("diagonal", 0),), exact=True,
                 formula=lambda x, diagonal=0: formula(x, diagonal),
                 positions={kind: "diagonal"}, proof=(proved(X), proved(X, diagonal=-1)))  # fmt: skip


def _written(add: bool) -> Callable:
    """Elements put, or added, at an index for each along an axis."""

    def formula(x, index, src, axis: int):
        made = x.copy()
        places = list(np.indices(index.shape))
        places[axis] = index
        source = src[tuple(map(slice, index.shape))]
        if add:
            np.add.at(made, tuple(places), source)
        else:
            made[tuple(places)] = source
        return made

    return formula


def _slices(x, index, axis: int) -> tuple[np.ndarray, np.ndarray]:
    made = x.copy()
    return made, np.moveaxis(made, axis, 0)


def _index_add(x, index, source, axis: int, alpha: float = 1.0):
    made, slices = _slices(x, index, axis)
    np.add.at(slices, index, alpha * np.moveaxis(source, axis, 0))
    return made


def _index_copy(x, index, source, axis: int = 0):
    made, slices = _slices(x, index, axis)
    slices[index] = np.moveaxis(source, axis, 0)
    return made


def _index_fill(x, index, axis: int, value: float):
    made, slices = _slices(x, index, axis)
    slices[index] = value
    return made


def _diag(x, diagonal: int = 0):
    return np.diag(x, diagonal)


def _diagonal(x, offset: int = 0, axis1: int = 0, axis2: int = 1):
    return np.diagonal(x, offset, axis1, axis2)


def _diag_embed(x, offset: int = 0):
    side = x.shape[-1] + abs(offset)
    made, places = np.zeros((*x.shape[:-1], side, side)), np.arange(x.shape[-1])
    made[..., places + max(-offset, 0), places + max(offset, 0)] = x
    return made


def _where(condition, x, other):
    return np.where(condition, x, other)


def _meshgrid(*arrays, indexing: Literal["ij", "xy"] = "ij"):
    return np.meshgrid(*arrays, indexing=indexing)[0]


ENTRIES: tuple[Entry, ...] = (
    _moving("identity", f"nn.Identity clone {KEPT}", f"nn.Identity clone assign cast .astype .cast {KEPT}",
            proved_layer(X), _called("clone", "assign"), _called(".contiguous", ".contiguous"),
            formula=lambda x: x, activation=True, pointwise=({},), recorded="alias view_as_same",
            differs=(Contrast("numpy()", "shares memory", "copies"),)),
    _moving("reshape", "nn.Flatten nn.Unflatten reshape flatten unflatten squeeze unsqueeze ravel .reshape .view "
            ".view_as .reshape_as .flatten .unflatten .squeeze .unsqueeze .ravel",
            "nn.Flatten nn.Unflatten reshape flatten unflatten squeeze unsqueeze ravel .reshape .view .view_as "
            ".flatten .unflatten .squeeze .unsqueeze .ravel",
            proved_layer(X), _called("reshape", "reshape", shape=[12, 5]), _called("flatten", "flatten", start_dim=1),
            _called("unsqueeze", "unsqueeze", axis=1), _called("squeeze", "squeeze", real(3, 1, 5), axis=1),
            arguments=(argument("shape", torch="shape unflattened_size", paddle="shape"), AXIS,
                       argument("start_dim", 1, paddle="start_axis"), argument("end_dim", -1, paddle="stop_axis")),
            positions={"flatten": "start_dim end_dim"},
            differs=(Contrast("0 in the shape", "a side of length 0", "the side that was there"),)),
    _moving("transpose", "permute transpose t swapaxes swapdims movedim moveaxis .permute .transpose .t .T .mT "
            ".swapaxes .swapdims .movedim .moveaxis",
            "transpose permute t swapaxes swapdims moveaxis matrix_transpose .transpose .permute .t .T .mT .swapaxes "
            ".swapdims .moveaxis .matrix_transpose",
            _called("permute", "transpose", dims=[2, 0, 1]), _called(".T", ".T", real(3, 4)),
            _called(".mT", ".mT"), _called("movedim", "moveaxis", source=0, destination=2),
            arguments=(argument("dims", paddle="perm"), argument("source"), argument("destination"))),
    _moving("expand", "broadcast_to tile repeat_interleave .expand .expand_as .broadcast_to .tile .repeat "
            ".repeat_interleave",
            "broadcast_to tile repeat_interleave expand expand_as .expand .expand_as .broadcast_to .tile .repeat "
            ".repeat_interleave",
            _called("broadcast_to", "expand", real(3, 1, 5), shape=[3, 4, 5]), _called("tile", "tile", reps=[2, 1, 3]),
            _called("repeat_interleave", "repeat_interleave", repeats=2, axis=1),
            arguments=(argument("shape", torch="size"), argument("reps", torch="dims", paddle="repeat_times"),
                       argument("repeats"), argument("axis", torch="dim", paddle_default=None)),
            differs=(Contrast(".repeat", "repeats the whole, as tile does", "the same; NumPy's repeats elements"),)),
    _moving("select", "index_select gather take_along_dim masked_select narrow select .index_select .gather "
            ".take_along_dim .masked_select .narrow .select .__getitem__",
            "index_select gather take_along_axis masked_select narrow strided_slice slice crop .index_select .gather "
            ".take_along_axis .masked_select .narrow .slice .strided_slice .__getitem__",
            _called("index_select", "index_select", X, index(4, 6, name="index"), axis=1),
            _called("index_select", "gather", X, index(4, 6, name="index"), axis=1),
            _called("masked_select", "masked_select", X, boolean(3, 4, 5)),
            _called("take_along_dim", "take_along_axis", X, index(4, 3, 2, 5, name="indices"), axis=1),
            arguments=(argument("index"), argument("indices"),
                       argument("axis", torch="dim", paddle_default=0)),
            differs=(Contrast("gather", "an index for each element", "whole rows, PyTorch's index_select"),
                     Contrast("negative steps of a slice", "not taken", "taken"))),
    _moving("split", "tensor_split chunk unbind split .split .chunk .unbind .tensor_split",
            "split chunk unbind unstack tensor_split .split .chunk .unbind .unstack .tensor_split",
            _called("tensor_split", "split", sections=2, axis=1), _called("chunk", "chunk", chunks=2, axis=1),
            _called("unbind", "unbind", axis=1), _called("split", "split", sizes=[1, 3], axis=1),
            arguments=(argument("sections", torch="sections", paddle="num_or_sections"),
                       argument("sizes", torch="split_size_or_sections", paddle="num_or_sections"),
                       argument("chunks"), argument("axis", 0, torch="dim")),
            differs=(Contrast("split by a whole number", "the size of the parts", "how many parts"),)),
    entry("concat", "cat concat concatenate hstack vstack", "concat cat concatenate hstack vstack .concat",
          (argument("axis", 0, torch="dim"),), formula=_concat, given="all", exact=True, ordered=True,
          other_rules=_other_joins, positions=dict.fromkeys(("cat", "concat", "concatenate"), "axis"),
          proof=(Proof((real(3, 4), real(3, 2)), {"axis": 1}, listed=True),
                 Proof((real(3, 4), real(2, 4)), listed=True, names=("vstack", "vstack"), formula=False))),
    entry("stack", "stack", "stack .stack", (argument("axis", 0, torch="dim"),), given="all", ordered=True, exact=True,
          formula=lambda *arrays, axis=0: np.stack(arrays, axis), positions={"stack": "axis"},
          proof=(Proof((real(3, 4), real(3, 4)), listed=True),
                 Proof((real(3, 4), real(3, 4)), {"axis": -1}, listed=True))),
    entry("flip", "flip .flip", "flip .flip", (argument("axis", torch="dims"),), exact=True,
          formula=lambda x, axis: np.flip(x, _axes(axis)), proof=(proved(X, axis=[1]), proved(X, axis=[0, -1]))),
    entry("roll", "roll .roll", "roll .roll", (argument("shifts"), argument("axis", None, torch="dims")), exact=True,
          formula=lambda x, shifts, axis=None: np.roll(x, shifts, axis),
          proof=(proved(X, shifts=2), proved(X, shifts=[1, -2], axis=[0, 2]))),
    entry("rot90", "rot90 .rot90", "rot90 .rot90",
          (argument("k", 1), argument("axes", (0, 1), torch="dims", paddle_default=[0, 1])), exact=True,
          formula=lambda x, k=1, axes=(0, 1): np.rot90(x, k, axes), proof=(proved(X), proved(X, k=3, axes=[1, 2]))),
    entry("where", "where .where", "where .where", (argument("other", paddle="y", paddle_default=None),), given="all",
          exact=True, ordered=True, formula=_where, proof=proved(boolean(3, 4), real(3, 4), real(3, 4)),
          differs=(Contrast("whole numbers with floating-point ones", "gives floating-point ones", "raises"),)),
    entry("masked_fill", "masked_fill .masked_fill", "masked_fill .masked_fill",
          (argument("mask"), argument("value")), given="all", exact=True,
          formula=lambda x, mask, value: np.where(mask, value, x),
          proof=proved(real(3, 4), boolean(3, 4, name="mask"), value=-2.5)),
    entry("nonzero", "nonzero .nonzero", "nonzero .nonzero", (argument("as_tuple", False),), exact=True,
          formula=lambda x, as_tuple=False: np.nonzero(x)[0] if as_tuple else np.argwhere(x),
          proof=(Proof((boolean(3, 4),), gradients=False),
                 Proof((boolean(3, 4),), {"as_tuple": True}, gradients=False)),
          recorded="argwhere"),
    entry("take", "take .take", "take .take", (argument("index"),), given="all", exact=True,
          formula=lambda x, index: x.ravel()[index], proof=proved(real(3, 4), index(12, 2, 3, name="index"))),
    entry("scatter", "scatter .scatter", "put_along_axis .put_along_axis",
          (argument("index", paddle="indices"), argument("src", paddle="values"), AXIS), given="all",
          exact=True, ordered=True, formula=_written(add=False),
          proof=proved(real(3, 4), index(4, 3, 1, name="index"), real(3, 1, name="src"), axis=1),
          differs=(Contrast("paddle.scatter", "index_copy along the first axis", "whole rows"),)),
    entry("scatter_add", "scatter_add .scatter_add", "scatter_add .scatter_add",
          (argument("axis", torch="dim", paddle="dim"), argument("index"), argument("src")), given="all",
          ordered=True, formula=_written(add=True),
          proof=(proved(real(3, 4), index(4, 3, 6, name="index"), real(3, 6, name="src"), axis=1),
                 proved(real(3, 4), index(3, 5, 4, name="index"), real(5, 4, name="src"), axis=0))),
    entry("index_copy", "index_copy .index_copy", "scatter .scatter",
          (argument("axis", torch="dim", paddle=""), argument("index"), argument("source", paddle="updates")),
          given="all", exact=True, ordered=True, formula=_index_copy,
          proof=Proof((real(3, 4), index(3, 1, name="index"), real(1, 4, name="source")), torch={"dim": 0}),
          differs=(Contrast("overwrite=False", "index_add keeps what was there", "empties the rows, then adds"),)),
    entry("index_add", "index_add .index_add", "index_add .index_add",
          (AXIS, argument("index"), argument("source", paddle="value"), argument("alpha", 1)), given="all",
          paddle_order="index axis source alpha", ordered=True, formula=_index_add,
          proof=(proved(X, index(4, 6, name="index"), real(3, 6, 5, name="source"), axis=1),
                 proved(X, index(3, 2, name="index"), real(2, 4, 5, name="source"), axis=0))),
    entry("index_fill", "index_fill .index_fill", "index_fill .index_fill",
          (AXIS, argument("index"), argument("value")), given="all", exact=True, formula=_index_fill,
          paddle_order="index axis value",
          proof=proved(X, index(4, 2, name="index"), axis=1, value=-2.5)),
    _triangle("tril", np.tril),
    _triangle("triu", np.triu),
    entry("diag", "diag .diag", "diag .diag", (argument("diagonal", 0, paddle="offset"),), formula=_diag, exact=True,
          positions={"diag": "diagonal"}, proof=(proved(real(4)), proved(real(4, 5), diagonal=1)),
          differs=(Contrast("padding_value", "zeros only", "offered"),)),
    entry("diagonal", "diagonal .diagonal", "diagonal .diagonal",
          (argument("offset", 0), argument("axis1", 0, torch="dim1"), argument("axis2", 1, torch="dim2")),
          formula=_diagonal, exact=True, proof=(proved(X), proved(X, offset=1, axis1=1, axis2=2))),
    entry("diag_embed", "diag_embed .diag_embed", "diag_embed .diag_embed", (argument("offset", 0),), exact=True,
          formula=_diag_embed, differs=(Contrast("gradient", "given", "none, in silence"),),
          proof=(Proof((real(3, 4),), gradients=False), Proof((real(3, 4),), {"offset": -1}, gradients=False))),
    entry("diagflat", "diagflat .diagflat", "diagflat .diagflat", (argument("offset", 0),), exact=True,
          formula=lambda x, offset=0: np.diagflat(x, offset), proof=(proved(real(2, 3)), proved(real(4), offset=1))),
    entry("meshgrid", "meshgrid", "meshgrid", (argument("indexing", None),), given="all", exact=True, ordered=True,
          formula=_meshgrid,
          proof=(Proof((real(3), real(4)), {"indexing": "xy"}, gradients=False),
                 Proof((real(3), real(4)), {"indexing": "ij"}, listed=True, formula=False)),
          differs=(Contrast("returns", "a tuple", "a list"),
                   Contrast("gradient through one grid, or to one input alone", "given", "ends the process"))),
)  # fmt: skip
