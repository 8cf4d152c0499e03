"""`dualport inspect`: what a weight or checkpoint file holds. Nothing in it is run, and neither framework is needed."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from dualport.scripts.terminal.file_report import print_report

if TYPE_CHECKING:
    import numpy as np
    from dualport.common.weights import WeightFile

EXAMPLES = """examples:
  dualport inspect encoder.pdparams                  framework, tensors, their types and ranges
  dualport inspect checkpoint.pt --key model         one part of a nested checkpoint
  dualport inspect encoder.pdopt --json              for programs: the optimiser's step, the table of names
  dualport inspect export/inference.json             an inference export of Paddle's: its operations too
  dualport inspect half.pdparams --dtype bfloat16    Paddle stores bfloat16 as 16-bit integers and does not say so
"""

ROWS = 100  # of a table, unless --all is given
# What training scripts call how far they are, and what wrote the file.
TRAINING = ("epoch", "global_step", "step", "iteration", "iter", "pytorch-lightning_version", "paddle_version")
BLOCK = 2**20  # elements looked at in one go


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", help="a .pdparams, .pdopt, .pt, .pth or .safetensors file, whatever its extension, or "
                        "an inference export of Paddle's: its .pdiparams, its program or its folder")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--key", help="the part of a nested checkpoint to look at, as in model or nets.encoder")
    parser.add_argument("--dtype", help="what 16-bit integers in a Paddle file are: bfloat16 or uint16")
    parser.add_argument("--sha256", help="what the file must hash to; otherwise FILE.sha256 is used, if it exists")
    parser.add_argument("--program", help="for a .pdiparams: the .json or .pdmodel saved with it")
    parser.add_argument("--all", action="store_true", help=f"print every row, not the first {ROWS}")


def run(arguments: argparse.Namespace) -> None:
    from dualport.common.weights import read

    weights = read(
        arguments.file, key=arguments.key or ".", dtype=arguments.dtype, sha256=arguments.sha256,
        program=arguments.program,
    )  # fmt: skip
    report = {**describe(weights, hashes=arguments.json), **_of_file(arguments.file)}
    if arguments.json:
        print(json.dumps(report, allow_nan=False))
    else:
        print_report(report, None if arguments.all else ROWS)


def _of_file(path: str) -> dict[str, Any]:
    """Size and hash of a file; nothing of a folder."""
    import hashlib
    from pathlib import Path

    if Path(path).is_dir():
        return {}
    whole = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(BLOCK):
            whole.update(block)
        return {"size": file.tell(), "sha256": whole.hexdigest()}


def describe(weights: WeightFile, hashes: bool = False) -> dict[str, Any]:
    """Everything that is said about a file, as plain data for JSON. Numbers that are not finite become text.

    `hashes`: each tensor's sha256 too, of its values in C order and little-endian.
    """
    from dualport.common.weights.exports.summary import summary
    from dualport.common.weights.formats.checkpoint_tree import NAME_TABLE, state_dicts
    from dualport.common.weights.unread import unread

    known: dict[int, dict[str, Any]] = {}
    tensors = []
    for name, array in weights.arrays.items():
        if id(array) not in known:  # a shared tensor is looked at once
            known[id(array)] = {**statistics(array), **({"sha256": _sha256(array)} if hashes else {})}
        tensors.append({"name": name, **known[id(array)]})
    parts = {key: "optimiser" if optimizer else "weights" for key, optimizer in state_dicts(weights.tree).items()}
    values = {name: value for name, value in _values(weights.tree, "") if not name.startswith(NAME_TABLE)}
    return {
        "file": weights.path,
        "format": weights.format,
        "written": weights.written,
        "framework": weights.framework,
        "protocol": weights.protocol,
        "key": weights.key,
        "verified": weights.verified,
        "parts": parts,
        "tensors": tensors,
        "dtypes": dict(Counter(str(array.dtype) for array in weights.arrays.values()).most_common()),
        "prefix": _prefix(list(weights.arrays)),
        "elements": sum(array.size for array in weights.arrays.values()),
        "bytes": sum(array.nbytes for array in weights.arrays.values()),
        "optimiser_steps": optimizer_steps(weights),
        "training": {name: values[name] for name in TRAINING if isinstance(values.get(name), (int, float, str))},
        "layers": weights.layers,
        "objects": weights.objects,
        "unread": unread(weights),
        "names": weights.names,
        "values": values,
        "metadata": weights.metadata,
        "export": summary(weights),
    }


def _prefix(names: list[str]) -> str:
    """What all names begin with, up to a dot."""
    if len(names) < 2:
        return ""
    first, last = min(names).split("."), max(names).split(".")  # what these two share, all share
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(first[:-1], last[:-1], strict=False))
    return "".join(f"{part}." for part, _ in shared)


def _sha256(array: np.ndarray) -> str:
    import hashlib

    from dualport.common.weights.formats.pickle_writer import raw_bytes

    return hashlib.sha256(raw_bytes(array)).hexdigest()


def optimizer_steps(weights: WeightFile) -> list[int | None] | None:
    """The steps that the optimiser states in the file have taken, each count once; None in it stands for unknown."""
    from dualport.common.weights.formats.checkpoint_tree import part_at, state_dicts
    from dualport.common.weights.optimizer.adam_steps import paddle_steps, torch_steps

    steps: set[int | None] = set()
    for key, optimizer in state_dicts(weights.tree).items():
        if optimizer:
            node = part_at(weights.tree, key)
            steps |= torch_steps(node) | paddle_steps(node)
    return sorted(steps, key=lambda step: (step is None, step)) or None


def statistics(array: np.ndarray) -> dict[str, Any]:
    """Shape, type, bytes, and over the values that are not NaN the least, the greatest and the mean."""
    import numpy as np

    low, high, total, nans = np.inf, -np.inf, 0.0, 0
    flat = array.reshape(-1)
    with np.errstate(all="ignore"):
        for start in range(0, flat.size if array.dtype.kind != "c" else 0, BLOCK):
            block = flat[start : start + BLOCK]
            block = block.astype(np.float64)
            missing = int(np.isnan(block).sum())
            if missing:
                nans += missing
                block = block[~np.isnan(block)]
            if block.size:
                low, high, total = min(low, block.min()), max(high, block.max()), total + block.sum()
    counted = flat.size - nans
    seen = counted > 0 and array.dtype.kind != "c"
    return {
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "bytes": array.nbytes,
        "min": _number(low) if seen else None,
        "max": _number(high) if seen else None,
        "mean": _number(total / counted) if seen else None,
        "nan": nans,
    }


def _number(value: float) -> float | str:
    """JSON has no infinity."""
    value = float(value)
    return value if value - value == 0 else str(value)


def _values(node: Any, where: str):
    """What is not a tensor (epochs, learning rates, notes), with dotted names."""
    import numpy as np

    if isinstance(node, np.ndarray):
        return
    if isinstance(node, (list, tuple)) and not any(isinstance(item, (dict, list, tuple, np.ndarray)) for item in node):
        yield where, [_plain(item) for item in node]
    elif isinstance(node, (dict, list, tuple)):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _values(value, f"{where}.{key}" if where else str(key))
    else:
        yield where, _plain(node)


def _plain(value: Any) -> Any:
    """A number or text for JSON; NumPy's numbers and bytes are turned into such."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return _number(value)
    return value if isinstance(value, (str, int, bool, type(None))) else repr(value)
