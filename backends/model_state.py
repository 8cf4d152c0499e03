"""What a model is made of and the weights that it holds, read and written alike in both frameworks.

A framework's tensors, by the names and in the layout of its own state dict, become arrays by canonical name, in
PyTorch's layout, through the views of `common.weights.rules`.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..common.arrays import Arrays
from ..common.dictionary.index import MOMENTS, optimizer_entry
from ..common.dictionary.operations.normalization import COUNTER
from ..common.dictionary.settings import layer_record
from ..common.errors import BadInput
from ..common.weights.rules import View, joined, to_canonical, to_framework, weight_views
from .contract import Framework, Model, Optimizer, Tensor

Views = Mapping[str, View]


def structure(backend: Framework, model: Model) -> list[dict]:
    """What the model is made of, layer by layer, as data; see `weight_views`."""
    persistent, records = set(backend.weights.tensors(model)), []
    for path, module in backend.calls.named_modules(model):
        weights = {
            name: {
                "shape": list(tensor.shape),
                "trained": name in module._parameters and backend.tensors.has_gradient(tensor),
                "identity": id(tensor),
                **({"buffer": True} if name in module._buffers else {}),
            }
            for name, tensor in [*module._parameters.items(), *module._buffers.items()]
            if tensor is not None and joined(path, name) in persistent
        }
        classes = [base.__name__ for base in type(module).__mro__ if backend.calls.is_library(base)]
        records.append(layer_record(backend.calls.NAME, path, module, classes, _runs_library(backend, module), weights))
    return records


def _runs_library(backend: Framework, module: Model) -> bool:
    """Whether calling a module runs the library's code alone, with no method of a user's class or of its own."""
    is_library, cls = backend.calls.is_library, type(module)
    library = next(base for base in cls.__mro__ if is_library(base))
    if library is backend.MODEL or not _in_library(backend, inspect.getattr_static(cls, "forward")):
        return False
    derived = itertools.takewhile(lambda base: base is not library, cls.__mro__)
    others = [
        name
        for base in derived
        for name, value in vars(base).items()
        if (isinstance(value, property) or callable(getattr(library, name, None)))
        and not _in_library(backend, getattr(value, "fget", value))
    ]
    others += [name for name in vars(module) if callable(getattr(cls, name, None))]
    return not any(_computes(backend, name) for name in others)


def _in_library(backend: Framework, function: Any) -> bool:
    return (getattr(function, "__module__", None) or "").startswith(f"{backend.calls.NAME}.nn.")


def _computes(backend: Framework, name: str) -> bool:
    """Whether a method of that name can have part in what a layer makes; all layers have those that cannot."""
    if name in ("forward", "__call__", "__getattr__", "__getattribute__"):
        return True
    return name != "reset_parameters" and not name.startswith("__") and not hasattr(backend.MODEL, name)


def views_of(backend: Framework, model: Model) -> dict[str, View]:
    """Canonical name → which part of which tensor it is."""
    return weight_views(backend.calls.NAME, structure(backend, model))


def stored_arrays(backend: Framework, model: Model, views: Views, copy: bool = True) -> Arrays:
    """The tensors that the views are of, by state-dict name; without a copy, good until the model changes."""
    read = backend.tensors.to_array if copy else backend.tensors.to_numpy
    wanted = {view.stored_name for view in views.values()}
    return {name: read(tensor) for name, tensor in backend.weights.tensors(model).items() if name in wanted}


def weight_arrays(backend: Framework, model: Model, views: Views) -> Arrays:
    """Parameters, buffers and batch counters of a recipe's model by canonical name, copied."""
    arrays = to_canonical(views, stored_arrays(backend, model, views))
    return arrays | {name: np.array(layer.batches) for name, layer in _counting(backend, model).items()}


def load_arrays(backend: Framework, model: Model, views: Views, arrays: Mapping[str, np.ndarray]) -> None:
    """Copy canonical arrays into a recipe's model.

    Raises:
        BadInput: missing, unexpected or misshapen names; all are listed and nothing is loaded.
    """
    counters = _counting(backend, model)
    shapes = {name: view.shape for name, view in views.items()} | dict.fromkeys(counters, ())
    wrong = [f"{name} missing" for name in shapes if name not in arrays]
    wrong += [f"{name} unexpected" for name in arrays if name not in shapes]
    wrong += [
        f"{name} is {tuple(arrays[name].shape)}, not {shape}"
        for name, shape in shapes.items()
        if name in arrays and tuple(arrays[name].shape) != shape
    ]
    if wrong:
        raise BadInput(f"the weights do not fit the model: {'; '.join(wrong)}")
    stored = stored_arrays(backend, model, views)
    to_framework(views, {name: arrays[name] for name in views}, stored)
    backend.weights.assign(model, stored)
    for name, layer in counters.items():
        layer.batches = int(arrays[name])


def _counting(backend: Framework, model: Model) -> dict[str, Model]:
    """Canonical name of a batch counter → the layer that counts, where the state dict has no place for it: Paddle's."""
    layers = backend.calls.named_modules(model)
    return {joined(path, COUNTER): layer for path, layer in layers if hasattr(layer, "batches")}


def trained_tensors(backend: Framework, model: Model, views: Views) -> dict[str, Tensor]:
    """The live parameters of a recipe's model that are trained, by canonical name."""
    live = backend.weights.tensors(model)
    return {name: live[view.stored_name] for name, view in views.items() if view.trained}


def gradients(backend: Framework, model: Model) -> Arrays:
    """The gradients that arrived, by state-dict name; not copied where the framework need not."""
    live = backend.weights.tensors(model)
    return {
        name: backend.tensors.to_numpy(tensor.grad)
        for name, tensor in live.items()
        if getattr(tensor, "grad", None) is not None
    }


def moments(backend: Framework, optimizer: Optimizer, parameters: Mapping[str, Tensor]) -> dict[str, Arrays]:
    """What an optimizer keeps, laid out as the parameters: `first`, `second`, `velocity` or `square` → name → array."""
    by_moment: dict[str, Arrays] = {}
    framework = backend.calls.NAME
    entry = optimizer_entry(framework, [base.__name__ for base in type(optimizer).__mro__])
    of_kind = {getattr(kept, framework): moment for moment, kept in entry.state.items()} if entry else {}
    with backend.calls.quiet():
        for name, parameter in parameters.items():
            for key, moment in (of_kind or MOMENTS[framework]).items():
                kept = backend.optimizers.kept(optimizer, key, parameter)
                if kept is not None and backend.tensors.is_tensor(kept) and kept.shape == parameter.shape:
                    by_moment.setdefault(moment, {})[name] = backend.tensors.to_numpy(kept)
    return by_moment


def set_training(model: Model, training: bool) -> None:
    """Bring a model to training or to evaluation mode."""
    (model.train if training else model.eval)()
