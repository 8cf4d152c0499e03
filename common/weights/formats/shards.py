"""`model.safetensors.index.json` and its like: which of the files beside it holds which tensor of a sharded model."""

from __future__ import annotations

import json

from .bounded_bytes import Malformed, Source, quoted

MAX_INDEX = 16_000_000  # bytes, about 150,000 tensors
MAX_SHARDS = 2_000


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
