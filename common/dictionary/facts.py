"""An entry as plain data: what it is called, how it is called, its weights, its formula in words, its proof."""

from __future__ import annotations

import ast
import functools
import inspect
from math import isfinite
from pathlib import Path
from typing import Any

from ..tolerances import bound
from . import index
from .entry import REQUIRED, Argument, Entry, Weight
from .proof import Proof
from .search import FAMILY_OF, FRAMEWORKS

MOST_STEPS = 3  # assignments that a formula may begin with, to be shown as it is
FLAGS = {
    "moves": "only moves or copies values",
    "exact": "rounds nothing",
    "ordered": "the order of its inputs matters",
}


def facts(entry: Entry) -> dict[str, Any]:
    """Everything that is known of an entry, as plain data for JSON."""
    return {
        "kind": entry.kind,
        "family": FAMILY_OF[id(entry)],
        **{framework: _names(entry, framework) for framework in FRAMEWORKS},
        "arguments": [_argument(argument) for argument in entry.arguments],
        "weights": [_weight(entry, weight) for weight in entry.weights],
        "formula": _formula(entry),
        "differs": [{"what": contrast.what, "torch": contrast.torch, "paddle": contrast.paddle, "why": contrast.why,
                     "measured_on": contrast.measured_on} for contrast in entry.differs],
        "float32_in_paddle": dict(entry.float32),
        "kink": entry.kink,
        "draws": entry.draws,
        "inner_layers": entry.inner_layers,
        **{flag: getattr(entry, flag) for flag in FLAGS},
        "proof": [_proof(entry, proof) for proof in entry.proof],
        "source": entry.source,
    }  # fmt: skip


def _names(entry: Entry, framework: str) -> dict[str, Any]:
    names = entry.names(framework)
    taken = [argument for argument in entry.arguments if getattr(argument, framework)]
    if framework == "paddle" and entry.paddle_order:
        taken.sort(key=lambda argument: _place(argument, entry.paddle_order))
    return {"classes": list(names.classes), "functions": list(names.functions), "methods": list(names.methods),
            "arguments": [with_default(argument, framework) for argument in taken]}  # fmt: skip


def _place(argument: Argument, order: tuple[str, ...]) -> int:
    names = (argument.name, *argument.paddle)
    return next((place for place, name in enumerate(order) if name in names), len(order))


def with_default(argument: Argument, framework: str) -> str:
    """`eps=1e-05`, as a framework calls it; the name alone where it must be given."""
    name = getattr(argument, framework)[0]
    default = argument.default_torch if framework == "torch" else argument.default_paddle
    return name if default == REQUIRED else f"{name}={shown(default)}"


def shown(value: Any) -> str:
    return f"{value:.9g}" if isinstance(value, float) else getattr(value, "__name__", None) or repr(value)


def _plain(value: Any) -> Any:
    """A value that JSON can hold."""
    if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and isfinite(value)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(element) for element in value]
    return shown(value)


def _argument(argument: Argument) -> dict[str, Any]:
    sides = {
        "torch": (argument.torch, argument.default_torch, argument.attributes[0]),
        "paddle": (argument.paddle, argument.default_paddle, argument.attributes[1]),
    }
    return {
        "name": argument.name,
        **{framework: {"names": list(names), "required": default == REQUIRED,
                       "default": None if default == REQUIRED else _plain(default), "attribute": attribute}
           for framework, (names, default, attribute) in sides.items()},
        "paddle_takes": argument.turned.words if argument.turned else "the same value",
        "decides_the_output": argument.decides,
    }  # fmt: skip


def _weight(entry: Entry, weight: Weight) -> dict[str, Any]:
    return {"name": weight.name, "torch": weight.torch, "paddle": weight.paddle, "transposed": weight.transposed,
            "part": list(weight.part) if weight.part else None, "trained": weight.trained,
            "initial": dict(zip(FRAMEWORKS, entry.initial.get(weight.name, ("", "")), strict=True))}  # fmt: skip


def _proof(entry: Entry, proof: Proof) -> dict[str, Any]:
    """What a proof calls, and how closely its results agree."""
    layer = proof.layer or entry not in index.OPERATIONS
    called = {}
    for place, framework in enumerate(FRAMEWORKS):
        if framework == proof.without:
            continue
        names = entry.names(framework)
        methods = tuple(f"Tensor.{method}" for method in names.methods)
        order = (*names.classes, *names.functions) if layer else (*names.functions, *methods)
        called[framework] = proof.names[place] or next(iter(order), "")
    within = _bounds(entry, proof)
    modes = ["training"] if proof.distribution else list(proof.modes)
    return {
        "called": called, "layer": proof.layer, "modes": modes if proof.layer else [],
        "inputs": [{"shape": list(array.shape), "kind": array.kind, "name": array.name} for array in proof.inputs],
        "arguments": {name: _plain(value) for name, value in proof.arguments.items()},
        "shape": list(proof.shape), "steps": proof.steps if entry in (*index.OPTIMIZERS, *index.SCHEDULES) else None,
        "dtype": "float64", "within": within, "unit": "standard errors" if proof.distribution else "relative error",
    }  # fmt: skip


def _bounds(entry: Entry, proof: Proof) -> dict[str, float]:
    """What the proof compares, and the largest error that it allows."""
    if proof.distribution:
        shown = ("values",) if entry in index.OPERATIONS else ("values", "formula")
        return dict.fromkeys(shown, bound("sampled means, in standard errors"))
    if proof.without:
        return {"formula": bound(proof.bound)}
    # A constant of its own in Paddle: each is held against its own formula, and the two more loosely against another.
    constants = any(value is not None for value in entry.float32.values())
    loosely = bound("diagnosis reproduces it")
    within = {} if entry.in_paddle else {"values": loosely if constants else bound(proof.bound)}
    if entry in index.OPERATIONS and proof.gradients:
        within["gradients"] = loosely if constants else bound(proof.gradient_bound)
    if entry.formula is not None and proof.formula:
        within["formula"] = bound(proof.bound)
    return within


def _formula(entry: Entry) -> str | None:
    """The formula as its one expression, or in the words of its docstring, or where it is; None if there is none."""
    formula = entry.formula
    while isinstance(formula, functools.partial):
        formula = next(filter(callable, formula.args), formula.func)
    if formula is None:
        return None
    if not inspect.isfunction(formula):
        return f"numpy.{formula.__name__}"
    if formula.__doc__:
        return formula.__doc__.strip().splitlines()[0]
    file = formula.__code__.co_filename
    texts = {
        _expression(function) for function in _functions(file) if function.lineno == formula.__code__.co_firstlineno
    }
    there = f"{formula.__name__} in common/dictionary/{Path(file).relative_to(Path(__file__).parent).as_posix()}"
    return texts.pop() or there if len(texts) == 1 else there


@functools.cache
def _functions(file: str) -> list[ast.Lambda | ast.FunctionDef]:
    tree = ast.parse(Path(file).read_text("utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, (ast.Lambda, ast.FunctionDef))]


def _expression(node: ast.Lambda | ast.FunctionDef) -> str:
    """What a function computes, if it takes a few plain steps; else nothing."""
    if isinstance(node, ast.Lambda):
        return ast.unparse(node.body)
    *steps, last = node.body
    if (
        len(steps) > MOST_STEPS
        or not isinstance(last, ast.Return)
        or last.value is None
        or not all(isinstance(statement, ast.Assign) for statement in steps)
    ):
        return ""
    return "; ".join(map(ast.unparse, (*steps, last.value)))
