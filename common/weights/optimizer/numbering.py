"""Which parameter each number in the state of a PyTorch optimizer is: numbers run through its groups in order.

A group that was given named parameters tells their names. Else a single group holds the model's parameters in their
order, and several share them out, each in that order: where the shapes of what is kept allow one way alone, it is that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...errors import BadInput, by_size

Shape = tuple[int, ...]
MOST_WORK = 2_000_000  # places of tuples made in a search through the ways to share out parameters: a second


def names_of_numbers(
    path: str,
    groups: Sequence[Mapping],
    kept: Mapping[int, Shape],
    shapes: Mapping[str, Shape],
    trained: Sequence[str],
    hint: str,
) -> list[list[str]]:
    """The names of each group's parameters.

    Args:
        groups: `params` and, where it is told, `param_names` of each. kept: number → shape of what is kept of it.
        shapes: every parameter of the model in its order. trained: those that get gradients, in the same order.
        hint: the next step where nothing tells them apart.

    Raises:
        BadInput: another number of parameters, other shapes, or several ways.
    """
    counts = [len(group["params"]) for group in groups]
    if all(len(group.get("param_names") or ()) == count for group, count in zip(groups, counts, strict=True)):
        named = [list(map(str, group["param_names"])) for group in groups]
        strange = [name for names in named for name in names if name not in shapes]
        if strange:
            raise BadInput(f"{path}: {strange[0]} is no parameter of the model")
        _require_shapes(path, groups, named, kept, shapes)
        return named
    candidates = [list(shapes), list(trained)]
    order = next((names for names in candidates if len(names) == sum(counts)), None)
    if order is None:
        raise BadInput(
            f"{path}: steps {sum(counts)} parameters, and the model has {len(shapes)}, {len(trained)} of them with "
            f"gradients; {hint}"
        )
    named = [order] if len(groups) == 1 else _shared_out(path, groups, order, kept, shapes, hint)
    _require_shapes(path, groups, named, kept, shapes)
    return named


def _require_shapes(path, groups, named, kept: Mapping[int, Shape], shapes: Mapping[str, Shape]) -> None:
    for group, names in zip(groups, named, strict=True):
        for number, name in zip(group["params"], names, strict=True):
            if kept.get(number, shapes[name]) != shapes[name]:
                raise BadInput(
                    f"{path}: what it keeps of parameter {number} is {by_size(kept[number])}, and {name} is "
                    f"{by_size(shapes[name])} in the model: another model, or another order of parameters"
                )


def _shared_out(path, groups, order: list[str], kept, shapes, hint: str) -> list[list[str]]:
    """The one way to share out the model's parameters, in their order, to the groups."""
    wanted = [[kept.get(number) for number in group["params"]] for group in groups]
    # How many parameters each group has got → (in how many ways, 2 for more; which group got the last one)
    reached: list[dict[tuple[int, ...], tuple[int, int]]] = [{(0,) * len(groups): (1, -1)}]
    work = 0
    for name in order:
        after: dict[tuple[int, ...], tuple[int, int]] = {}
        for places, (ways, _) in reached[-1].items():
            taking = [group for group, place in enumerate(places)
                      if place < len(wanted[group]) and wanted[group][place] in (None, shapes[name])]  # fmt: skip
            work += len(groups) * (1 + len(taking))
            for group in taking if work <= MOST_WORK else ():
                there = (*places[:group], places[group] + 1, *places[group + 1 :])
                after[there] = (min(2, after.get(there, (0, 0))[0] + ways), group)
        reached.append(after)
    places = tuple(map(len, wanted))
    ways = reached[-1].get(places, (0, -1))[0] if work <= MOST_WORK else 2
    if ways != 1:
        few = "could be shared in several ways from" if ways else "fit no way of sharing"
        raise BadInput(f"{path}: the parameters of its {len(groups)} groups {few} the model's in their order; {hint}")
    named: list[list[str]] = [[] for _ in groups]
    for at in range(len(order), 0, -1):
        group = reached[at][places][1]
        named[group].insert(0, order[at - 1])
        places = (*places[:group], places[group] - 1, *places[group + 1 :])
    return named
