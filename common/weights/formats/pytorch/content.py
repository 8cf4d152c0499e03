"""What a file of PyTorch's holds, whatever kind of file it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ....errors import listed
from ..bounded_bytes import Source, quoted
from ..checkpoint_tree import resolve
from ..harmless import harmless_names
from ..pickle_reader import load_next
from ..pickles.names import stand_in
from ..pickles.pickled_numpy import numpy_names
from ..pickles.resolver import Told
from ..pickles.values import Name
from .tensors import torch_names

SHOWN = 4  # names in one remark


@dataclass(frozen=True)
class Content:
    """The tree of a file with its tensors as arrays, and what else is told.

    `written` says which kind of file it is; `left_out`, in words, what tensors of it are not in the tree.
    """

    tree: Any
    protocol: int
    told: Told
    written: str
    left_out: tuple[str, ...] = ()


def load_pickle(
    pickle: Source, storage: Callable[[Any], Any], other: Callable[[str, str], Name | None] = stand_in
) -> tuple[Any, int]:
    """One pickle of a file, its tensors over what `storage` gives for a reference; stand-ins are still in place."""
    names = {**harmless_names(), **numpy_names(), **torch_names()}
    return load_next(pickle, names, storage, other)


def content_of(pickled: Any, protocol: int, size: int, written: str, constants: int = 0) -> Content:
    """Resolve what was read. `constants`: the tensors in the code of a program, which have no names."""
    told = Told()
    tree = resolve(pickled, size, told)
    left_out = []
    if told.left_out:
        shown = listed([quoted(name, 40)[1:-1] for name in told.left_out], SHOWN)
        left_out.append(f"{counted(len(told.left_out), 'tensor')} neither parameter nor buffer ({shown})")
    if constants:
        left_out.append(f"{counted(constants, 'tensor')} of its code, without names")
    return Content(tree, protocol, told, written, tuple(left_out))


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"
