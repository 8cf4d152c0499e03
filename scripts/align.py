"""`dualport align`: one command from two models to the proof that they are the same, or to where they part and why."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  dualport align --paddle models_pd.py:Net --torch models_pt.py:Net --input 4,1,28,28
  dualport align --paddle models_pd.py:Net --torch models_pt.py:Net --input 4,1,28,28 --steps 5 \\
      --optimizer adam:lr=1e-3 --report runs/align
  dualport align --paddle paddle.vision.models:resnet18 --torch my_resnet.py:resnet18 --input 2,3,64,64
  dualport align --paddle pd.py:Tagger --torch pt.py:Tagger --input tokens=2,16:int64:0..999 --args width=8
  dualport align --paddle pd.py:Net --torch pt.py:Net --input 4,1,28,28 --device torch=cuda,paddle=cpu
  dualport align --paddle pd.py:Net --torch pt.py:Net --input 4,1,28,28 --direction torch-to-paddle --weights net.pt
  dualport align --paddle pd.py:Net --torch pt.py:Net --input 4,1,28,28 --map-file map.json

Weights are carried by the kind of each layer: matched by name first, then by what feeds them; nothing is guessed.
exit codes: 0 the same system, 1 different systems, 2 bad input, 3 a framework or a device is missing
"""


def configure(parser: argparse.ArgumentParser) -> None:
    from dualport.scripts.terminal.comparison import add_outcome_options
    from dualport.scripts.terminal.model_options import add_run_options

    parser.add_argument("--paddle", required=True, metavar="MODEL", help="file.py:Name or package.module:Name of a "
                        "paddle.nn.Layer")  # fmt: skip
    parser.add_argument("--torch", required=True, metavar="MODEL", help="the same of a torch.nn.Module")
    parser.add_argument(
        "--args", default="", metavar="WORDS", help='arguments of both: width=8,classes=10 or {"sizes": [1]}'
    )
    for side in ("paddle", "torch"):
        parser.add_argument(f"--{side}-args", metavar="WORDS", help=f"arguments of {side}'s alone")
        parser.add_argument(f"--{side}-loss", metavar="FUNCTION", help="file.py:name of a function of the outputs")
        parser.add_argument(
            f"--{side}-optimizer", metavar="FUNCTION", help="file.py:name of a function of the parameters"
        )
    add_run_options(parser)
    parser.add_argument("--direction", default="paddle-to-torch", metavar="WAY", help="which gives the weights: "
                        "paddle-to-torch (default) or torch-to-paddle")  # fmt: skip
    parser.add_argument("--weights", metavar="FILE", help="trained weights of the side that gives them")
    parser.add_argument("--map", action="append", default=[], metavar="PADDLE=TORCH", help="the path of a layer in "
                        "Paddle's model, =, its path in PyTorch's; may be repeated")  # fmt: skip
    parser.add_argument("--map-file", metavar="FILE", help="a map of weights that `dualport map` wrote, as it is or "
                        "corrected: which layer is which")  # fmt: skip
    add_outcome_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from dualport.common.errors import BadInput, choose
    from dualport.scripts.terminal.model_options import plan_of
    from dualport.scripts.terminal.run_options import devices_of

    devices = devices_of(arguments.device)
    arguments.device = "cpu"
    plan = plan_of(arguments)
    sides = ("paddle", "torch")
    given = {kind: {s: getattr(arguments, f"{s}_{kind}") for s in sides} for kind in ("args", "loss", "optimizer")}
    for kind in ("loss", "optimizer"):
        if len([value for value in given[kind].values() if value]) == 1:
            raise BadInput(f"--{kind} of one side alone: give --paddle-{kind} and --torch-{kind}")

    from dualport.backends.models.align import DIRECTIONS, Pair, align_pair
    from dualport.common.atomic import make_folder
    from dualport.common.compare.matching.layers import parse_map
    from dualport.common.weights.between.map_file import read_map
    from dualport.scripts.terminal.comparison import show
    from dualport.scripts.terminal.tracing_progress import TracingProgress

    mapped = read_map(arguments.map_file).layer_map if arguments.map_file else {}
    pair = Pair(
        models={side: getattr(arguments, side) for side in sides},
        plan=plan,
        arguments={side: arguments.args if given["args"][side] is None else given["args"][side] for side in sides},
        losses={side: value for side, value in given["loss"].items() if value},
        optimizers={side: value for side, value in given["optimizer"].items() if value},
        direction=choose(arguments.direction, DIRECTIONS, "direction"),
        layer_map=mapped | parse_map(arguments.map),
        devices=devices,
        weights=arguments.weights,
    )
    folder = make_folder(arguments.report) if arguments.report else None
    with TracingProgress() as progress:
        comparison = align_pair(pair, True, progress.show)
    return show(comparison, folder, arguments)
