"""Faults for real PyTorch models: in a layer's settings or in what it computes, in its gradient, and in source code.

A fault of the code is one change of one expression of the package's own source, compiled in its place: an operation
left out, a sign, a number, an order, two values exchanged, an argument left out.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as tf

PACKAGES = ("torchvision", "timm", "transformers", "lpips")
ACTIVATIONS = nn.ReLU, nn.ReLU6, nn.Hardswish, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Hardsigmoid, nn.Tanh
NORMS = nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm
OTHER = {nn.ReLU: nn.ReLU6(), nn.ReLU6: nn.ReLU(), nn.Hardswish: nn.SiLU(), nn.GELU: nn.SiLU(), nn.SiLU: nn.GELU(),
         nn.Sigmoid: nn.Hardsigmoid(), nn.Hardsigmoid: nn.Sigmoid(), nn.Tanh: nn.Softsign()}  # fmt: skip


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        kind: what sort of fault. path: of the module; of the code, empty. line: of the code, as a trace has it.
        moved: it changes which value goes where, so that it shows at what is given these.
        backward: it changes gradients alone. plant: a context, within which it is there.
    """

    kind: str
    path: str
    plant: Callable[[], contextlib.AbstractContextManager]
    line: str = ""
    what: str = ""
    moved: bool = False
    backward: bool = False


def faults_of(model: nn.Module, run: Callable[[], Any]) -> list[Fault]:
    """Every fault that fits a module of the model, or the code that runs."""
    layers = [fault for path, module in model.named_modules() for fault in _of_module(path, module)]
    return [*layers, *(fault for code in _codes(run) for fault in _of_code(code))]


# of a layer


def _of_module(path: str, module: nn.Module) -> Iterator[Fault]:
    def setting(kind: str, name: str, value: Any) -> Fault:
        return Fault(kind, path, partial(_attribute, module, name, value), what=f"{name}={value}")

    def computing(kind: str, change: Callable, backward: bool = False) -> Fault:
        return Fault(kind, path, partial(_forward, module, change), backward=backward)

    def instead(kind: str, change: Callable) -> Fault:  # what the layer computes is never there, not even unused
        return Fault(kind, path, partial(_forward, module, change, instead=True))

    if isinstance(module, NORMS):
        yield setting("eps", "eps", 1e-2)
        yield setting("small eps", "eps", module.eps * 1.1)
    if isinstance(module, ACTIVATIONS):
        yield instead("activation left out", lambda x: x)
        yield instead("another activation", OTHER[type(module)])
        yield instead("leaky", lambda x: tf.leaky_relu(x, 0.01))
    if isinstance(module, nn.GELU):
        yield setting("form of gelu", "approximate", "tanh" if module.approximate == "none" else "none")
    if isinstance(module, nn.MaxPool2d):
        yield instead("another pool", lambda x: _averaged(module, x))
        yield setting("ceil_mode", "ceil_mode", not module.ceil_mode)
    if isinstance(module, nn.AdaptiveAvgPool2d):
        yield instead("another pool", lambda x: tf.adaptive_max_pool2d(x, module.output_size))
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        yield computing("scaled a little", lambda made, x: made * 1.001)
        yield computing("channels turned", lambda made, x: made.flip(1))
        yield computing("activation added", lambda made, x: tf.relu(made))
    if isinstance(module, nn.Conv2d) and isinstance(module.padding, tuple) and max(module.padding) > 0:
        yield setting("border", "padding_mode", "circular")
        if max(module.stride) == 1 and module.dilation == (1, 1) and module.padding == (2, 2):
            yield setting("dilation", "dilation", (2, 2))
    if isinstance(module, nn.Softmax):
        yield setting("axis of softmax", "dim", 1)
    if isinstance(module, nn.Embedding):
        yield computing("embedding scaled", lambda made, x: made * module.embedding_dim**0.5)
        yield instead("position off by one", lambda x: tf.embedding((x + 1) % len(module.weight), module.weight))
    if isinstance(module, nn.Dropout):
        yield computing("dropout scale", lambda made, x: made * (1 - (module.p or 0.1)))
    if isinstance(module, (nn.Conv2d, nn.Linear, *NORMS, *ACTIVATIONS)):
        yield computing("gradient doubled", lambda made, x: _Doubled.apply(made), backward=True)
        yield computing("detached", lambda made, x: made.detach(), backward=True)


class _Doubled(torch.autograd.Function):
    """An operation of one's own with a wrong backward pass."""

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return 2 * gradient


def _averaged(module: nn.MaxPool2d, x: torch.Tensor) -> torch.Tensor:
    return tf.avg_pool2d(x, module.kernel_size, module.stride, module.padding, module.ceil_mode)


@contextlib.contextmanager
def _attribute(module: nn.Module, name: str, value: Any) -> Iterator[None]:
    held = {name: getattr(module, name)}
    if name == "padding_mode":
        sides = [side for size in reversed(module.padding) for side in (size, size)]
        held["_reversed_padding_repeated_twice"] = module._reversed_padding_repeated_twice
        module._reversed_padding_repeated_twice = sides
    setattr(module, name, value)
    try:
        yield
    finally:
        for key, before in held.items():
            setattr(module, key, before)


@contextlib.contextmanager
def _forward(module: nn.Module, change: Callable, instead: bool = False) -> Iterator[None]:
    plain = module.forward
    if instead:
        module.forward = lambda x, *rest, **named: change(x)
    else:
        module.forward = lambda x, *rest, **named: change(plain(x, *rest, **named), x)
    try:
        yield
    finally:
        del module.forward


# of the code


def _codes(run: Callable[[], Any]) -> list[types.CodeType]:
    """The functions of the packages, and of our own networks, that run."""
    found: dict[types.CodeType, None] = {}

    def seen(frame, event: str, argument: Any) -> None:
        name = frame.f_code.co_filename
        if event == "call" and not frame.f_code.co_name.startswith("<") and _theirs(name):
            found[frame.f_code] = None

    sys.setprofile(seen)
    try:
        run()
    finally:
        sys.setprofile(None)
    return list(found)


def _theirs(filename: str) -> bool:
    return any(f"/site-packages/{name}/" in filename for name in PACKAGES) or filename.endswith("real/networks.py")


def _of_code(code: types.CodeType) -> Iterator[Fault]:
    function = _function(code)
    if function is None:
        return
    source = Path(code.co_filename).read_text(encoding="utf-8")
    for number, (kind, line, _) in enumerate(_changes(_definition(ast.parse(source), code))):
        what = source.splitlines()[line - 1].strip()
        where = f"{Path(code.co_filename).name}:{line}"
        moved = kind in ("exchanged", "order of a list")
        yield Fault(kind, "", partial(_code, function, source, number), where, what, moved)


def _function(code: types.CodeType) -> types.FunctionType | None:
    import gc

    return next((each for each in gc.get_referrers(code) if inspect.isfunction(each)), None)


def _definition(tree: ast.Module, code: types.CodeType) -> ast.FunctionDef:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if first == code.co_firstlineno:
                return node
    raise LookupError(code.co_name)


@contextlib.contextmanager
def _code(function: types.FunctionType, source: str, number: int) -> Iterator[None]:
    """The function with one change in its source."""
    before = function.__code__
    tree = ast.parse(source)
    node = _definition(tree, before)
    list(_changes(node))[number][2]()
    whole = compile(ast.fix_missing_locations(tree), before.co_filename, "exec", dont_inherit=True)
    function.__code__ = next(each for each in _inside(whole) if each.co_name == before.co_name
                             and each.co_firstlineno == before.co_firstlineno)  # fmt: skip
    try:
        yield
    finally:
        function.__code__ = before


def _inside(code: types.CodeType) -> Iterator[types.CodeType]:
    for each in code.co_consts:
        if isinstance(each, types.CodeType):
            yield each
            yield from _inside(each)


def _changes(definition: ast.FunctionDef) -> Iterator[tuple[str, int, Callable[[], None]]]:
    """(kind, line, what changes it) of each fault in a function's body."""
    for statement in definition.body:
        for parent in ast.walk(statement):
            if isinstance(parent, ast.AugAssign) and isinstance(parent.op, ast.Add):
                yield "sign", parent.lineno, partial(setattr, parent, "op", ast.Sub())
            if isinstance(parent, ast.Assign) and isinstance(parent.targets[0], ast.Tuple):
                yield "exchanged", parent.lineno, partial(_turn, parent.targets[0].elts)
            for name, value in ast.iter_fields(parent):
                for at, node in enumerate(value if isinstance(value, list) else [value]):
                    put = partial(value.__setitem__, at) if isinstance(value, list) else partial(setattr, parent, name)
                    yield from _of_node(node, put)


def _turn(elements: list) -> None:
    elements[0], elements[1] = elements[1], elements[0]


def _of_node(node: Any, put: Callable[[ast.AST], None]) -> Iterator[tuple[str, int, Callable[[], None]]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow)):
        yield "operand left out", node.lineno, partial(put, node.left)
        if isinstance(node.op, ast.Add):
            yield "sign", node.lineno, partial(setattr, node, "op", ast.Sub())
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        other = node.value + 1 if isinstance(node.value, int) else node.value * 1.1
        yield "number", node.lineno, partial(put, ast.Constant(other))
    if isinstance(node, (ast.List, ast.Tuple)) and len(node.elts) > 1 and isinstance(node.ctx, ast.Load):
        yield "order of a list", node.lineno, partial(_turn, node.elts)
    if not isinstance(node, ast.Call):
        return
    if isinstance(node.func, ast.Attribute) and _root(node.func) not in ("self", "torch", "F", "nn", "math"):
        yield "call left out", node.lineno, partial(put, node.func.value)
    elif node.args and not isinstance(node.args[0], ast.Starred):
        yield "call left out", node.lineno, partial(put, node.args[0])
    if len(node.args) > 1 and not any(isinstance(each, (ast.Constant, ast.Starred)) for each in node.args[:2]):
        yield "exchanged", node.lineno, partial(_turn, node.args)
    for keyword in node.keywords:
        if keyword.arg:
            yield "argument left out", node.lineno, partial(node.keywords.remove, keyword)


def _root(node: ast.AST) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
