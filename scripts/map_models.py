"""`dualport map`: which weight of a Paddle model is which of a PyTorch model, as a file to read and to correct."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  dualport map --paddle models_pd.py:Net --torch models_pt.py:Net -o map.json
  dualport map --paddle models_pd.py:Net --torch models_pt.py:Net --input 4,3,32,32 -o map.json
  dualport convert model.safetensors.index.json model_state.pdparams --map-file map.json --max-shard-size 2GB
  dualport align --paddle models_pd.py:Net --torch models_pt.py:Net --input 4,3,32,32 --map-file map.json

A line of the file is one weight: its name in both frameworks, which side is seen transposed, which rows. Every name
begins with that of its layer. The map is good for both directions, and `convert` then needs no model and no framework.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    for side in ("paddle", "torch"):
        parser.add_argument(f"--{side}", required=True, metavar="MODEL", help=f"file.py:Name of the model in {side}")
        parser.add_argument(f"--{side}-args", metavar="WORDS", help=f"arguments of {side}'s alone")
    parser.add_argument("--args", default="", metavar="WORDS", help="arguments of both: width=8,classes=10")
    parser.add_argument("--input", action="append", default=[], metavar="WHAT", help="what both are run on, where "
                        "names do not tell: 4,3,32,32 or tokens=2,16:int64:0..999")  # fmt: skip
    parser.add_argument("--map", action="append", default=[], metavar="PADDLE=TORCH", help="which layer is which, "
                        "where nothing tells them apart")  # fmt: skip
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="the .json file to write")


def run(arguments: argparse.Namespace) -> None:
    import os

    os.environ.setdefault("OMP_NUM_THREADS", "1")

    from collections import Counter

    from dualport.backends.models.conversion.weight_map import map_models
    from dualport.common.compare.matching.layers import parse_map
    from dualport.common.traces.inputs import parse_inputs
    from dualport.common.weights.between.map_file import SIDES, write_map
    from dualport.scripts.terminal.comparison import WAYS

    words = {side: getattr(arguments, f"{side}_args") for side in SIDES}
    weight_map = map_models(
        {side: getattr(arguments, side) for side in SIDES},
        {side: arguments.args if text is None else text for side, text in words.items()},
        parse_inputs(arguments.input) if arguments.input else [],
        parse_map(arguments.map),
    )
    write_map(arguments.out, weight_map)
    ways = Counter(WAYS[layer.found] for layer in weight_map.layers)
    ways += Counter({"put together of several": len({piece.torch.name for piece in weight_map.of_several})})
    told = ", ".join(f"{count} {way}" for way, count in ways.items())
    print(f"{arguments.out}: layers with weights matched: {told or 'none'}")
