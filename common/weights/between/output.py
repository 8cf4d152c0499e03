"""State dicts written array by array and read back, in one file or in shards that an interruption does not undo."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...atomic import atomic_path, make_folder, remove_litter, write_text
from ...errors import BadInput
from ..files import opened, write_content
from ..formats.bounded_bytes import Source, quoted
from ..formats.pickle_writer import raw_bytes
from ..formats.shards import MAX_SHARDS, index_text, read_index
from ..formats.stored import Array, Stored
from ..recipe_conversion import ConvertedTensor

Tell = Callable[[int, int], None]  # bytes written so far, and in all
UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Content:
    """A state dict that is to be written, with Paddle's table of tensor names and the metadata of `.safetensors`."""

    arrays: Mapping[str, Array]
    names: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        return sum(array.nbytes for array in self.arrays.values())

    def only(self, wanted: list[str]) -> Content:
        names = {name: self.names[name] for name in wanted if name in self.names}
        return Content({name: self.arrays[name] for name in wanted}, names, self.metadata)


def bytes_of(text: str) -> int:
    """`2GB`, `500MB`, `1GiB` or a plain number of bytes → bytes; G is 10⁹, Gi is 2³⁰.

    Raises:
        BadInput: nothing of the kind.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    unit = UNITS.get(found[2].upper()) if found else None
    if not found or unit is None or int(float(found[1]) * unit) < 1:
        raise BadInput(f"--max-shard-size {text}: write a size, such as 2GB, 500MB or 1GiB")
    return int(float(found[1]) * unit)


def write_whole(target: str | os.PathLike[str], content: Content, tell: Tell = lambda done, total: None) -> None:
    """Write one file, whole or not at all; it is put in place once every array has come back bit for bit.

    Raises:
        BadInput: an array cannot be read from its file, or held by the format.
        EnvironmentFailed: the disk is full, or the folder cannot be written.
    """
    with atomic_path(target) as temporary:
        _write(temporary, str(target), content, _Progress(tell, content.nbytes))


def write_shards(
    target: str | os.PathLike[str], content: Content, most: int, plan: str, tell: Tell = lambda done, total: None
) -> tuple[list[Path], list[str]]:
    """Write files of at most `most` bytes of tensors each, and the index that says which tensor is where.

    What fits into one file is one file. Finished shards lie in a folder beside the target until all are there; an
    interrupted call, made again with the same `plan`, goes on with those that still are what they were.

    Returns:
        The files, the index last, and notes.

    Raises:
        BadInput, EnvironmentFailed: as `write_whole`.
    """
    target = Path(target)
    groups = shards_of(content.arrays, most)
    if len(groups) == 1:
        write_whole(target, content, tell)
        return [target], []
    if len(groups) > MAX_SHARDS:
        raise BadInput(f"{target}: would be {len(groups):,} files; give a larger --max-shard-size")
    if target.exists():
        raise BadInput(f"{target}: stands beside the shards, and would be read in place of them; remove it first")
    files = [f"{target.stem}-{place:05d}-of-{len(groups):05d}{target.suffix}" for place in range(1, len(groups) + 1)]
    work = _Work(target, plan)
    progress = _Progress(tell, content.nbytes)
    kept = 0
    try:
        for file, names in zip(files, groups, strict=True):
            part = content.only(names)
            if work.has(file, part):
                kept += 1
                progress.add(part.nbytes)
            else:
                work.keep(file, part, progress)
    except BadInput:
        work.remove()  # it would fail in the same way again
        raise
    shards = {file: {name: content.arrays[name].nbytes for name in names}
              for file, names in zip(files, groups, strict=True)}  # fmt: skip
    index = work.put_in_place(shards)
    notes = [f"{kept} of {len(files)} shards were there from a conversion that was interrupted"] if kept else []
    return [*(target.parent / file for file in files), index], notes


def shards_of(arrays: Mapping[str, Array], most: int) -> list[list[str]]:
    """The names in order, in groups of at most `most` bytes; an array that is larger has one for itself."""
    groups: list[list[str]] = [[]]
    filled = 0
    for name, array in arrays.items():
        if groups[-1] and filled + array.nbytes > most:
            groups.append([])
            filled = 0
        groups[-1].append(name)
        filled += array.nbytes
    return groups


def plan_of(source: str, rows: Sequence[ConvertedTensor], content: Content, beside: Sequence[str] = ()) -> str:
    """What a conversion does, as text: the same text is the same conversion of the same files.

    Args:
        beside: the other files of an inference export.
    """
    done = [(row.name, row.shape, row.dtype, row.done) for row in rows]
    return json.dumps([_state_of(source, beside), done, dict(content.names), dict(content.metadata)])


def _state_of(source: str, beside: Sequence[str]) -> list[tuple[str, int, int]]:
    """Name, size and time of each file of a source."""
    place, others = Path(source), list(map(Path, beside))
    if place.suffix == ".json" and not others:
        with place.open("rb") as file:
            others = [place.parent / name for name in read_index(Source(file, os.fstat(file.fileno()).st_size))]
    states = [(each, each.stat()) for each in (place, *others)]
    return [(str(each.resolve()), state.st_size, state.st_mtime_ns) for each, state in states]


class _Progress:
    def __init__(self, tell: Tell, total: int) -> None:
        self.tell, self.total, self.done = tell, total, 0

    def add(self, count: int) -> None:
        self.done += count
        self.tell(self.done, self.total)


class _Work:
    """The folder beside a target where finished shards wait, with what each must be.

    Nothing in it is believed: a shard counts only if every array in it still has the sum that it was written with.
    """

    def __init__(self, target: Path, plan: str) -> None:
        self.target, self.folder = target, target.parent / f".{target.name}.parts"
        if not target.parent.is_dir():
            raise BadInput(f"{target}: the folder {target.parent} does not exist; make it first")
        self.plan = hashlib.sha256(plan.encode()).hexdigest()
        self.sums: dict[str, dict[str, str]] = {}
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            known = json.loads((self.folder / MANIFEST).read_text(encoding="utf8"))
            if known["plan"] == self.plan:
                self.sums = {str(file): dict(sums) for file, sums in known["shards"].items()}
        if not self.sums:
            self.remove()
        make_folder(self.folder)
        remove_litter(self.folder)

    def has(self, file: str, part: Content) -> bool:
        """Whether a shard is finished, here or in place already."""
        sums = self.sums.get(file)
        if sums is None or set(sums) != set(part.arrays):
            return False
        for place in (self.folder / file, self.target.parent / file):
            with contextlib.suppress(BadInput):
                if place.is_file():
                    _check_back(place, str(place), part, sums)
                    return True
        return False

    def keep(self, file: str, part: Content, progress: _Progress) -> None:
        """Write a shard, and note what it holds."""
        with atomic_path(self.folder / file) as temporary:
            sums = _write(temporary, str(self.target), part, progress)
        self.sums[file] = sums
        write_text(self.folder / MANIFEST, json.dumps({"plan": self.plan, "shards": self.sums}))

    def put_in_place(self, shards: Mapping[str, Mapping[str, int]]) -> Path:
        """Move all shards beside the target, then write the index: without one, nobody reads half of a model."""
        index = self.target.with_name(f"{self.target.name}.index.json")
        index.unlink(missing_ok=True)
        for file in shards:
            if (self.folder / file).exists():
                (self.folder / file).replace(self.target.parent / file)
        write_text(index, index_text(shards))
        self.remove()
        return index

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _write(path: Path, target: str, content: Content, progress: _Progress) -> dict[str, str]:
    """Write a file and read it back; the sum of each array."""
    sums: dict[str, str] = {}

    def noted(name: str, array: Array) -> Stored:
        def fetch() -> np.ndarray:
            made = np.ascontiguousarray(np.asarray(array)).reshape(array.shape)
            sums[name] = _sum(made)
            progress.add(made.nbytes)
            return made

        return Stored(array.shape, array.dtype, fetch)

    first: dict[int, str] = {}
    watched: dict[str, Stored] = {}
    for name, array in content.arrays.items():  # one array under two names stays one
        known = first.setdefault(id(array), name)
        watched[name] = watched[known] if known != name else noted(name, array)
    try:
        with path.open("wb", buffering=2**20) as file:
            write_content(file, path.suffix.lower(), watched, dict(content.names), dict(content.metadata))
    except BadInput as error:
        raise BadInput(str(error) if target in str(error) else f"{target}: {error}") from None
    sums = {name: sums[first[id(array)]] for name, array in content.arrays.items()}
    _check_back(path, target, content, sums)
    return sums


def _sum(array: np.ndarray) -> str:
    return hashlib.sha256(raw_bytes(array)).hexdigest()


def _check_back(path: Path, target: str, content: Content, sums: Mapping[str, Any]) -> None:
    """Read a file that was written: every array must be what it was.

    Raises:
        BadInput: one is not. The target is then not put in place.
    """
    half = any(array.dtype.name == "bfloat16" for array in content.arrays.values())
    with opened(path, key=".", dtype="bfloat16" if half else None) as again:
        if set(again.arrays) != set(content.arrays):
            raise BadInput(f"{target}: does not hold what was written; nothing is written, please report this")
        for name, array in content.arrays.items():
            back = again.arrays[name]
            same = (back.shape, back.dtype) == (tuple(array.shape), array.dtype.newbyteorder("="))
            if not same or _sum(np.asarray(back)) != sums[name]:
                raise BadInput(
                    f"{target}: {quoted(name)} does not come back as it was; nothing is written, please report this"
                )
