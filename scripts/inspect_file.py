"""`dualport inspect`: what a weight or checkpoint file holds. Nothing in it is run, and neither framework is needed."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from dualport.common.weights.files import WeightFile

EXAMPLES = """examples:
  dualport inspect encoder.pdparams                  framework, tensors, their types and ranges
  dualport inspect checkpoint.pt --key model         one part of a nested checkpoint
  dualport inspect encoder.pdopt --json              for programs: the optimiser's step, the table of names
  dualport inspect export/inference.json             an inference export of Paddle's: its operations too
  dualport inspect half.pdparams --dtype bfloat16    Paddle stores bfloat16 as 16-bit integers and does not say so
"""

ROWS = 100  # of a table, unless --all is given
LINE = 400  # characters of what is said of an export in one line
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
    report = describe(weights)
    if arguments.json:
        print(json.dumps(report, allow_nan=False))
    else:
        _print(report, None if arguments.all else ROWS)


def describe(weights: WeightFile) -> dict[str, Any]:
    """Everything that is said about a file, as plain data for JSON. Numbers that are not finite become text."""
    from dualport.common.weights.exports.summary import summary
    from dualport.common.weights.formats.checkpoint_tree import NAME_TABLE, state_dicts

    known: dict[int, dict[str, Any]] = {}
    tensors = []
    for name, array in weights.arrays.items():
        if id(array) not in known:  # a shared tensor is looked at once
            known[id(array)] = statistics(array)
        tensors.append({"name": name, **known[id(array)]})
    parts = {key: "optimiser" if optimizer else "weights" for key, optimizer in state_dicts(weights.tree).items()}
    values = {name: value for name, value in _values(weights.tree, "") if not name.startswith(NAME_TABLE)}
    return {
        "file": weights.path,
        "format": weights.format,
        "framework": weights.framework,
        "protocol": weights.protocol,
        "key": weights.key,
        "verified": weights.verified,
        "parts": parts,
        "tensors": tensors,
        "elements": sum(array.size for array in weights.arrays.values()),
        "bytes": sum(array.nbytes for array in weights.arrays.values()),
        "optimiser_steps": optimizer_steps(weights),
        "names": weights.names,
        "values": values,
        "metadata": weights.metadata,
        "export": summary(weights),
    }


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


def printable(text: object, limit: int = 60) -> str:
    """`text` without control characters (a name could otherwise repaint the terminal), cut to `limit` characters."""
    text = str(text)
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _print(report: dict[str, Any], rows: int | None) -> None:
    verified = "matches its sha256" if report["verified"] else "not verified (no sha256 was given)"
    protocol = f", pickle protocol {report['protocol']}" if report["protocol"] else ""
    framework = report["framework"] or "any framework"
    print(f"{report['file']}: {report['format']}{protocol}, for {framework}; {verified}")
    parts = [f"{printable(key)} ({kind})" for key, kind in report["parts"].items() if key != "."]
    if parts:
        print(f"parts: {', '.join(parts[:20])}{' …' if len(parts) > 20 else ''}")
    if report["optimiser_steps"]:
        steps = ["unknown" if step is None else f"{step:,}" for step in report["optimiser_steps"]]
        print(f"optimiser steps: {', '.join(steps[:10])}{' …' if len(steps) > 10 else ''}")
    for line in _export_lines(report["export"] or {}):
        print(printable(line, LINE))
    print(f"tensors: {len(report['tensors']):,}, {report['elements']:,} values, {report['bytes']:,} bytes")
    header = ("name", "shape", "dtype", "bytes", "min", "max", "mean", "NaN")
    _table(header, [_row(tensor) for tensor in report["tensors"][:rows]], len(report["tensors"]))
    for title in ("names", "values", "metadata"):
        content = {key: value for key, value in report[title].items() if key != value}  # a .pdopt names itself
        if content:
            lines = [(printable(key), printable(value)) for key, value in list(content.items())[:rows]]
            headers = {"names": ("name", "parameter"), "values": ("value", "is"), "metadata": ("metadata", "is")}
            _table(headers[title], lines, len(content))


def _export_lines(export: dict[str, Any]):
    """What is said of an inference export before its tensors."""
    from dualport.common.weights.exports.summary import in_ranges

    program = export.get("program")
    if program:
        made = "PIR of version {} (Paddle 3)" if program["kind"] == "PIR" else "made by Paddle {}"
        yield f"program: {made.format(program['version'])}, {sum(export['operations'].values()):,} operations"
        for side in ("inputs", "outputs"):
            yield f"{side}: " + ", ".join(_variable(variable) for variable in program[side])
        yield "operations: " + _counted(export["operations"])
    elif export:
        yield "program: none, one file a variable"
    if export.get("layers"):
        yield "layers by their names: " + _counted(export["layers"])
    if export.get("untold"):
        yield f"of no told kind: {len(export['untold'])} tensors, such as {', '.join(export['untold'][:8])}"
    folded = export.get("folded", {})
    for layer, suffixes in folded.get("partly", {}).items():
        yield f"folded: of {layer} there is no {', '.join(suffixes)}"
    if folded.get("skipped"):
        gaps = ", ".join(in_ranges(folded["skipped"]))
        yield f"left out (folded, pruned or never used), by the gaps in the numbers: {gaps}"
    for what in ("fused", "quantised"):
        if folded.get(what):
            yield f"{what}: {_counted(folded[what])}"


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in counts.items())


def _variable(variable: dict[str, Any]) -> str:
    shape = variable["shape"]
    sizes = "of no told shape" if shape is None else "×".join("?" if size < 0 else str(size) for size in shape)
    return f"{variable['name']} {sizes or 'scalar'} {variable['dtype'] or ''}".rstrip()


def _row(tensor: dict[str, Any]) -> tuple[str, ...]:
    numbers = ["–" if tensor[key] is None else _short(tensor[key]) for key in ("min", "max", "mean")]
    shape = "×".join(map(str, tensor["shape"])) or "scalar"
    return printable(tensor["name"]), shape, tensor["dtype"], f"{tensor['bytes']:,}", *numbers, f"{tensor['nan']:,}"


def _short(number: float | str) -> str:
    return number if isinstance(number, str) else f"{number:.4g}"


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]], total: int) -> None:
    """Plain columns, on a terminal too: names stay whole and can be searched. Says how many rows it leaves out."""
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    print()
    for row in (header, *rows):
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if total > len(rows):
        print(f"… and {total - len(rows):,} more rows: --all shows them, --json too")
