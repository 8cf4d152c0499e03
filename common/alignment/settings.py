"""A layer's settings as data, in one vocabulary: what either framework calls by another name or counts otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .kinds import Kind, layer_kind

PAD_MODES = ("Constant", "Zero", "Reflection", "Replication", "Circular")
_MODE_OF = {"Constant": "constant", "Zero": "constant", "Reflection": "reflect", "Replication": "replicate",
            "Circular": "circular"}  # fmt: skip
# What functions call a setting of a layer.
_ARGUMENTS = {
    "dim": "axis", "start_axis": "start_dim", "stop_axis": "end_dim", "epsilon": "eps", "perm": "dims",
    "exclusive": "count_include_pad", "rho": "alpha", "keepdims": "keepdim",
}  # fmt: skip


def layer_settings(framework: str, kind: Kind, class_name: str, layer: Any) -> dict[str, Any]:
    """The settings of a layer that decide what it computes, under PyTorch's names and in its conventions."""
    place = 0 if framework == "torch" else 1
    found = {}
    for name, attributes in kind.settings.items():
        if attributes[place] and hasattr(layer, attributes[place]):
            found[name] = _plain(getattr(layer, attributes[place]))
    if framework == "paddle":
        found = _from_paddle(kind.name, found)
        activation = getattr(layer, "_act", None)  # the older BatchNorm ends with an activation
        if kind.name == "batch_norm" and isinstance(activation, str):
            found["activation"] = activation
    if kind.name == "pad" and framework == "torch":
        found["mode"] = next((_MODE_OF[mode] for mode in PAD_MODES if class_name.startswith(mode)), "constant")
        found.setdefault("value", 0.0)
    if kind.name == "dropout":
        found.setdefault("mode", "upscale_in_train")
    return found


def layer_record(framework: str, library: tuple[str, ...], path: str, layer: Any, weights: dict[str, dict]) -> dict:
    """What is known of one layer, as data: where it is, what it is, what it holds.

    Args:
        library: beginnings of the names of the framework's own modules.
    """
    name = type(layer).__name__
    classes = [one.__name__ for one in type(layer).__mro__ if one.__module__.startswith(library)]
    kind = layer_kind(framework, tuple(classes))
    forward = getattr(type(layer).forward, "__module__", None) or ""
    return {
        "path": path, "class": name, "classes": classes, "library": forward.startswith(library),
        "children": sum(1 for _ in layer.children()), "weights": weights,
        "settings": layer_settings(framework, kind, name, layer) if kind else {},
    }  # fmt: skip


def _from_paddle(kind: str, found: dict[str, Any]) -> dict[str, Any]:
    if isinstance(found.get("momentum"), (int, float)):
        found["momentum"] = round(1 - found["momentum"], 12)
    if "count_include_pad" in found:
        found["count_include_pad"] = not found["count_include_pad"]
    if "batch_first" in found:
        found["batch_first"] = not found["batch_first"]
        found["bidirectional"] = found.get("bidirectional") == 2
    if kind == "rnn" and isinstance(found.get("nonlinearity"), str):
        found["nonlinearity"] = found["nonlinearity"].removeprefix("RNN_").lower()
    if kind == "gelu":
        found["approximate"] = "tanh" if found.get("approximate") in (True, "tanh") else "none"
    return found


def function_settings(framework: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a function under the names that settings have."""
    found = {_ARGUMENTS.get(name, name): value for name, value in arguments.items() if name not in ("name", "inplace")}
    if framework == "paddle" and "exclusive" in arguments:
        found["count_include_pad"] = not arguments["exclusive"]
    if framework == "paddle" and isinstance(found.get("momentum"), float):
        found["momentum"] = round(1 - found["momentum"], 12)
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    return value.item() if hasattr(value, "item") and getattr(value, "size", 2) == 1 else str(value)
