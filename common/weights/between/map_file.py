"""A map of weights as a JSON file: which part of which tensor of Paddle's model is which of PyTorch's.

`dualport map` writes it from a pair of models, people read and correct it, `convert` and `align` take it back. One line
is one weight, with the names of both frameworks; it is good for both directions:

    {"paddle": "fc1.weight", "torch": "enc.0.weight", "paddle_transposed": true}
    {"paddle": "attn.q_proj.bias", "torch": "attn.in_proj_bias", "torch_rows": [0, 64]}

A side is seen in `…_shape` where that is not the tensor's own, then with its axes exchanged (`…_transposed`), then some
of its rows (`…_rows`, the end left out); so seen, both hold the same numbers. Every name begins with that of its layer,
or, where it is packed with others, of the layer around it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...atomic import write_text
from ...errors import BadInput, listed
from ..fit import LISTED, misfits
from .kinds import Layout
from .naming import misfit_text
from .pieces import Part, Piece, fault_of, uncovered

WHAT, VERSION = "a map of weights between Paddle and PyTorch, by dualport", 1
SIDES = ("paddle", "torch")
MAX_BYTES = 64_000_000


@dataclass(frozen=True)
class LayerPair:
    """A layer in both models: its path in each, its kind, how the pair was found, and its weights."""

    paddle: str
    torch: str
    kind: str
    found: str
    weights: list[Piece]


@dataclass(frozen=True)
class WeightMap:
    """All that a conversion needs of a pair of models.

    Attributes:
        models: framework → what was mapped. tensors: framework → every tensor of its state dict with the shape.
        of_several: weights that are put together of several, or lie in another way, in one of the two.
        copies: framework → another name of a tensor → the tensor. counters, own: tensors that one side alone has, and
            that begin with 0 or are what the model makes for itself.
    """

    models: dict[str, str]
    tensors: dict[str, dict[str, tuple[int, ...]]]
    layers: list[LayerPair]
    of_several: list[Piece] = field(default_factory=list)
    copies: dict[str, dict[str, str]] = field(default_factory=lambda: {side: {} for side in SIDES})
    counters: dict[str, list[str]] = field(default_factory=lambda: {side: [] for side in SIDES})
    own: dict[str, list[str]] = field(default_factory=lambda: {side: [] for side in SIDES})

    @property
    def pieces(self) -> list[Piece]:
        return [piece for layer in self.layers for piece in layer.weights] + self.of_several

    @property
    def layer_map(self) -> dict[str, str]:
        """Path in Paddle's model → path in PyTorch's."""
        return {layer.paddle: layer.torch for layer in self.layers}

    def beside(self, side: str) -> set[str]:
        """The tensors of a side that the other has not, or that are others of its own once more."""
        return {*self.copies[side], *self.counters[side], *self.own[side]}

    def needed(self, side: str) -> dict[str, tuple[int, ...]]:
        """The tensors that a file of a side must hold, with their shapes."""
        return {name: shape for name, shape in self.tensors[side].items() if name not in self.beside(side)}

    def layout(self, path: str, map_path: str, shapes: Mapping[str, tuple[int, ...]], origin: str) -> Layout:
        """What a file of `origin`'s becomes.

        Raises:
            BadInput: the file is not what the map says.
        """
        into = "torch" if origin == "paddle" else "paddle"
        layout = Layout(dict(self.tensors[into]), {}, {}, [], dict(self.copies[into]))
        beside = self.beside(origin)
        wrong = misfits(shapes, self.needed(origin), beside=lambda name: name in beside)
        if wrong:
            raise BadInput(misfit_text(path, wrong, map_path))
        for piece in self.pieces:
            layout.pieces.setdefault(piece.side(into).name, []).append(piece)
        for name in self.counters[into]:
            layout.filled[name] = layout.shapes[name]
        for name in self.own[into]:
            del layout.shapes[name]
        layout.dropped.extend(name for name in shapes if name in beside)
        return layout


def write_map(path: str | os.PathLike[str], weight_map: WeightMap) -> None:
    """Write a map, a line a weight.

    Raises:
        EnvironmentFailed: the disk is full, or the folder cannot be written.
    """
    layers = []
    for layer in weight_map.layers:
        head = {"paddle": layer.paddle, "torch": layer.torch, "kind": layer.kind, "found": layer.found}
        weights = _lines([_line(piece) for piece in layer.weights], 6)
        layers.append(json.dumps(head, ensure_ascii=False)[:-1] + f', "weights": {weights}}}')
    parts = {
        "what": json.dumps(WHAT),
        "version": str(VERSION),
        "models": json.dumps(weight_map.models, ensure_ascii=False),
        "layers": _lines(layers, 2),
        "of_several": _lines([_line(piece) for piece in weight_map.of_several], 2),
        "copies": json.dumps(weight_map.copies, ensure_ascii=False),
        "counters": json.dumps(weight_map.counters, ensure_ascii=False),
        "own": json.dumps(weight_map.own, ensure_ascii=False),
        **{f"{side}_tensors": _tensors(weight_map.tensors[side]) for side in SIDES},
    }
    write_text(path, "{\n" + ",\n".join(f'  "{key}": {text}' for key, text in parts.items()) + "\n}\n")


def _lines(lines: list[str], indent: int) -> str:
    inside = ",\n".join(" " * (indent + 2) + line for line in lines)
    return f"[\n{inside}\n{' ' * indent}]" if lines else "[]"


def _tensors(tensors: Mapping[str, tuple[int, ...]]) -> str:
    inside = ",\n".join(f"    {json.dumps(name, ensure_ascii=False)}: {list(shape)}" for name, shape in tensors.items())
    return "{\n" + inside + "\n  }" if tensors else "{}"


def _line(piece: Piece) -> str:
    line: dict[str, Any] = {side: piece.side(side).name for side in SIDES}
    for side in SIDES:
        part = piece.side(side)
        line |= {f"{side}_shape": list(part.shape)} if part.shape is not None else {}
        line |= {f"{side}_transposed": True} if part.transposed else {}
        line |= {f"{side}_rows": list(part.rows)} if part.rows is not None else {}
    return json.dumps(line | ({"found": piece.found} if piece.found else {}), ensure_ascii=False)


def read_map(path: str | os.PathLike[str]) -> WeightMap:
    """Read a map, as it was written or as somebody has corrected it.

    Raises:
        BadInput: no such file, no map, or one that contradicts itself; all that is wrong is listed.
    """
    try:
        if Path(path).stat().st_size > MAX_BYTES:
            raise BadInput(f"{path}: is larger than any map of weights; give the file that `dualport map` wrote")
        content = json.loads(Path(path).read_text(encoding="utf8"))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); write a map with `dualport map`") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: is not JSON ({error}); correct it, or write it again with `dualport map`") from None
    if not isinstance(content, dict) or (content.get("what"), content.get("version")) != (WHAT, VERSION):
        raise BadInput(f"{path}: is no map of weights of this version; write one with `dualport map`")
    try:
        weight_map = _map_of(content)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise BadInput(f"{path}: is damaged ({type(error).__name__}: {error}); compare it with a fresh map") from None
    if wrong := _faults(weight_map):
        raise BadInput(f"{path}: {listed(wrong, LISTED, '; ')}; correct it")
    return weight_map


def _map_of(content: dict[str, Any]) -> WeightMap:
    tensors = {
        side: {_text(name): tuple(int(size) for size in shape) for name, shape in content[f"{side}_tensors"].items()}
        for side in SIDES
    }
    layers = [
        LayerPair(_text(layer["paddle"]), _text(layer["torch"]), str(layer["kind"]), str(layer["found"]),
                  [_piece(line) for line in layer["weights"]])
        for layer in content["layers"]
    ]  # fmt: skip
    return WeightMap(
        {side: str(content["models"][side]) for side in SIDES},
        tensors,
        layers,
        [_piece(line) for line in content["of_several"]],
        {side: {_text(name): _text(other) for name, other in content["copies"][side].items()} for side in SIDES},
        {side: [_text(name) for name in content["counters"][side]] for side in SIDES},
        {side: [_text(name) for name in content["own"][side]] for side in SIDES},
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no name")
    return value


def _piece(line: dict[str, Any]) -> Piece:
    known = {f"{side}{end}" for side in SIDES for end in ("", "_shape", "_transposed", "_rows")} | {"found"}
    if unknown := line.keys() - known:
        raise ValueError(f"{sorted(unknown)[0]} is nothing that a weight has")
    parts = []
    for side in SIDES:
        shape, rows = line.get(f"{side}_shape"), line.get(f"{side}_rows")
        start, end = (0, 0) if rows is None else map(int, rows)
        seen = None if shape is None else tuple(map(int, shape))
        turned = line.get(f"{side}_transposed", False) is True
        parts.append(Part(_text(line[side]), turned, None if rows is None else (start, end), seen))
    return Piece(parts[0], parts[1], str(line.get("found", "")))


def _lies_in(part: Part, owner: str) -> bool:
    """Whether a tensor's name begins with that of its layer; rows may be of the layer around it, which packs them."""
    around = owner.rpartition(".")[0] if part.rows else owner
    return not around or part.name == owner or part.name.startswith(f"{around}.")


def _faults(weight_map: WeightMap) -> list[str]:
    """What cannot be right in a map, a few words each."""
    wrong = []
    for layer in weight_map.layers:
        for piece in layer.weights:
            for side in SIDES:
                owner, part = getattr(layer, side), piece.side(side)
                if not _lies_in(part, owner):
                    wrong.append(
                        f"{part.name} does not begin with {owner}, the layer of {side}'s that it is listed with"
                    )
    for piece in weight_map.pieces:
        shapes = {side: weight_map.tensors[side].get(piece.side(side).name) for side in SIDES}
        if fault := fault_of(piece, shapes):
            wrong.append(fault)
    if wrong:
        return wrong
    for side in SIDES:
        beside = weight_map.beside(side)
        made: dict[str, list[Piece]] = {}
        for piece in weight_map.pieces:
            made.setdefault(piece.side(side).name, []).append(piece)
        for name, shape in weight_map.tensors[side].items():
            if name not in beside and (name not in made or uncovered(shape, made[name], side)):
                few = "twice, or not all of it" if name in made else "nowhere"
                wrong.append(f"{name} of {side}'s is given {few}")
        wrong += [f"{name} is no tensor of {side}'s" for name in beside if name not in weight_map.tensors[side]]
    return wrong
