"""What a matching leaves over, in few words: counterparts of another size, and what one side alone has.

What has one cause is told once: forty squeeze layers that are wider on one side, or all norms that the other lacks.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...dictionary.index import BY_KIND
from ...errors import by_size, listed

LISTED = 12  # names in one sentence
FEW = 3  # examples of what has one cause
TITLES = {"paddle": "Paddle", "torch": "PyTorch"}


@dataclass(frozen=True)
class Misfit:
    """A weight of a layer on each side, counterparts of one another, that differ in size."""

    layers: tuple[str, str]
    kind: str
    weights: tuple[str, str]
    shapes: tuple[tuple[int, ...], tuple[int, ...]]

    @property
    def cause(self) -> tuple:
        """What it shares with others: kind, last word of the layers' names, the axes that differ."""
        words = (re.sub(r"\d+", "*", layer.rpartition(".")[2]) for layer in self.layers)
        x, y = self.shapes
        axes = [axis for axis, (one, other) in enumerate(zip(x, y, strict=False)) if one != other]
        return self.kind, *words, len(x) - len(y), *axes

    def told(self, names: Sequence[str]) -> str:
        sizes = [f"{by_size(shape)} in {side}" for shape, side in zip(self.shapes, names, strict=True)]
        if len(set(self.weights)) == 1:
            return f"{self.weights[0]} is {' and '.join(sizes)}"
        return ", ".join(f"{weight} is {size}" for weight, size in zip(self.weights, sizes, strict=True))


@dataclass(frozen=True)
class Lone:
    """What has no counterpart, on the first (0) or the second side (1): a weight of a layer, its `leaf`, or, without
    one, a whole layer."""

    side: int
    layer: str
    kind: str = ""
    leaf: str = ""

    @property
    def name(self) -> str:
        return ".".join(filter(None, (self.layer, self.leaf)))


def misfits_told(misfits: Iterable[Misfit], names: Sequence[str]) -> Iterator[str]:
    """Counterparts that differ in size, those that differ alike in one part; of a layer, its first weight."""
    groups: dict[tuple, dict[tuple[str, str], Misfit]] = defaultdict(dict)
    layers: dict[tuple[str, str], Misfit] = {}
    for misfit in misfits:
        first = layers.setdefault(misfit.layers, misfit)
        groups[first.cause].setdefault(misfit.layers, first)
    for group in groups.values():
        first, *more = group.values()
        yield first.told(names) + (f", and {len(more)} more pairs like these" if more else "")


def lone_told(lone: Iterable[Lone], names: Sequence[str]) -> Iterator[str]:
    """What one side alone has: many layers of one kind are counted."""
    groups: dict[tuple, list[Lone]] = defaultdict(list)
    for each in lone:
        groups[each.side, each.kind, each.leaf].append(each)
    few: dict[int, list[str]] = defaultdict(list)
    for (side, kind, leaf), group in groups.items():
        words = [each.name or "the model itself" for each in group]
        if len(group) > FEW and kind not in ("", "parameter"):
            what = f"{kind.replace('_', ' ')} layers" if not leaf else f"{kind.replace('_', ' ')} layers' {leaf}"
            yield f"{len(group)} {what} in {names[side]} have no counterpart: {listed(words, FEW)}"
        else:
            few[side] += words
    for side, words in sorted(few.items()):
        yield f"{listed(words, LISTED)} in {names[side]} {'has' if len(words) == 1 else 'have'} no counterpart"


def defaults_told(lone: Iterable[Lone], names: Sequence[str]) -> Iterator[str]:
    """Why a side may lack a weight that the other has: its framework makes the layer without, unless told."""
    for each in lone:
        framework = names[1 - each.side].split()[-1]
        for argument in BY_KIND[each.kind].arguments if each.kind in BY_KIND and framework in TITLES else ():
            default = argument.default_torch if framework == "torch" else argument.default_paddle
            lacks = set(argument.gives) if not each.leaf else {each.leaf} & set(argument.gives)
            if lacks and default is False:
                yield f"{argument.name}=False is {TITLES[framework]}'s default of {each.kind.replace('_', ' ')}"
