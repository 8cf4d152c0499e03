"""Files and folders that are either whole or not there.

Everything is written to a temporary neighbour, flushed to the disk and renamed into place, so that a crash, a full
disk or a kill never leaves half a file under the real name.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from .errors import BadInput, EnvironmentFailed

TEMPORARY_PREFIX = ".dualport-tmp-"


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it into place if the body succeeds, remove it otherwise.

    A symbolic link is followed: the file it points to is replaced, the link stays. An existing file keeps its mode.

    Raises:
        BadInput: `path` is a folder, or its own folder does not exist.
        EnvironmentFailed: the folder cannot be written, or the disk is full.
    """
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise BadInput(f"{path}: is a folder; name a file in it")
    if not target.parent.is_dir():
        raise BadInput(f"{path}: the folder {target.parent} does not exist; make it first")
    temporary = target.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(6)}{target.suffix}"
    try:
        with _named(path):
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))  # the umask decides the mode
        mode = (target if target.exists() else temporary).stat().st_mode & 0o777
        with _named(path):
            yield temporary
            temporary.chmod(mode)
            _sync(temporary)
            temporary.replace(target)
            _sync(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """The same for a folder of files. An existing folder at `path` is replaced.

    Raises:
        EnvironmentFailed: the parent folder cannot be written, or the disk is full.
    """
    target = Path(path)
    temporary = target.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(6)}"
    try:
        with _named(path):
            temporary.mkdir(parents=True)
            yield temporary
            for file in temporary.rglob("*"):
                _sync(file)
            _sync(temporary)
            if target.exists():
                shutil.rmtree(target)
            temporary.replace(target)
            _sync(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` (UTF-8) to `path`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf8")


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Make `path` and its parents, and check that it can be written.

    Raises:
        BadInput: a file stands in the way.
        EnvironmentFailed: the folder cannot be made or written.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise BadInput(f"{folder}: a file stands where a folder is needed; choose another --out") from None
    except OSError as error:
        raise EnvironmentFailed(f"{folder}: cannot make the folder ({error.strerror}); choose another --out") from None
    probe = folder / f"{TEMPORARY_PREFIX}{secrets.token_hex(6)}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise EnvironmentFailed(f"{folder}: cannot be written ({error.strerror}); choose another --out") from None
    return folder


def remove_litter(folder: Path) -> None:
    """Remove what a killed writer left in `folder`."""
    for litter in folder.glob(f"{TEMPORARY_PREFIX}*"):
        if litter.is_dir():
            shutil.rmtree(litter, ignore_errors=True)
        else:
            litter.unlink(missing_ok=True)


@contextlib.contextmanager
def _named(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn the operating system's write errors into one sentence about `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is not None and TEMPORARY_PREFIX not in str(error.filename):
            raise  # about some other file: not ours to explain
        reason = error.strerror or str(error)
        raise EnvironmentFailed(f"{path}: cannot be written ({reason}); free space or choose another place") from error


def _sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    with contextlib.suppress(OSError):  # some file systems cannot flush a folder; Windows cannot open one
        descriptor = os.open(
            path, os.O_RDONLY if path.is_dir() else os.O_RDWR
        )  # Windows flushes only what it may write
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
