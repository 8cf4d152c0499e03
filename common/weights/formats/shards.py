"""`model.safetensors.index.json` and its like: which of the files beside it holds which tensor of a sharded model.

PyTorch's and Paddle's own are alike: `pytorch_model.bin.index.json`, `model_state.pdparams.index.json`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from .bounded_bytes import Malformed, Source, quoted

MAX_INDEX = 16_000_000  # bytes, about 150,000 tensors
MAX_SHARDS = 500  # they are open together, and a process may have 1,024 files open


def read_index(source: Source) -> dict[str, list[str]]:
    """File name → the tensors that it holds.

    Raises:
        Malformed: no JSON with a `weight_map`, too large, or a name that leads out of the folder.
    """
    if source.size > MAX_INDEX:
        raise Malformed("it is JSON of more than 16 MB, which no index of shards is")
    try:
        content = json.loads(source.exact(source.size).decode("utf-8"))
    except (ValueError, RecursionError):
        raise Malformed("it is not a weight file and not JSON either") from None
    table = content.get("weight_map") if isinstance(content, dict) else None
    if type(table) is not dict or not table or any(type(file) is not str for file in table.values()):
        raise Malformed("it is JSON without a weight_map, so no index of weights", "give the file with the weights")
    shards: dict[str, list[str]] = {}
    for name, file in table.items():
        if not file or file.startswith(".") or any(mark in file for mark in ("/", "\\", ":", "\0")):
            raise Malformed(
                f"its index names a file elsewhere, {quoted(file)}", "keep all shards in the index's folder"
            )
        shards.setdefault(file, []).append(name)
    if len(shards) > MAX_SHARDS:
        raise Malformed(f"its index names more than {MAX_SHARDS:,} files")
    return shards


def open_shards(index: Source, path: str, shards: Mapping[str, list[str]]) -> Iterator[tuple[str, Source]]:
    """Each shard's name with the file opened, as the index is; the index keeps them open.

    Raises:
        Malformed: a shard that is absent or no file.
    """
    for name in shards:
        place = Path(path).parent / name
        try:
            if place.exists() and not place.is_file():
                raise Malformed(f"its shard {quoted(name)} is no file")
            file = place.open("rb")
            index.beside.append(file)
            yield name, Source(file, os.fstat(file.fileno()).st_size, index.deferred)
        except OSError as error:
            raise Malformed(f"its shard {quoted(name)} cannot be read ({error.strerror})", "fetch all shards") from None


def index_text(shards: Mapping[str, Mapping[str, int]]) -> str:
    """The index of files that are to be written, as transformers and PaddleNLP read it.

    Args:
        shards: file name → name of a tensor → its bytes.
    """
    table = {name: file for file, tensors in shards.items() for name in tensors}
    total = sum(sum(tensors.values()) for tensors in shards.values())
    content = {"metadata": {"total_size": total}, "weight_map": dict(sorted(table.items()))}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
