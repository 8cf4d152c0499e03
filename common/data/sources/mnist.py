"""MNIST: from the local cache, from a folder, or downloaded with pinned sizes and hashes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from ...errors import BadInput, EnvironmentFailed
from ..cache import cache_root
from ..dataset import Dataset
from ..formats.idx import PREFIXES, find_idx, read_idx_folder
from ..formats.mat import read_mat
from .download import HttpsDownloader

if TYPE_CHECKING:
    from pooch.typing import Downloader

# name -> (bytes, sha256) of the files as they were first published
FILES = {
    "train-images-idx3-ubyte.gz": (9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    "train-labels-idx1-ubyte.gz": (28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    "t10k-images-idx3-ubyte.gz": (1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    "t10k-labels-idx1-ubyte.gz": (4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
    "https://dataset.bj.bcebos.com/mnist",
)
OFFLINE = "connect to the network, choose another --mirror, or put the files in the folder that DUALPORT_DATA names"

# progress(file name, bytes so far, bytes in all)
Progress = Callable[[str, int, int], None]


def load_mnist(part: str = "train") -> Dataset:
    """MNIST as uint8 `[N, 1, 28, 28]` with labels: 60,000 in "train", 10,000 in "test".

    Raises:
        BadInput: the folder that DUALPORT_DATA names holds damaged files.
        EnvironmentFailed: there is no local copy and the download failed.
    """
    cache = cache_folder()
    if all(is_pinned(cache / name) for name in _files_of(part)):
        data = read_idx_folder(cache, part)
    else:
        data = _from_named_folder(part) or read_idx_folder(fetch_mnist(), part)
    return replace(data, name="mnist", source=f"MNIST {part} from {data.source}")


def cache_folder() -> Path:
    """Where downloads are kept: in dualport's cache folder."""
    return cache_root() / "mnist"


def is_pinned(file: Path) -> bool:
    """Whether `file` is there and holds exactly the published bytes."""
    size, sha256 = FILES[file.name]
    if not file.is_file() or file.stat().st_size != size:
        return False
    return hashlib.sha256(file.read_bytes()).hexdigest() == sha256


def fetch_mnist(progress: Progress | None = None, mirrors: Sequence[str] = MIRRORS) -> Path:
    """Download what the cache lacks and return its folder. Files that are there are hashed again, not trusted.

    Args:
        progress: called with (file name, bytes so far, bytes in all).
        mirrors: tried in this order for each file.

    Raises:
        BadInput: a mirror is not an https address.
        EnvironmentFailed: no mirror gave the right bytes, or the cache cannot be written. Nothing partial is left.
    """
    for mirror in mirrors:
        if urlsplit(mirror).scheme != "https" or not urlsplit(mirror).hostname:
            raise BadInput(f"{mirror}: is not an https address; name a mirror such as {MIRRORS[0]}")
    folder = cache_folder()
    for name in FILES:
        if not is_pinned(folder / name):
            _fetch(name, folder, mirrors, progress)
    return folder


def _fetch(name: str, folder: Path, mirrors: Sequence[str], progress: Progress | None) -> None:
    import pooch
    import requests

    size, sha256 = FILES[name]
    failures = []
    pooch.get_logger().setLevel("ERROR")
    for mirror in mirrors:
        downloader = HttpsDownloader(size, (lambda done: progress(name, done, size)) if progress else None)
        try:
            pooch.retrieve(
                f"{mirror.rstrip('/')}/{name}",
                f"sha256:{sha256}",
                fname=name,
                path=folder,
                downloader=cast("Downloader", downloader),  # pooch calls it as its own, not as it declares
            )
            return
        except requests.RequestException as error:
            reason = type(error).__name__
        except ValueError as error:  # refused by the downloader, or pooch found another hash
            reason = "its sha256 is not the published one" if "hash" in str(error) else str(error)
        except OSError as error:
            raise EnvironmentFailed(
                f"{folder}: cannot be written ({error.strerror or error}); free space, or set DUALPORT_CACHE or "
                f"XDG_CACHE_HOME"
            ) from None
        failures.append(f"{urlsplit(mirror).hostname}: {reason}")
    raise EnvironmentFailed(f"{name}: no mirror gave it ({'; '.join(failures)}); {OFFLINE}")


def _files_of(part: str) -> list[str]:
    return [name for name in FILES if name.startswith(PREFIXES[part])]


def _from_named_folder(part: str) -> Dataset | None:
    """MNIST from the folder that DUALPORT_DATA names: no hash is asked there, as gzip files may be packed anew."""
    named = os.environ.get("DUALPORT_DATA")
    if not named:
        return None
    if not Path(named).is_dir():
        raise BadInput(f"{named}: DUALPORT_DATA names no folder; correct or unset it")
    if find_idx(Path(named) / "mnist", part, "images", 3):
        return read_idx_folder(Path(named) / "mnist", part)
    mat = Path(named) / "mnist_mat" / f"{part}.mat"
    return read_mat(mat) if mat.is_file() else None
