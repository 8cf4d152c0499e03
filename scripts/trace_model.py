"""`dualport trace`: run any model of one framework, and write all that it computes into one file."""

from __future__ import annotations

import argparse

EXAMPLES = """examples:
  dualport trace --torch models_pt.py:Net --input 4,1,28,28 -o t.h5
  dualport trace --paddle models_pd.py:Net --input 4,1,28,28 --weights-from t.h5 -o p.h5
  dualport trace --torch models_pt.py:make --args width=8,layers=2 --input tokens=2,16:int64:0..999 -o t.h5
  dualport trace --paddle paddle.vision.models:resnet18 --input 2,3,64,64 --steps 5 --optimizer adam:lr=1e-3 -o p.h5

One framework is enough. `dualport diff t.h5 p.h5` compares two such files anywhere, without any framework.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    from dualport.scripts.terminal.model_options import add_run_options

    parser.add_argument("--torch", metavar="MODEL", help="file.py:Name or package.module:Name of a torch.nn.Module")
    parser.add_argument("--paddle", metavar="MODEL", help="the same of a paddle.nn.Layer")
    parser.add_argument(
        "--args", default="", metavar="WORDS", help='arguments of it: width=8,classes=10 or {"sizes": [1]}'
    )
    add_run_options(parser)
    parser.add_argument("--loss", metavar="FUNCTION", help="file.py:name of a function of the outputs (default: a "
                        "fixed random projection)")  # fmt: skip
    parser.add_argument("--own-optimizer", metavar="FUNCTION", help="file.py:name of a function of the parameters")
    parser.add_argument("--weights", metavar="FILE", help="start from a weight file of this framework")
    parser.add_argument("--weights-from", metavar="TRACE", help="start from the weights of another trace")
    parser.add_argument("--map", action="append", default=[], metavar="THERE=HERE", help="for layers of --weights-from "
                        "that cannot be told apart: their path in the trace, =, their path here")  # fmt: skip
    parser.add_argument("-o", "--out", required=True, metavar="FILE", help="the .h5 file to write")


def run(arguments: argparse.Namespace) -> int:
    from dualport.common.errors import BadInput
    from dualport.scripts.terminal.model_options import plan_of
    from dualport.scripts.terminal.tracing_progress import TracingProgress

    if bool(arguments.torch) == bool(arguments.paddle):
        raise BadInput("name one model: --torch file.py:Name or --paddle file.py:Name")
    if arguments.map and not arguments.weights_from:
        raise BadInput("--map says which layer of --weights-from is which; there is none")
    plan = plan_of(arguments, arguments.loss, arguments.own_optimizer)
    framework = "torch" if arguments.torch else "paddle"

    from dualport.backends.models.load import plan_for
    from dualport.backends.models.model import UserModel
    from dualport.backends.models.start_weights import load_file, match_with, sketch
    from dualport.backends.models.trace import write_trace
    from dualport.common.atomic import atomic_path
    from dualport.common.compare.matching.layers import parse_map

    with TracingProgress() as progress:
        progress.show(framework, "import")
        reference = arguments.torch or arguments.paddle
        model = UserModel(framework, reference, plan_for([reference], plan), arguments.args)
        if arguments.weights:
            load_file(model, arguments.weights)
        if arguments.weights_from:
            nodes, *_ = sketch(model)
            names = (arguments.weights_from, model.reference)
            match_with(model, nodes, arguments.weights_from, parse_map(arguments.map), names)
        with atomic_path(arguments.out) as temporary:
            write_trace(model, temporary, lambda what: progress.show(framework, what))
    _summary(arguments.out)
    return 0


def _summary(path: str) -> None:
    from pathlib import Path

    from dualport.common.traces.reading import open_trace

    with open_trace(path) as trace:
        run = next(iter(trace.runs.values()))
        modules = sum(call.module for call in run.calls)
        weights = sum(view.trained for view in trace.views.values())
        steps = f", {run.steps} steps" if run.steps else ""
        size = Path(path).stat().st_size / 1e6
        print(
            f"{path}: {trace.head['model']} in {trace.head['framework_version']}, {modules} calls of modules and "
            f"{len(run.calls) - modules} of functions, {weights} weights{steps}; "
            f"{', '.join(trace.head['dtypes'])}; {', '.join(trace.head['modes'])}; {size:,.1f} MB"
        )
