"""What the files alone tell of the other framework's layout: Paddle's tensor names say the kinds, shapes say the rest.

`linear_3.w_0` is the weight of a Linear, which Paddle keeps transposed; `embedding_0.w_0` is not. Where neither the
kind nor the shape tells, nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...dictionary.entry import Weight
from ...dictionary.index import BY_KIND, OPERATIONS
from ...dictionary.operations.normalization import COUNTER
from ...dictionary.operations.recurrent import CELLS, NO_WEIGHT
from ...errors import BadInput, by_size, listed
from ..exports.kinds import export_views, tensor_name
from ..fit import LISTED
from ..formats.stored import Array
from ..rules import rows_of_part
from ..view import View, joined
from .naming import misfit_text
from .pieces import Part, Piece

Shapes = Mapping[str, tuple[int, ...]]
ROWS = tuple(row for entry in OPERATIONS for row in entry.weights if row.torch and row.paddle)
RENAMED = tuple(dict.fromkeys((row.torch, row.paddle) for row in ROWS if row.part is None and row.torch != row.paddle))
PACKED = tuple(row for row in ROWS if row.part is not None)
_OF_LAYER = re.compile(r"_l\d+(_reverse)?$")  # behind the names of a cell's weights in a recurrent layer
MODEL_FIRST = (
    "give the model with --torch file.py:Name or --paddle file.py:Name, or with --like a file of the other framework "
    "that has the same architecture"
)


class NotTold(BadInput):
    """The files do not say which matrices are transposed."""


@dataclass(frozen=True)
class Layout:
    """What is written: the shape of each tensor and the pieces that it is made of, unless it is `filled` or a copy."""

    shapes: dict[str, tuple[int, ...]]
    pieces: dict[str, list[Piece]]
    filled: dict[str, tuple[int, ...]]  # counters of batches, which Paddle has not got
    dropped: list[str]  # of the source: counters, and what it holds twice
    copies: dict[str, str]  # another name → the tensor that it is


def _leaf(name: str) -> tuple[str, str]:
    owner, dot, leaf = name.rpartition(".")
    return owner + dot, leaf


def _row(tensor: str, leaf: str) -> Weight | None:
    """What the dictionary says of a weight, by Paddle's name of its tensor and the end of the weight's own name."""
    known, plain = tensor_name(tensor), _OF_LAYER.sub("", leaf)
    rows = known.entry.weights if known and known.entry else ()
    return next((row for row in rows if row.paddle in (leaf, plain)), None)


def part_of(view: View) -> Part:
    """What a canonical array is of its framework's tensor."""
    shape = None if view.stored_shape is None else view.shape
    return Part(view.stored_name, view.transposed, view.rows, shape)


def by_tensor_names(path: str, arrays: Mapping[str, Array], table: Mapping[str, str]) -> Layout:
    """How PyTorch has the weights of a Paddle file, by what Paddle called their tensors.

    Raises:
        NotTold: a matrix whose kind of layer is not told; all such are listed.
    """
    layout = Layout({}, {}, {}, [], {})
    kept: dict[str, Array] = {}
    owner: dict[str, str] = {}
    for name, array in arrays.items():
        again = any(part in CELLS for part in name.split(".")) and table.get(name) in owner
        if again or _leaf(name)[1] == NO_WEIGHT.paddle:
            layout.dropped.append(name)
        else:
            kept[name] = array
            owner[table.get(name, name)] = name
    views = export_views(kept, table, None)
    unknown = [view.stored_name for view in views.values() if view.unruled and len(view.shape) == 2]
    if unknown:
        raise NotTold(f"{path}: nothing tells whether PyTorch has {listed(unknown, LISTED)} transposed; {MODEL_FIRST}")
    for name, view in views.items():
        layout.shapes[name] = view.shape
        layout.pieces[name] = [Piece(part_of(view), Part(name), "its tensor's name")]
        if view.leaf == "running_mean" and BY_KIND[view.kind].rows(COUNTER):
            layout.filled[joined(view.owner, COUNTER)] = ()
    return layout


def by_example(path: str, source: Shapes, like: str, target: Shapes, into: str, table: Mapping[str, str]) -> Layout:
    """How the weights of a file lie in one of the other framework, of the same architecture: the `like` file.

    Args:
        into: the framework of `like`. table: Paddle's names of tensors by the names of the Paddle file, where known.

    Raises:
        BadInput: tensors are missing, unexpected or misshapen, or two layouts fit and the kind is not told.
    """
    layout = Layout(dict(target), {}, {}, [], {})
    wrong, open_ = [], []
    used: set[str] = set()
    for name, shape in target.items():
        pieces = _packed(name, source, into, target) or _single(name, source, into, table)
        if not pieces:
            _without_source(name, shape, into, table, layout, wrong)
            continue
        given = [piece.side(_other(into)) for piece in pieces]
        used |= {part.name for part in given}
        if len(pieces) > 1 or given[0].rows or pieces[0].side(into).rows:
            layout.pieces[name] = pieces
            continue
        own = source[given[0].name]
        ways = _ways(pieces[0], own, shape, _kind_row(pieces[0].paddle.name, table))
        if not ways:
            wrong.append(f"{given[0].name} is {by_size(own)}, not {by_size(shape)}")
        elif len(ways) > 1:
            open_.append(name)
        layout.pieces[name] = ways[:1]
    for name in source.keys() - used:
        needless = _leaf(name)[1] in (COUNTER, NO_WEIGHT.paddle) or any(part in CELLS for part in name.split("."))
        layout.dropped.append(name) if needless else wrong.append(f"{name} unexpected")
    if wrong:
        raise BadInput(misfit_text(path, wrong, like))
    if open_:
        square = listed(open_, LISTED)
        raise NotTold(f"{path}: {square} fits {like} both ways, transposed or not, and no name tells; {MODEL_FIRST}")
    return layout


def _other(framework: str) -> str:
    return "torch" if framework == "paddle" else "paddle"


def _piece(into: str, source: Part, target: Part, found: str) -> Piece:
    return Piece(target, source, found) if into == "paddle" else Piece(source, target, found)


def _single(name: str, source: Shapes, into: str, table: Mapping[str, str]) -> list[Piece]:
    """The whole tensor of the same owner: of the same name, or of what the other framework calls it."""
    pairs = [pair if into == "torch" else pair[::-1] for pair in RENAMED]
    owners = [(name.removesuffix(own), other) for own, other in pairs if name.endswith(own)]
    names = [owner + other for owner, other in owners if owner[-1:] in ("", ".")]
    found = [other for other in [name, *names] if other in source]
    return [_piece(into, Part(found[0]), Part(name), "its name")] if found else []


def _packed(name: str, source: Shapes, into: str, target: Shapes) -> list[Piece]:
    """The projections of attention, which PyTorch packs: a third of its rows, or the three of them together."""
    for row in PACKED:
        own, other = (row.paddle, row.torch) if into == "paddle" else (row.torch, row.paddle)
        owner = name.removesuffix(own)
        if owner == name or owner[-1:] not in ("", ".") or owner + other not in source:
            continue
        part = row.part or (0, 1)
        if into == "paddle":
            torch = Part(owner + other, rows=rows_of_part(part, source[owner + other][0] // part[1]))
            return [Piece(Part(name, row.transposed), torch, "packed attention")]
        together = [each for each in PACKED if each.torch == row.torch]
        if not all(owner + each.paddle in source for each in together):
            continue
        height = target[name][0] // part[1]
        return [
            Piece(Part(owner + each.paddle, each.transposed), Part(name, rows=rows_of_part(each.part or part, height)),
                  "packed attention")
            for each in together
        ]  # fmt: skip
    return []


def _kind_row(paddle_name: str, table: Mapping[str, str]) -> Weight | None:
    return _row(table.get(paddle_name, ""), _leaf(paddle_name)[1])


def _ways(piece: Piece, given: tuple[int, ...], wanted: tuple[int, ...], row: Weight | None) -> list[Piece]:
    """The ways in which the shapes, and the kind where it is told, let one tensor be the other."""
    ways = []
    if given == wanted and not (row and row.transposed):
        ways.append(piece)
    if len(given) == 2 and given[::-1] == wanted and (row is None or row.transposed):
        ways.append(Piece(Part(piece.paddle.name, True), piece.torch, piece.found))
    short, long = sorted((given, wanted), key=len)
    if len(short) == 1 and long == (1, *short):  # one row of a matrix
        ways.append(Piece(Part(piece.paddle.name, shape=short), Part(piece.torch.name, shape=short), piece.found))
    return ways


def _without_source(name, shape, into: str, table: Mapping[str, str], layout: Layout, wrong: list[str]) -> None:
    """A tensor that the source has not: a counter, or a second name of another one."""
    if into == "torch" and _leaf(name)[1] == COUNTER:
        layout.filled[name] = shape
        return
    twin = [other for other in layout.pieces if into == "paddle" and name in table and table.get(other) == table[name]]
    if twin:
        layout.copies[name] = twin[0]
    else:
        wrong.append(f"{name} missing")
