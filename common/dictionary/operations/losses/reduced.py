"""What losses have in common: a number for each example or element, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ...entry import Argument, Entry, argument, entry, setting
from ...proof import Input, Proof, proved, proved_layer

REDUCTION = setting("reduction", "mean", "reduction")
TARGET = argument("target", paddle="label")
WEIGHT = argument("weight", None)


def reduced(each: np.ndarray, reduction: str) -> np.ndarray:
    """The mean ("mean"), the sum ("sum"), the sum over the batch's size ("batchmean"), or all of them ("none").

    Raises:
        KeyError: another reduction.
    """
    return {"none": lambda: each, "mean": each.mean, "sum": each.sum, "batchmean": lambda: each.sum() / len(each)}[
        reduction
    ]()


def loss(
    kind: str, torch: str, paddle: str, each: Callable | None, inputs: Sequence[Input], *arguments: Argument,
    reductions: Sequence[str] = ("mean", "sum", "none"), labelled: bool = True, proof: Sequence[Proof] = (),
    bound: str = "float64 forward", before: int = 0, **more: Any,
) -> Entry:  # fmt: skip
    """A loss, proved as a layer with the first of the reductions and as a function with each other.

    Args:
        each: it before the reduction, from all inputs; None where `formula` has the whole of it.
        labelled: whether it has an argument for its target.
        proof: more proofs.
        bound: row of the table of tolerances for all proofs.
        before: how many of its arguments both frameworks take before the reduction.
    """

    if each is not None:
        more.setdefault("formula", _with_reduction(each))
    proofs = [proved(*inputs, reduction=reduction) for reduction in reductions[1:]]
    proofs = [proved_layer(*inputs, reduction=reductions[0]), *proofs, *proof]
    if bound != "float64 forward":
        proofs = [replace(call, bound=bound) for call in proofs]
    arguments = (*((TARGET,) if labelled else ()), *arguments[:before], REDUCTION, *arguments[before:])
    return entry(kind, torch, paddle, arguments, given="all", proof=proofs, **more)


def _with_reduction(each: Callable) -> Callable:
    def formula(*arrays, reduction: str = "mean", **settings):
        return reduced(each(*arrays, **settings), reduction)

    return formula
