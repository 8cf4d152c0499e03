"""What a weight file holds, in one form for all formats."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import BadInput, choose
from .formats.bounded_bytes import quoted
from .formats.paddle_exports.program import Program


@dataclass(frozen=True)
class WeightFile:
    """What a weight file holds.

    `arrays` is the state dict as it is in the file: its own names and layout, nothing transposed; while the file is
    `opened`, they are still in it. `tree` is the whole content, arrays in place: epochs, learning-rate schedules,
    optimiser states. `names` is Paddle's table from structured names to tensor names, or empty. `key` says where in a
    nested checkpoint `arrays` was found. `verified` is true where the content was compared with a sha256 given
    beforehand. `program` is that of an inference export, and `beside` the other files that were read for it.
    `objects` counts by class what cannot be read but for what the file gives it; `layers` maps dotted paths to classes,
    where whole modules were saved; `written` says what kind of file it is, where its format has several; `left_out`, in
    words, which of its tensors are not in `tree`.
    """

    path: str
    format: str  # "pdparams", "pdopt", "pdiparams", "pt" or "safetensors"
    framework: str | None  # "paddle", "torch", or None where the file does not say
    protocol: int | None  # of the pickle in it
    arrays: dict[str, Any]
    names: dict[str, str] = field(default_factory=dict)
    tree: Any = None
    key: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    verified: bool = False
    objects: dict[str, int] = field(default_factory=dict)
    layers: dict[str, str] = field(default_factory=dict)
    written: str = ""
    left_out: tuple[str, ...] = ()
    program: Program | None = None
    beside: tuple[str, ...] = ()


def framework_of(file: WeightFile) -> str:
    """Whose layout a file is in. Raises `BadInput` where neither its format nor its metadata says so."""
    if file.framework is None:
        kind = file.metadata.get("format")
        said = f" (its metadata has format={quoted(kind)}, which both have written)" if kind else ""
        raise BadInput(
            f"{file.path}: does not say whose layout it is in{said}; say it with --from torch or --from paddle"
        )
    return file.framework


def of_framework(file: WeightFile, stated: str | None) -> tuple[WeightFile, list[str]]:
    """A file whose layout is the `stated` framework's, and a note where the file says otherwise.

    Raises:
        BadInput: there is no such framework.
    """
    if stated is None:
        return file, []
    choose(stated, ("torch", "paddle"), "framework")
    against = file.framework not in (None, stated)
    note = f"{file.path} is {file.framework}'s by what it says of itself; it is taken as {stated}'s, as --from says"
    return replace(file, framework=stated), [note] if against else []
