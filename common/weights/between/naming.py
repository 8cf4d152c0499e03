"""The names of a file as the other side has them: left out, taken off, put before, or made by a pattern."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypeVar

from ...errors import BadInput, listed
from ..fit import LISTED

T = TypeVar("T")


@dataclass(frozen=True)
class Naming:
    """What is done to the names of a file, in this order.

    Attributes:
        drop: patterns of names that are left out. strip: beginnings that are taken off where a name has them.
        rename: `OLD=NEW`, each for the names that all of OLD fits; the first that fits a name is taken. A `*` in OLD is
            any text, as short as it can be, and comes again where NEW has its `*`. prefix: put before every name.
    """

    drop: Sequence[str] = ()
    strip: Sequence[str] = ()
    rename: Sequence[str] = ()
    prefix: str = ""

    def __bool__(self) -> bool:
        return bool(self.drop or self.strip or self.rename or self.prefix)

    def of(self, path: str, arrays: Mapping[str, T]) -> tuple[dict[str, T], dict[str, str], list[str]]:
        """What is left of a file under its new names, each new name with the file's own, and notes of what was done.

        Raises:
            BadInput: a pattern or a beginning that fits no name, which is a mistake more often than not, or two names
                that become one.
        """
        kept, notes = without(path, arrays, self.drop)
        names = {name: name for name in kept}
        for start in self.strip:
            if not any(name.startswith(start) for name in names.values()):
                raise _idle(path, f"--strip {start}")
            names = {own: name.removeprefix(start) for own, name in names.items()}
        names = self._renamed(path, names)
        owners: dict[str, str] = {}
        for own, name in names.items():
            new = self.prefix + name
            if not new or new in owners:
                other = f" as {owners[new]} would" if new in owners else ""
                raise BadInput(f"{path}: {own} would be called {new or 'nothing'}{other}; leave one out, or rename it")
            owners[new] = own
        return {name: kept[own] for name, own in owners.items()}, owners, notes

    def _renamed(self, path: str, names: dict[str, str]) -> dict[str, str]:
        rules = [(text, *_rule(text)) for text in self.rename]
        used = set()
        for own, name in names.items():
            for text, fits, made in rules:
                if found := fits(name):
                    names[own] = made(found)
                    used.add(text)
                    break
        for text, *_ in rules:
            if text not in used:
                raise _idle(path, f"--rename {text}")
        return names


def _idle(path: str, option: str) -> BadInput:
    return BadInput(f"{path}: {option} fits no name in it; `dualport inspect` lists them")


def _rule(text: str) -> tuple[Callable[[str], re.Match | None], Callable[[re.Match], str]]:
    """`OLD=NEW` as what finds a name and what makes the new one of it."""
    old, equal, new = text.partition("=")
    if not equal or not old or not new or "=" in new:
        raise BadInput(
            f"--rename {text}: write the name in the file, =, the name to write, as in --rename 'fc.*=head.*'"
        )
    pieces = new.split("*")
    if old.count("*") != len(pieces) - 1:
        raise BadInput(f"--rename {text}: has {old.count('*')} * before = and {len(pieces) - 1} behind; write as many")
    pattern = re.compile("(.*?)".join(map(re.escape, old.split("*"))), re.DOTALL)

    def made(found: re.Match) -> str:
        return "".join(
            piece + (found[place + 1] if place < len(pieces) - 1 else "") for place, piece in enumerate(pieces)
        )

    return pattern.fullmatch, made


def without(path: str, arrays: Mapping[str, T], patterns: Sequence[str]) -> tuple[dict[str, T], list[str]]:
    """The arrays whose names fit none of the patterns (`*total_ops`), and a note of those that do.

    Raises:
        BadInput: a pattern that fits no name, which is a mistake more often than not.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in arrays):
            raise _idle(path, f"--drop {pattern}")
    left = [name for name in arrays if any(fnmatchcase(name, pattern) for pattern in patterns)]
    gone = set(left)
    kept = {name: array for name, array in arrays.items() if name not in gone}
    return kept, [f"left out as --drop says: {', '.join(left)}"] if left else []


def prefixes(names: Collection[str]) -> Iterator[str]:
    """What every name begins with, whole words of it, the short ones first: `module.`, `module.model.`."""
    parts = next(iter(names), "").split(".")
    for count in range(1, len(parts)):
        prefix = ".".join(parts[:count]) + "."
        if not all(name.startswith(prefix) for name in names):
            return
        yield prefix


def needless_prefix(names: Collection[str], wanted: Collection[str]) -> str:
    """The prefix before every name (`module.`, `model.`) without which all that is wanted is there; "" for none."""
    have = set(names)
    if not wanted or have.issuperset(wanted):
        return ""
    return next((prefix for prefix in prefixes(names) if all(prefix + name in have for name in wanted)), "")


def without_prefix(arrays: Mapping[str, T], wanted: Collection[str]) -> tuple[dict[str, T], list[str]]:
    """The arrays under the model's names, where one prefix before every name is all that differs.

    Args:
        wanted: the names that the model needs.
    """
    prefix = needless_prefix(arrays, wanted)
    return {name.removeprefix(prefix): array for name, array in arrays.items()}, [taken_off(prefix)] if prefix else []


def taken_off(prefix: str) -> str:
    """The note of a prefix that is taken off."""
    return f"every name begins with {prefix} in the file, which is taken off"


def misfit_text(path: str, wrong: Sequence[str], of: str) -> str:
    """The sentence about names and shapes that do not fit, with what helps."""
    extra = any(word.endswith(" unexpected") for word in wrong)
    step = "; leave out what is not the model's with --drop 'PATTERN', such as --drop '*total_ops'" if extra else ""
    return f"{path}: does not fit {of}: {listed(wrong, LISTED, '; ')}{step}"
