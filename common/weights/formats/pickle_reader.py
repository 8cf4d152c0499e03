"""A pickle reader that can only make data: dicts, lists, tuples, text, numbers, and stand-ins of the caller's own.

The `pickle` module is not used. A pickle is a program for a small stack machine; this is that machine with the
opcodes left out that weight files do not need (INST, OBJ, EXT, PERSID, STRING, PUT, …). A name in the file is
looked up in the caller's table and nowhere else, so nothing can be imported or called. Large byte strings are read from
the file straight into arrays of their own: one pass, one copy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .bounded_bytes import DO_NOT_LOAD, Malformed, Source
from .pickles.machine import Machine, Persistent
from .pickles.values import Name


def load(source: Source, allowed: Mapping[tuple[str, str], Name], persistent: Persistent = None, **how: Any) -> Any:
    """Read one pickle that fills `source` to its last byte; return its content, stand-ins in place, and its protocol.

    Args:
        persistent: what stands for content outside the pickle, from the file's reference to it.
        how: as `load_next` takes it.

    Raises:
        Malformed: damage, a name that is not allowed, an opcode that is left out, or more work than is sane.
    """
    content, protocol = load_next(source, allowed, persistent, **how)
    if source.file.read(1):
        raise Malformed("there is more after the end of its pickle", DO_NOT_LOAD)
    return content, protocol


def load_next(
    source: Source,
    allowed: Mapping[tuple[str, str], Name],
    persistent: Persistent = None,
    other: Callable[[str, str], Name | None] | None = None,
    encoding: str = "utf-8",
) -> tuple[Any, int]:
    """Read the pickle that begins here, and leave the file behind it.

    Args:
        other: what stands for a name that is not in `allowed`, by module and name; None refuses it.
        encoding: of the text of Python 2, "utf-8" or "latin1", with which arrays of Python 2 are bytes.
    """
    machine = Machine(source, allowed, persistent, other, encoding)
    try:
        return machine.run(), machine.protocol
    except (IndexError, KeyError):  # an empty stack, an unknown memo entry
        raise Malformed("the pickle in it is damaged") from None
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise Malformed("the pickle in it holds text that cannot be decoded") from None
