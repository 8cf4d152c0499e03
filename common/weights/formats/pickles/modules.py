"""Whole modules, saved as objects: their state dict, read off what the file gives the objects, none of them made."""

from __future__ import annotations

from typing import Any

from ..bounded_bytes import DO_NOT_LOAD, Malformed, quoted
from ..stored import is_array
from .values import StandIn

SCRIPTED = "__torch__."  # how a class is named in a TorchScript archive
MAX_DEPTH = 64
MAX_NAMES = 10_000_000  # characters of all names together
ENTRY = 32  # characters that one entry of a module counts as
STATE_DICT = "save the model's state_dict() with torch.save, to a new file"
_PARTS = ("_parameters", "_buffers", "_modules")


class Module(dict):
    """A module as its state dict; `kinds`: path of each layer → its class, "" being the path of the whole; `left_out`:
    its tensors that are neither parameters nor buffers."""

    def __init__(self, node: StandIn) -> None:
        super().__init__()
        self.kinds: dict[str, str] = {}
        self.left_out: list[str] = []
        self.length = 0
        self._collect(node, "", [])

    def _collect(self, node: StandIn, prefix: str, above: list[int]) -> None:
        """Tensors in the order of `Module.state_dict`: a module's own, then those of the modules in it."""
        if id(node) in above or len(above) >= MAX_DEPTH:
            raise Malformed("it holds a module that contains itself, or too many in one another", DO_NOT_LOAD)
        self.kinds[prefix[:-1]] = class_of(node)
        tensors, modules, looked_at = parts_of(node)
        self._spend((2 + looked_at) * ENTRY + len(prefix))
        if node.weights is not None:
            known = {name for name, _ in tensors}
            self.left_out += [
                f"{prefix}{key}" for key, value in node.state.items() if is_array(value) and key not in known
            ]
        for name, value in tensors:
            if f"{prefix}{name}" in self:
                raise Malformed("two tensors of a module in it have the same name")
            self[f"{prefix}{name}"] = value
            self._spend(len(prefix) + len(name))
        for name, child in modules:
            if type(child) is not StandIn or not is_module(child):
                raise Malformed(f"its module {quoted(prefix + name)} is kept in a way of its own", STATE_DICT)
            self._collect(child, f"{prefix}{name}.", [*above, id(node)])

    def _spend(self, work: int) -> None:
        """Modules that occur in many places are gone through, and have names, once for each."""
        self.length += work
        if self.length > MAX_NAMES:
            raise Malformed("the modules in it have too many names", DO_NOT_LOAD)


def is_module(node: StandIn) -> bool:
    state = node.state
    if type(state) is not dict:
        return False
    return scripted(node) or all(isinstance(state.get(part), dict) for part in _PARTS)


def scripted(node: StandIn) -> bool:
    return node.label.startswith(SCRIPTED)


def class_of(node: StandIn) -> str:
    """The class's name with its module, without what TorchScript puts around it."""
    parts = node.label.removeprefix(SCRIPTED).split(".")
    return ".".join(part for part in parts if not part.startswith("___torch_mangle_"))


def parts_of(node: StandIn) -> tuple[list[tuple[str, Any]], list[tuple[str, Any]], int]:
    """A module's own tensors by name, what is right in it, and how many entries were looked at."""
    state = node.state
    if node.label.startswith(SCRIPTED):
        named = [(str(name), value) for name, value in state.items()]
        modules = [(name, value) for name, value in named if type(value) is StandIn and scripted(value)]
        tensors = {name: value for name, value in named if is_array(value)}
        wanted = tensors if node.weights is None else [name for name in node.weights if name in tensors]
        return [(name, tensors[name]) for name in wanted], modules, len(named) + len(wanted)
    temporary = state.get("_non_persistent_buffers_set")
    temporary = temporary if isinstance(temporary, list) else []
    left_out = {name for name in temporary if type(name) is str}
    own = [*state["_parameters"].items(), *state["_buffers"].items()]
    tensors = [(str(name), value) for name, value in own if is_array(value) and name not in left_out]
    modules = [(str(name), child) for name, child in state["_modules"].items() if child is not None]
    return tensors, modules, len(own) + len(modules) + len(temporary)
