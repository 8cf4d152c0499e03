"""Entries by whatever name a person has for them: a path of either framework, a tensor method, a kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from ..errors import BadInput
from . import index
from .entry import Entry

FRAMEWORKS = ("torch", "paddle")
FAMILIES: Mapping[str, tuple[Entry, ...]] = {
    **{module.__name__.rpartition(".")[2]: module.ENTRIES for module in index.FAMILIES},
    "optimizers": index.OPTIMIZERS,
    "schedules": index.SCHEDULES,
    "initializers": index.INITIALIZERS,
}
FAMILY_OF = {id(entry): family for family, entries in FAMILIES.items() for entry in entries}
NEAREST = 3  # names that a refusal proposes


def paths(entry: Entry, framework: str) -> tuple[str, ...]:
    """All that a framework calls it, as one writes it below `torch` or `paddle`: classes, functions, methods."""
    names = entry.names(framework)
    return (*names.classes, *names.functions, *(f"Tensor.{method}" for method in names.methods))


def entries_named(name: str) -> list[Entry]:
    """Every entry that a name may stand for, the best understanding of it alone: several where it is ambiguous.

    Args:
        name: in any case, whole or in part (`nn.LSTM`, `lr_scheduler.StepLR`, `.view`, `groupnorm`); after `torch.` or
            `paddle.` it is a name of that framework.

    Raises:
        BadInput: nothing is called so; the nearest names are proposed.
    """
    wanted, framework = _read(name)
    known = [row for row in _known() if not framework or row[0] in (framework, "")]
    for fits in (_whole, _end, _last, _spelled):
        chosen = {id(entry): entry for _, path, entry in known if fits(path, wanted, framework)}
        if chosen:
            return list(chosen.values())
    last = wanted.rpartition(".")[2]
    near = get_close_matches(last, sorted({path.rpartition(".")[2].lower() for _, path, _ in known}), NEAREST)
    hint = f", nearest: {', '.join(near)}" if near else ""
    raise BadInput(f"the dictionary has no entry for {name!r}{hint}; `dualport lookup` without a name lists them all")


def _known() -> Iterator[tuple[str, str, Entry]]:
    """(framework, path, entry) of every name; kinds belong to no framework."""
    for entry in index.ENTRIES:
        yield "", entry.kind, entry
        for framework in FRAMEWORKS:
            yield from ((framework, path, entry) for path in paths(entry, framework))


def _read(name: str) -> tuple[str, str]:
    """The path in lower case, and the framework that it begins with, if any."""
    first, _, rest = name.strip().removesuffix("()").lower().partition(".")
    framework = first if first in FRAMEWORKS else ""
    path = rest if framework else f"{first}.{rest}" if rest else first
    path = f"tensor{path}" if path.startswith(".") else path
    return ("nn.functional." + path[2:] if path.startswith("f.") else path), framework


def _whole(path: str, wanted: str, framework: str) -> bool:
    """Without a framework a bare word may be a class, a function, a method and a kind: no path is preferred."""
    return path.lower() == wanted and ("." in wanted or bool(framework))


def _end(path: str, wanted: str, framework: str) -> bool:
    return "." in wanted and f".{path.lower()}".endswith(f".{wanted}")


def _last(path: str, wanted: str, framework: str) -> bool:
    return path.lower().rpartition(".")[2] == wanted.rpartition(".")[2]


def _spelled(path: str, wanted: str, framework: str) -> bool:
    """`groupnorm` is `group_norm`."""
    return path.lower().rpartition(".")[2].replace("_", "") == wanted.rpartition(".")[2].replace("_", "")
