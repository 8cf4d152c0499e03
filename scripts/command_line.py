"""The `dualport` command: finds the sub-command, imports it alone, and turns errors into one sentence.

Each command is a module of this folder with `configure(parser)`, which adds its arguments, and `run(arguments)`,
which does the work and may return an exit code. Neither NumPy nor a framework is imported before `run`.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from types import ModuleType
from typing import NoReturn

from dualport.common.errors import BadInput, DualportError, choose

# command -> (module, what it does)
COMMANDS = {
    "recipes": ("recipes", "list the published systems, or show one in full"),
    "data": ("data", "fetch, check and export training data"),
    "train": ("train", "train a recipe in PyTorch or in Paddle"),
    "figures": ("figures", "draw every figure of the write-up from a run's weights"),
    "evaluate": ("evaluate", "held-out numbers of a run: ELBO terms, likelihood, active units, class fidelity"),
    "reproduce": ("reproduce", "train and draw in both frameworks, check that they agree, write one report"),
    "validate": ("validate", "climb the ladder: prove that both frameworks are one system"),
    "align": ("align", "prove any Paddle model and any PyTorch model equal, or show where they part and why"),
    "trace": ("trace_model", "run any model of one framework and write all that it computes into one file"),
    "diff": ("diff", "hold two traces against each other; needs neither framework"),
    "lookup": ("lookup", "what both frameworks call a layer, function or optimizer, and where they differ"),
    "convert": ("convert", "weights and optimiser state between the frameworks; needs neither of them"),
    "map": ("map_models", "write down which weight of a Paddle model is which of a PyTorch model, to read and correct"),
    "inspect": ("inspect_file", "say what a weight file holds, without running anything in it"),
}

EXAMPLES = """examples:
  dualport reproduce                                   both frameworks, embedded digits, one report
  dualport train aistudio-vae --backend torch --data mnist --epochs 3 --out runs/A
  dualport figures runs/A
  dualport lookup paddle.nn.Conv2DTranspose            one thing in both frameworks: signatures, weights, differences
  dualport COMMAND --help                              every option of a command, with examples

exit codes: 0 done, 1 a comparison failed, 2 bad input, 3 the environment failed, 4 training diverged, 130 interrupted
"""


LONGEST = 300  # characters of a foreign error's message


class Parser(argparse.ArgumentParser):
    """An argument parser whose refusals are one sentence, like every other error of the kit."""

    def error(self, message: str) -> NoReturn:
        raise BadInput(f"{message}; see `{self.prog} --help`")


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code. Errors go to stderr as one sentence; `--debug` shows where."""
    argv = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in argv
    try:
        return _dispatch([word for word in argv if word != "--debug"]) or 0
    except DualportError as error:
        if debug:
            raise
        print(f"dualport: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as stop:
        print("dualport: interrupted", file=sys.stderr)
        return 128 + (stop.args[0] if stop.args else signal.SIGINT)
    except BrokenPipeError:  # the reader of our output has gone, as in `dualport … | head`
        sys.stdout = None
        return 0
    except MemoryError:
        if debug:
            raise
        print("dualport: out of memory; use a smaller --batch-size or less data", file=sys.stderr)
        return 3
    except Exception as error:
        # What no check foresaw: a framework's own failure, or a bug. Exit code 1 would read as a failed comparison.
        if debug:
            raise
        reason = " ".join(str(error).split())[:LONGEST]
        print(f"dualport: {type(error).__name__}: {reason}; run it again with --debug to see where", file=sys.stderr)
        return 3


def _terminate(number: int, _frame: object) -> NoReturn:
    """SIGTERM unwinds like Ctrl-C, so that nothing partial stays, and says which signal it was."""
    raise KeyboardInterrupt(number)


def _dispatch(argv: list[str]) -> int | None:
    signal.signal(signal.SIGTERM, _terminate)
    if not argv or argv[0] in ("-h", "--help"):
        print(_overview())
        return 0
    if argv[0] == "--version":
        from importlib.metadata import version

        print(f"dualport {version('dualport')}")
        return 0
    module_name, summary = COMMANDS[choose(argv[0], COMMANDS, "command")]
    module = importlib.import_module(f"dualport.scripts.{module_name}")
    parser = command_parser(argv[0], module, summary)
    return module.run(parser.parse_args(argv[1:]))


def command_parser(name: str, module: ModuleType, summary: str) -> Parser:
    """The parser of one command; the module's own docstring holds its examples."""
    parser = Parser(
        prog=f"dualport {name}",
        description=summary[0].upper() + summary[1:] + ".",
        epilog=getattr(module, "EXAMPLES", None),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    module.configure(parser)
    return parser


def _overview() -> str:
    lines = [
        "usage: dualport COMMAND …",
        "",
        "Port models between PaddlePaddle and PyTorch, with the proof.",
        "",
        "commands:",
    ]
    lines += [f"  {name:<10} {summary}" for name, (_, summary) in COMMANDS.items()]
    return "\n".join(lines) + "\n\n" + EXAMPLES
