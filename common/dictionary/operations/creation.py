"""Entries of what makes arrays from shapes and numbers, and truth values and labels of indices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..entry import Contrast, Entry, argument, entry
from ..proof import Proof, index, real

SHAPE, DTYPE = argument("shape", torch="size"), argument("dtype", None)
X = real(3, 4)


def _made(kind: str, arguments, formula: Callable, *calls: dict, **more) -> Entry:
    """What is made of numbers alone: no inputs, no gradients."""
    proofs = tuple(Proof(arguments=call, gradients=False) for call in calls)
    return entry(kind, kind, kind, arguments, given="all", formula=formula, exact=True, proof=proofs, **more)


def _like(kind: str, arguments, formula: Callable, call: dict, **more) -> Entry:
    proofs = (Proof((X,), call, gradients=False), Proof((X,), call | {"dtype": "float32"}, gradients=False))
    return entry(kind, kind, kind, (*arguments, DTYPE), formula=formula, exact=True, proof=proofs, **more)


def _arange(start=0, end=None, step=1, dtype=None):
    return np.arange(start, end, step) if end is not None else np.arange(start)


def _full(shape, fill_value, dtype=None):
    return np.full(shape, fill_value)


def _linspace(start, end, steps: int, dtype=None):
    return np.linspace(start, end, steps)


def _one_hot(x, num_classes: int = -1):
    return np.eye(int(x.max()) + 1 if num_classes < 0 else num_classes)[x]


SPACED = (argument("start"), argument("end", paddle="stop"), argument("steps", paddle="num"))


ENTRIES: tuple[Entry, ...] = (
    _made("zeros", (SHAPE, DTYPE), lambda shape, dtype=None: np.zeros(shape), {"shape": [3, 4]},
          {"shape": [3], "dtype": "int64"}),
    _made("ones", (SHAPE, DTYPE), lambda shape, dtype=None: np.ones(shape), {"shape": [3, 4]},
          {"shape": [3], "dtype": "bool"}),
    _made("full", (SHAPE, argument("fill_value"), DTYPE), _full, {"shape": [3, 4], "fill_value": 0.5},
          {"shape": [2], "fill_value": 7, "dtype": "int64"},
          differs=(Contrast("of a whole number", "whole numbers", "floating-point numbers"),)),
    _like("zeros_like", (), lambda x, dtype=None: np.zeros_like(x), {}),
    _like("ones_like", (), lambda x, dtype=None: np.ones_like(x), {}),
    _like("full_like", (argument("fill_value"),), lambda x, fill_value, dtype=None: np.full_like(x, fill_value),
          {"fill_value": 0.5}),
    _made("arange", (argument("start", 0), argument("end", paddle_default=None), argument("step", 1), DTYPE), _arange,
          {"end": 5, "start": 0}, {"start": 1.0, "end": 2.0, "step": 0.25}, {"start": 7, "end": 1, "step": -2}),
    _made("linspace", (*SPACED, DTYPE), _linspace,
          {"start": 0, "end": 10, "steps": 4}, {"start": 1.0, "end": -0.5, "steps": 7}),
    _made("logspace", (*SPACED, argument("base", 10.0)),
          lambda start, end, steps, base=10.0: np.logspace(start, end, steps, base=base),
          {"start": 0.0, "end": 2.0, "steps": 4}, {"start": 0.0, "end": 2.0, "steps": 5, "base": 2.0}),
    _made("eye", (argument("n", paddle="num_rows"), argument("m", None, paddle="num_columns"), DTYPE),
          lambda n, m=None: np.eye(n, m), {"n": 3}, {"n": 3, "m": 5}),
    _made("tril_indices", (argument("row"), argument("col"), argument("offset", 0)),
          lambda row, col, offset=0: np.stack(np.tril_indices(row, offset, col)),
          {"row": 3, "col": 4}, {"row": 3, "col": 4, "offset": -1}),
    _made("triu_indices", (argument("row"), argument("col", paddle_default=None), argument("offset", 0)),
          lambda row, col, offset=0: np.stack(np.triu_indices(row, offset, col)),
          {"row": 3, "col": 4}, {"row": 3, "col": 4, "offset": 1}),
    entry("one_hot", "F.one_hot", "F.one_hot", (argument("num_classes", -1),), formula=_one_hot, exact=True,
          differs=(Contrast("type", "whole numbers", "float32"),),
          proof=(Proof((index(5, 3, 4),), {"num_classes": 6}, gradients=False, same_type=False),
                 Proof((index(5, 9),), gradients=False, same_type=False))),
)  # fmt: skip
