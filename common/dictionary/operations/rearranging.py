"""Entries of what only moves values: shapes, order of axes, parts, joins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..entry import Contrast, Entry, argument, entry
from ..formula import Call, Variants, reversed_operands
from ..proof import Proof, boolean, index, proved_layer, real

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
          other_rules=_other_joins, positions={"cat": "axis"},
          proof=(Proof((real(3, 4), real(3, 2)), {"axis": 1}, listed=True),
                 Proof((real(3, 4), real(2, 4)), listed=True, names=("vstack", "vstack"), formula=False))),
)  # fmt: skip
