"""Reading the notebook's zip, which holds mnist_mat/train.mat and mnist_mat/test.mat."""

from __future__ import annotations

import stat
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from ...errors import BadInput, EnvironmentFailed
from ..dataset import Dataset
from .limits import LARGEST_BYTES, refuse_bomb
from .mat import read_mat

MOST_MEMBERS = 10_000
PIECE = 1 << 20
ANOTHER_ARCHIVE = "get the archive again from where it was published"


def read_zip(path: Path, part: str = "train", transposed: bool = False, label_meaning: str | None = None) -> Dataset:
    """The `.mat` file of one part inside a zip; unpacked to a temporary folder that is removed.

    Raises:
        BadInput: the archive is damaged or hostile, or has no such file, or the file is not images and labels.
        EnvironmentFailed: the temporary folder is full.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            member = _chosen(archive, path, f"{part}.mat")
            with tempfile.TemporaryDirectory(prefix="dualport-") as folder:
                unpacked = Path(folder) / f"{part}.mat"
                _unpack(archive, member, unpacked, path)
                return read_mat(unpacked, f"{path}/{member.filename}", transposed, label_meaning)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: is a damaged zip archive ({error}); {ANOTHER_ARCHIVE}") from None


def _chosen(archive: zipfile.ZipFile, path: Path, wanted: str) -> zipfile.ZipInfo:
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        raise BadInput(f"{path}: holds {len(members):,} files; the notebook's archive holds two")
    seen: set[str] = set()
    for member in members:
        _refuse_hostile(member, path)
        if member.filename in seen:
            raise BadInput(f"{path}: holds {member.filename!r} twice; {ANOTHER_ARCHIVE}")
        seen.add(member.filename)
    matches = [member for member in members if PurePosixPath(member.filename).name == wanted]
    if len(matches) != 1:
        there = ", ".join(sorted(seen)[:5]) or "nothing"
        many = f"{len(matches)} files" if matches else "no file"
        raise BadInput(f"{path}: holds {many} called {wanted} (it holds {there}); put one at mnist_mat/{wanted}")
    return matches[0]


def _refuse_hostile(member: zipfile.ZipInfo, path: Path) -> None:
    name = member.orig_filename  # as stored: `filename` is cut at a NUL
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if name.startswith(("/", "\\")) or ".." in parts or "\0" in name or (parts and parts[0][1:2] == ":"):
        raise BadInput(f"{path}: holds {name!r}, a path that leads out of the archive; {ANOTHER_ARCHIVE}")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise BadInput(f"{path}: {name!r} is a symbolic link; {ANOTHER_ARCHIVE}")
    if member.flag_bits & 1:
        raise BadInput(f"{path}: {name!r} is encrypted; unpack the archive yourself and name the folder")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise BadInput(f"{path}: {name!r} is packed in an unusual way; pack the archive again with plain zip")
    if member.file_size > LARGEST_BYTES:
        raise BadInput(f"{path}: {name!r} claims {member.file_size:,} bytes, more than is read; {ANOTHER_ARCHIVE}")
    refuse_bomb(f"{path}: {name!r}", member.file_size, member.compress_size)


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, path: Path) -> None:
    written = 0
    try:
        with archive.open(member) as source, target.open("wb") as out:
            while piece := source.read(PIECE):
                written += len(piece)
                if written > member.file_size:
                    raise BadInput(f"{path}: {member.filename!r} is longer than it claims; {ANOTHER_ARCHIVE}")
                out.write(piece)
    except OSError as error:
        raise EnvironmentFailed(
            f"{target.parent}: cannot unpack {member.filename!r} there ({error.strerror}); free space or set TMPDIR"
        ) from None
    if written != member.file_size:
        raise BadInput(f"{path}: {member.filename!r} is shorter than it claims; {ANOTHER_ARCHIVE}")
