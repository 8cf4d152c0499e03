"""The numbers and groups of an optimizer whose `.pdopt` is converted: what the file tells, and what the user says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ....common.dictionary.entry import Entry
from ....common.dictionary.index import KEEPING, optimizer_entry
from ....common.errors import BadInput, choose
from ....common.weights.optimizer.numbers import asked, defaults, of_group, shown
from ....common.weights.optimizer.paddle_keys import Accumulators
from ....common.weights.optimizer.powers import told_by_powers
from ....common.weights.optimizer.state import Group
from ..model import UserModel


@dataclass
class Told:
    """What is known of an optimizer: its kind, groups of PyTorch's parameters, the steps of each, and what was assumed.

    `base`: the rates that a schedule starts from, of each group; nothing where nobody says them.
    """

    entry: Entry
    groups: list[Group]
    steps: dict[str, int] = field(default_factory=dict)
    base: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Said:
    """What the user says of the optimizer: its kind and some numbers, or all of them with the groups they are for."""

    kind: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)
    groups: Sequence[Group] = ()


def said_of(text: str | None, makers: Mapping[str, str], models: Mapping[str, UserModel]) -> Said:
    """What `--optimizer` or the user's own function for one framework's optimizer says.

    Raises:
        BadInput: several say it, or one says what no such optimizer has.
    """
    if bool(text) + len(makers) > 1:
        raise BadInput("give one of --optimizer, --torch-optimizer and --paddle-optimizer, which say the same")
    if text:
        return Said(*asked(text))
    for side, reference in makers.items():
        if side not in models:
            raise BadInput(f"--{side}-optimizer makes the optimizer of a model: give --{side} as well")
        return _of_maker(models[side], reference)
    return Said()


def _of_maker(model: UserModel, reference: str) -> Said:
    """Kind, numbers and groups of the optimizer that the user's function makes."""
    optimizer = made_by(model, reference)
    classes = [base.__name__ for base in type(optimizer).__mro__]
    entry = optimizer_entry(model.framework, classes)
    if entry is None or entry.kind not in KEEPING:
        raise BadInput(f"{reference}: gives a {classes[0]}, of which it is not known what it keeps")
    if model.framework == "paddle":
        if any(isinstance(group, dict) for group in optimizer._param_groups):
            raise BadInput(f"{reference}: has groups; say those of PyTorch's with --torch-optimizer")
        numbers = model.backend.optimizers.described(optimizer)
        return Said(entry.kind, {name: numbers[name] for name in defaults(entry) if name in numbers})
    names = {id(tensor): name for name, tensor in parameters_of(model).items()}
    groups = [
        Group(of_group(reference, entry, group), [names[id(parameter)] for parameter in group["params"]])
        for group in optimizer.param_groups
    ]
    kind = "sgd" if entry.kind == "momentum" and not groups[0].numbers["momentum"] else entry.kind
    return Said(kind, groups[0].numbers, groups)


def made_by(model: UserModel, reference: str):
    """The optimizer that the user's function makes of the parameters with gradients."""
    before = model.plan
    model.plan = replace(before, optimizer=reference)
    try:
        return model.optimizer()
    finally:
        model.plan = before


def parameters_of(model: UserModel) -> dict[str, object]:
    """The parameters by their names in the state dict, each once, in the model's order."""
    names = {id(tensor): name for name, tensor in reversed(model.backend.weights.tensors(model.model).items())}
    return {names[id(parameter)]: parameter for parameter in model.model.parameters()}


def told_of(path: str, kept: Accumulators, schedule: Mapping[str, float], said: Said, names: Sequence[str]) -> Told:
    """Kind, numbers and steps of the optimizer of a `.pdopt`.

    Args:
        names: of PyTorch's parameters, in their order.

    Raises:
        BadInput: what is said is not what the file holds, or a number that has no default is told by nobody.
    """
    if said.kind:
        choose(said.kind, kept.kinds, f"optimiser that keeps what {path} holds:")
    entry = KEEPING[said.kind or ("sgd" if not kept.arrays else kept.kinds[0])]
    betas, steps, notes = told_by_powers(path, entry, kept, {name: said.numbers[name] for name in entry.powers
                                                             if name in said.numbers})  # fmt: skip
    by_file = betas | _flags(entry, kept)
    if said.groups:
        groups = [Group(group.numbers | by_file, list(group.names)) for group in said.groups]
    else:
        groups = [Group({**defaults(entry, "paddle"), **by_file, **said.numbers}, list(names))]
        groups[0].numbers.setdefault("lr", schedule.get("last_lr", defaults(entry)["lr"]))
    told = Told(entry, groups, steps, notes=notes)
    if (
        "last_lr" not in schedule
        and "lr" not in said.numbers
        and any(row.scale == "lr" and groups[0].numbers[row.when] for row in entry.state.values())
    ):
        raise BadInput(
            f"{path}: Paddle's {entry.kind} keeps its momentum times the learning rate, which the file does not tell: "
            f"say it with --optimizer {entry.kind}:lr=…"
        )
    if "last_lr" in schedule:
        told.base = [group.numbers["lr"] for group in groups] if "lr" in said.numbers else []
        largest = max((group.numbers["lr"] for group in groups), default=0.0)
        for group in groups:
            share = group.numbers["lr"] / largest if len(groups) > 1 and largest else 1.0
            group.numbers["lr"] = schedule["last_lr"] * share
        by_file = by_file | {"lr": schedule["last_lr"]}
    assumed = {name: value for name, value in groups[0].numbers.items() if name not in {**by_file, **said.numbers}}
    if assumed:
        told.notes.append(_assumed(path, entry, kept, said, assumed))
    return told


def _flags(entry: Entry, kept: Accumulators) -> dict[str, float]:
    """The settings without which a moment would not be there, or would be all zeros."""
    rows = {row.name for row in entry.arguments if isinstance(row.default_torch, bool)}
    return {
        moment.when: float(any(array.any() for array in kept.arrays.get(moment.paddle, {}).values()))
        for moment in entry.state.values()
        if moment.when in rows
    }


def _assumed(path: str, entry: Entry, kept: Accumulators, said: Said, numbers: Mapping[str, float]) -> str:
    others = [kind for kind in kept.kinds if kind != entry.kind]
    kind = ""
    if not said.kind and not kept.arrays:
        kind = f" {entry.kind} (nothing is kept, as by that or before the first step) with"
    elif not said.kind and others:
        kind = f" {entry.kind} (which keeps what {' and '.join(others)} does) with"
    return (
        f"{path} does not keep all numbers of its optimizer:{kind} the defaults {shown(numbers)} are written; say "
        f"others with --optimizer {entry.kind}:{next(iter(numbers))}=…"
    )


def fresh_groups(model: UserModel, told: Told) -> list[dict]:
    """Groups as an optimizer of the user's version of PyTorch has them, with the numbers that are told."""
    live = model.backend.weights.tensors(model.model)
    given = [(group.numbers, [live[name] for name in group.names]) for group in told.groups]
    groups = model.backend.optimizers.of_groups(told.entry.kind, given)[0].state_dict()["param_groups"]
    for group, rate in zip(groups, told.base, strict=False):
        group["initial_lr"] = rate  # what PyTorch's schedule starts from
    return groups
