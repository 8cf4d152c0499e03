"""Which files make up an export: from the parameters, the program or the folder that somebody names, to the whole.

A program is `NAME.json` or `NAME.pdmodel` beside `NAME.pdiparams`, or `__model__` beside `__params__`; of Paddle 1, it
lies in a folder with one file a variable, which may also lie there without it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from ..bounded_bytes import Malformed, Source, quoted
from ..checkpoint_tree import resolve
from ..pickle_reader import load
from ..stored import Array
from .pir import read_pir
from .program import Program
from .program_desc import read_program_desc
from .records import checked, is_record, read_all, read_one

PARAMETERS, PROGRAMS = ".pdiparams", (".json", ".pdmodel")
INFO = ".info"
# What people call the two files where they have no extensions: parameters → program.
UNNAMED = {"__params__": "__model__", "__variables__": "__model__", "params": "model"}
MAX_FILES = 20_000  # in one folder
HEAD = 512  # bytes of a file that tell what it is


@dataclass(frozen=True)
class Export:
    """An export as a whole. `names`: structured name → name of the variable, where a `.info` tells it."""

    arrays: dict[str, Array]
    program: Program | None
    names: dict[str, str]
    beside: tuple[str, ...]  # the other files that were read


def kind_of_program(head: bytes) -> str:
    """ "pir", "program_desc", or "" of what is no program, by the first bytes of a file."""
    if head[:1] == b"{":
        return "pir" if b'"base_code"' in head and b'"pir"' in head else ""
    block = head.find(b"\x08\x00\x10", 2, 12)  # the number 0 of the main block, after its length
    return "program_desc" if head[:1] == b"\x0a" and block > 0 else ""


def read_program(source: Source) -> Program:
    """Raises `Malformed` of what is no program, or a damaged one."""
    kind = kind_of_program(source.file.read(HEAD))
    source.file.seek(0)
    if not kind:
        raise Malformed("it is no program of a Paddle export", "give its .json or .pdmodel")
    return read_pir(source) if kind == "pir" else read_program_desc(source)


def read_from_parameters(source: Source, path: Path, program: Path | None) -> Export:
    """An export from its file of parameters, which `source` is.

    Args:
        program: the file of the program; None: looked for beside `path`.

    Raises:
        Malformed: there is no program, or the two do not belong together.
    """
    found = [program] if program else _programs_beside(path)
    if not found:
        nearest = UNNAMED.get(path.name) or f"{path.stem}.json (Paddle 3) or {path.stem}.pdmodel (Paddle 2)"
        raise Malformed(
            "it holds the parameters of a Paddle export without their names, which its program tells",
            f"put {nearest} beside it, or say --program FILE",
        )
    told, *others = [_program_at(place) for place in found]
    if any(other.stored != told.stored for other in others):
        shown = " and ".join(quoted(place.name) for place in found)
        raise Malformed(f"beside it lie programs that differ, {shown}", "say which is its own: --program FILE")
    info = path.with_name(path.name + INFO)
    names = _structured(info, told) if info.is_file() else {}
    used = (str(found[0]), *([str(info)] if names else []))
    return Export(read_all(source, told.stored), told, names, used)


def read_from_program(source: Source, path: Path) -> Export:
    """An export from its program, which `source` is: the parameters lie beside it, in one file or one a variable."""
    program = read_program(source)
    wanted = [path.with_suffix(PARAMETERS)] if path.suffix in PROGRAMS else []
    wanted += [path.with_name(name) for name, model in UNNAMED.items() if model == path.name]
    place = next(filter(Path.is_file, wanted), None)
    if place:
        with _opened(place) as parameters:
            whole = read_from_parameters(parameters, place, path)
        return Export(whole.arrays, program, whole.names, (str(place), *whole.beside[1:]))
    stored = program.stored
    if all(_inside(path.parent, variable.name).is_file() for variable in stored):
        arrays = {}
        for variable in stored:
            with _opened(_inside(path.parent, variable.name)) as one:
                arrays[variable.name] = checked(variable, read_one(one))
        return Export(arrays, program, {}, tuple(str(_inside(path.parent, name)) for name in arrays))
    other = path.with_suffix(".pdparams")
    if other.is_file():
        raise Malformed("it is a program, whose weights lie in a state dict beside it", f"name {other.name}")
    raise Malformed(
        "it is the program of a Paddle export, and its parameters are not beside it",
        f"put {wanted[0].name if wanted else 'its .pdiparams'} beside it, or name that file and say --program",
    )


def read_from_folder(folder: Path) -> Export:
    """An export from its folder.

    Raises:
        Malformed: there is none in it, or several.
    """
    heads = {place: _head(place) for place in _files_in(folder)}
    programs = {place.with_suffix("") if place.suffix in PROGRAMS else place: place
                for place in sorted(heads) if kind_of_program(heads[place])}  # fmt: skip
    if len(programs) > 1:
        shown = ", ".join(quoted(place.name) for place in list(programs.values())[:8])
        raise Malformed(f"it is a folder of {len(programs)} programs", f"name one of {shown}")
    for place in programs.values():
        lone = place.with_suffix(PARAMETERS) if place.suffix in PROGRAMS else None
        with _opened(lone if lone and lone.is_file() else place) as source:
            if lone and lone.is_file():
                return _found(lone, read_from_parameters(source, lone, None))
            return _found(place, read_from_program(source, place))
    alone = next((place for place in heads if place.suffix == PARAMETERS or place.name in UNNAMED), None)
    if alone:
        with _opened(alone) as source:
            return _found(alone, read_from_parameters(source, alone, None))
    records = [place for place, head in heads.items() if is_record(head) or not head]
    if not any(heads[place] for place in records):
        raise Malformed("it is a folder without a Paddle export", "name a weight file in it")
    arrays = {}
    for place in records:
        with _opened(place) as source:
            arrays[place.name] = read_one(source)
    return Export(arrays, None, {}, tuple(map(str, records)))


def _found(place: Path, whole: Export) -> Export:
    """An export of which nobody named the file that was read first."""
    return replace(whole, beside=(str(place), *whole.beside))


def _programs_beside(path: Path) -> list[Path]:
    wanted = [path.with_suffix(suffix) for suffix in PROGRAMS] if path.suffix == PARAMETERS else []
    wanted += [path.with_name(UNNAMED[path.name])] if path.name in UNNAMED else []
    return [place for place in wanted if place.is_file()]


def _program_at(place: Path) -> Program:
    with _opened(place) as source:
        return read_program(source)


def _structured(info: Path, program: Program) -> dict[str, str]:
    """Structured name → variable, from the `.info` that Paddle 2 wrote: a pickle of plain data."""
    with _opened(info) as source:
        content = resolve(load(source, {})[0], source.size)
        damaged = Malformed("it is no table of variables", "remove it to go on without structured names")
        if type(content) is not dict or any(type(about) is not dict for about in content.values()):
            raise damaged
        names: dict[str, str] = {}
        for variable, about in content.items():
            structured = about.get("structured_name")
            if structured is None or variable not in program.variables:
                continue
            if type(structured) is not str or structured in names:
                raise damaged
            names[structured] = variable
    return names


def is_table_of_export(content: object) -> bool:
    """Whether it is what a `.info` holds: for each variable whether it is trained, and its structured name."""
    return (
        isinstance(content, dict)
        and bool(content)
        and all(isinstance(about, dict) and "stop_gradient" in about for about in content.values())
    )


def _inside(folder: Path, name: str) -> Path:
    """Where a variable lies in the folder of its program; its name may not lead out of it."""
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or any(mark in name for mark in ("\\", ":", "\0")):
        raise Malformed(f"its program names a variable {quoted(name)}, which cannot name a file")
    return folder.joinpath(*parts)


def _files_in(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            found = [Path(entry.path) for entry in islice(entries, MAX_FILES + 1) if entry.is_file()]
    except OSError as error:
        raise Malformed(f"the folder cannot be read ({error.strerror})", "check the path") from None
    if len(found) > MAX_FILES:
        raise Malformed(f"it is a folder of more than {MAX_FILES:,} files", "name a weight file in it")
    return sorted(place for place in found if not place.name.startswith("."))


def _head(place: Path) -> bytes:
    with _opened(place) as source:
        return source.file.read(HEAD)


@contextmanager
def _opened(place: Path) -> Iterator[Source]:
    """A file beside the one that was named; what is wrong with it is said under its own name."""
    try:
        with place.open("rb") as file:
            yield Source(file, os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise Malformed(f"{quoted(place.name)} cannot be read ({error.strerror})", "check the path") from None
    except _Neighbour:
        raise
    except Malformed as fault:
        raise _Neighbour(f"{quoted(place.name)} of the export: {fault}") from None


class _Neighbour(Malformed):
    """What is wrong with another file than the one that was named, in words that are whole."""

    def __init__(self, sentence: str) -> None:
        Exception.__init__(self, sentence)
