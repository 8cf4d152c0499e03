"""The options that `trace`, `align` and `convert` share: how a user's own model is made and what it is run on."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dualport.common.traces.plan import Plan

INPUT = (
    "NAME=SHAPE[:TYPE[:LOW..HIGH]], such as 4,3,32,32 or tokens=2,16:int64:0..999, or a .npz file; repeat it for "
    "several arguments"
)


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """What a model is run on and how."""
    parser.add_argument("--input", action="append", default=[], metavar="WHAT", help=INPUT)
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of inputs, masks and fresh weights (default: 1)"
    )
    parser.add_argument(
        "--dtype", action="append", default=[], metavar="TYPE",
        help="float64, float32, float16 or bfloat16; several with commas (default: float64,float32)",
    )  # fmt: skip
    parser.add_argument(
        "--mode", default="both", metavar="MODE",
        help="train, eval or both (default): both trains and adds a forward pass in evaluation; dropout masks and "
        "random numbers come from the seed, the same in both frameworks",
    )  # fmt: skip
    parser.add_argument("--steps", type=int, default=0, metavar="N", help="optimiser steps to take (default: 0)")
    parser.add_argument(
        "--optimizer", default="adam", metavar="WHAT",
        help="adam, adamw, sgd, momentum or rmsprop with its numbers, such as adam:lr=1e-3,beta1=0.5 (default: adam)",
    )  # fmt: skip
    where = "cpu (default) or cuda; for align also one for each: torch=cuda,paddle=cpu"
    parser.add_argument("--device", default="cpu", metavar="WHERE", help=where)


def plan_of(
    arguments: argparse.Namespace, loss: str | Callable | None = None, optimizer: str | Callable | None = None
) -> Plan:
    """The plan that the options say.

    Raises:
        BadInput: an option is not what it can be.
    """
    import os

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread for each framework: they run side by side

    from dualport.common.errors import BadInput, choose
    from dualport.common.traces.inputs import parse_inputs
    from dualport.common.traces.optimizer import parse_optimizer
    from dualport.common.traces.plan import MODES, PRECISIONS, Plan, check_dtypes

    mode = choose(arguments.mode, ("both", *MODES), "mode")
    if not 0 <= arguments.steps <= 1000:
        raise BadInput(f"--steps {arguments.steps}: give a number from 0 to 1000")
    dtypes = [name.strip() for text in arguments.dtype for name in text.split(",")] or list(PRECISIONS)
    return Plan(
        inputs=parse_inputs(arguments.input),
        seed=arguments.seed,
        dtypes=check_dtypes(dtypes),
        modes=MODES if mode == "both" else (mode,),
        steps=arguments.steps,
        optimizer=optimizer or parse_optimizer(arguments.optimizer),
        loss=loss,
        device=choose(arguments.device, ("cpu", "cuda"), "device"),
    )
