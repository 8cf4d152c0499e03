"""Which weight of one model is which of the other, as a map that people read and correct."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ....common.compare.matching.carry import Carry
from ....common.dictionary.operations.normalization import COUNTER
from ....common.errors import BadInput
from ....common.traces.inputs import Input
from ....common.weights.between.kinds import part_of
from ....common.weights.between.map_file import SIDES, LayerPair, WeightMap
from ....common.weights.between.pieces import Part, Piece
from ....common.weights.model_conversion import Layout, own_buffer
from ....common.weights.view import View
from ..model import UserModel
from .pairing import sides_of


def map_models(
    models: Mapping[str, str], arguments: Mapping[str, str], inputs: Sequence[Input], layer_map: Mapping[str, str]
) -> WeightMap:
    """Match the weights of a Paddle model and a PyTorch model.

    Args:
        models: framework → `file.py:Name`. inputs: what both are run on, where names do not tell.
        layer_map: path in Paddle's model → path in PyTorch's.

    Raises:
        BadInput: a model cannot be made, or a layer has no certain counterpart; all are listed.
    """
    sides = sides_of(models, "paddle", "torch", arguments, inputs, layer_map)
    matching = sides.matching
    assert matching is not None  # there are two models
    paddle, torch = (sides.layouts[side].views for side in SIDES)
    owners = {node: (node, other, how) for node, other, how in matching.pairs}
    layers: dict[tuple[str, str, str], list[Piece]] = {pair: [] for pair in owners.values()}
    kinds: dict[str, str] = {}
    for x, y in matching.weights.items():
        node = next(name for name in _paths(x) if name in owners)
        kinds.setdefault(node, paddle[x].kind)
        layers[owners[node]].append(Piece(part_of(paddle[x]), part_of(torch[y])))
    several = [piece for name, carry in matching.carries.items() for piece in _pieces_of(carry, paddle, torch[name])]
    shapes = {side: _shapes(sides.user_models[side]) for side in SIDES}
    pieces = [*several, *(piece for group in layers.values() for piece in group)]
    used = {side: {piece.side(side).name for piece in pieces} for side in SIDES}
    alone = {side: _alone(sides.layouts[side], used[side]) for side in SIDES}
    return WeightMap(
        dict(models),
        {side: {name: shape for name, shape in shapes[side].items() if name in alone[side][3]} for side in SIDES},
        [LayerPair(*pair[:2], kinds.get(pair[0], ""), pair[2], pieces) for pair, pieces in layers.items() if pieces],
        several,
        {side: alone[side][0] for side in SIDES},
        {side: alone[side][1] for side in SIDES},
        {side: alone[side][2] for side in SIDES},
    )


def _paths(name: str) -> Iterator[str]:
    """A canonical name, the layer that it is in, the one around that, and so on."""
    while name:
        yield name
        name = name.rpartition(".")[0]
    yield ""


def _shapes(model: UserModel) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in model.backend.weights.tensors(model.model).items()}


def _alone(layout: Layout, used: set[str]) -> tuple[dict[str, str], list[str], list[str], set[str]]:
    """Of a side: names that are copies, counters, buffers that it makes for itself, and all names that are told of."""
    copies = {name: other for name, other in layout.copies.items() if other in used}
    twins: dict[tuple, str] = {}
    for view in layout.views.values():
        if view.stored_name in used and view.identity:
            twins[view.identity, view.rows] = view.stored_name
    counters, own = [], []
    for view in layout.views.values():
        if view.stored_name in used:
            continue
        twin = twins.get((view.identity, view.rows)) if view.identity else None
        if twin:
            copies[view.stored_name] = twin
        elif view.leaf == COUNTER:
            counters.append(view.stored_name)
        elif own_buffer(view):
            own.append(view.stored_name)
    return copies, counters, own, {*used, *copies, *counters, *own}


def _pieces_of(carry: Carry, paddle: Mapping[str, View], target: View) -> Iterator[Piece]:
    """A weight that is put together of several, or lies in another way, as pieces."""
    sources = [part_of(paddle[name]) for name in carry.names]
    into = part_of(target)
    found = f"settled by a run: {carry.told}"
    if carry.shape is not None:
        if len(sources) > 1 or carry.rows or carry.turned or carry.back or not into.whole or into.transposed:
            raise BadInput(f"{target.stored_name}: is {carry.told}, which a map cannot say; convert with both models")
        shape = paddle[carry.names[0]].shape
        yield Piece(sources[0], Part(into.name, shape=shape), found)
        return
    if (carry.turned and any(not part.whole for part in sources)) or (carry.back and not into.whole):
        raise BadInput(f"{target.stored_name}: is {carry.told}, which a map cannot say; convert with both models")
    sources = [Part(part.name, part.transposed != carry.turned, part.rows, part.shape) for part in sources]
    into = Part(into.name, into.transposed != carry.back, into.rows, into.shape)
    heights = [paddle[name].shape[1 if carry.turned else 0] for name in carry.names]
    if len(sources) == 1 and carry.rows is None:
        yield Piece(sources[0], into, found)
        return
    places = [(part, row) for part, height in enumerate(heights) for row in range(height)]
    taken = [places[row] for row in (carry.rows if carry.rows is not None else range(len(places)))]
    for part, start, end, at in _runs(taken):
        yield Piece(_rows(sources[part], start, end), _rows(into, at, at + end - start), found)


def _runs(taken: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, int, int]]:
    """Rows in a series: which part, from and to which of its rows, and where the first one comes to lie."""
    begin = 0
    for place in range(1, len(taken) + 1):
        part, row = taken[place - 1]
        if place == len(taken) or taken[place] != (part, row + 1):
            yield part, taken[begin][1], row + 1, begin
            begin = place


def _rows(part: Part, start: int, end: int) -> Part:
    first = part.rows[0] if part.rows else 0
    return Part(part.name, part.transposed, (first + start, first + end), part.shape)
