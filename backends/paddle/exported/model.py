"""An exported program as a model: its layers are layers again, and the rest runs operation by operation.

Nothing of the program is run by Paddle's own loader, so it can do nothing but what `operations` knows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import paddle
from paddle import nn

from ....common.errors import BadInput
from ...models.users_lines import at_line
from .layers import Finder, Found
from .operations import OPERATIONS
from .steps import Step


class Exported(nn.Layer):
    """A model that runs an exported program, in evaluation, with gradients.

    Args:
        steps: the operations, in order. inputs, outputs: the values that it is given and that it gives.
        weights: value → array. names: value → the path of its weight in the model that was exported, where it is known.
        axes: value → how many axes it has. file: what is said of where an operation stands.

    Attributes:
        stored_names: value → name in the state dict.

    Raises:
        BadInput: an operation is not known.
    """

    def __init__(
        self, steps: Sequence[Step], inputs: Sequence[str], outputs: Sequence[str], weights: Mapping[str, np.ndarray],
        names: Mapping[str, str], axes: Mapping[str, int], file: str,
    ) -> None:  # fmt: skip
        super().__init__()
        self.file, self.inputs, self.outputs = file, list(inputs), list(outputs)
        self.stored_names: dict[str, str] = {}
        found = self._layers(steps, {name: array.shape for name, array in weights.items()}, axes, names)
        for name, array in weights.items():
            if name not in self.stored_names:
                self._keep(name, array, names)
        state = self.state_dict()
        for name, stored in self.stored_names.items():
            state[stored].set_value(paddle.to_tensor(weights[name]).reshape(state[stored].shape))
        self.plan = self._plan(steps, found)
        asked = {what.kind for what, *_ in self.plan if isinstance(what, Step)}
        if unknown := sorted(asked - OPERATIONS.keys()):
            raise BadInput(f"{file}: the operations {', '.join(unknown)} are not known here, so it cannot be run; "
                           "its weights can be converted all the same")  # fmt: skip
        self.eval()

    def _layers(self, steps, shapes, axes, names) -> dict[int, tuple[str, Found]]:
        """Make the layers; the step each begins at → its path, and what it is."""
        finder, taken, made = Finder(steps, shapes, axes), {}, {}
        for place, step in enumerate(steps):
            found = finder.layer(step)
            if found is None:
                continue
            path = _path(found.weights, names)
            known = taken.get(path)
            if any(value in self.stored_names for value in found.weights.values()) or known is not None:
                continue  # of a layer that is called twice, the second call is written out
            layer = found.make()
            state = layer.state_dict()  # some under two names
            if {state[leaf].name for leaf in found.weights if leaf in state} != {each.name for each in state.values()}:
                continue
            _put(self, path, layer)
            taken[path], made[place] = found, (path, found)
            self.stored_names |= {value: f"{path}.{leaf}" for leaf, value in found.weights.items()}
        return made

    def _keep(self, name: str, array: np.ndarray, names: Mapping[str, str]) -> None:
        """A weight that lies beside all layers."""
        path, _, leaf = names.get(name, name).rpartition(".")
        holder = _holder(self, path)
        tensor = paddle.to_tensor(array)
        if tensor.is_floating_point():
            parameter = holder.create_parameter(
                tensor.shape, dtype=tensor.dtype, default_initializer=nn.initializer.Assign(tensor)
            )
            holder.add_parameter(leaf, parameter)
        else:
            holder.register_buffer(leaf, tensor)
        self.stored_names[name] = f"{path}.{leaf}" if path else leaf

    def _plan(self, steps, found) -> list[tuple]:
        """What is done in turn: the step or layer, what it is given, what it makes, what is not asked for later."""
        inside = {id(step) for _, layer in found.values() for step in layer.steps}
        plan = []
        for place, step in enumerate(steps):
            if place in found:
                path, layer = found[place]
                plan.append(((path, layer), layer.given, layer.made))
            elif id(step) not in inside:
                plan.append((step, step.given, step.made))
        return _with_last_uses(plan, self.outputs)

    def forward(self, *given: Any) -> Any:
        if len(given) != len(self.inputs):
            raise BadInput(f"{self.file}: takes {len(self.inputs)} inputs ({', '.join(self.inputs)}), not {len(given)}")
        values: dict[str, Any] = dict(zip(self.inputs, given, strict=True))
        weights = self.state_dict()
        values |= {name: weights[stored] for name, stored in self.stored_names.items()}
        for what, asked, made, over in self.plan:
            arguments = [_value(values, each) for each in asked]
            if isinstance(what, tuple):
                with at_line(f"{self.file}:{what[1].steps[0].place}"):
                    results = what[1].call(_layer_at(self, what[0]), arguments)
            else:
                results = self._run(what, arguments)
            results = results if isinstance(results, (list, tuple)) and len(made) > 1 else [results]
            values |= dict(zip(made, results, strict=False))
            for name in over:
                values.pop(name, None)
        outputs = [values[name] for name in self.outputs]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)

    def _run(self, step: Step, arguments: list) -> Any:
        with at_line(f"{self.file}:{step.place}"):
            try:
                return OPERATIONS[step.kind](arguments, step.attributes)
            except (ValueError, KeyError, TypeError, IndexError) as error:
                raise BadInput(f"{self.file}: operation {step.place}, {step.kind}, cannot be run: {error}") from error


def _value(values: Mapping[str, Any], name: Any) -> Any:
    if isinstance(name, str):
        return values[name]
    return name and [values[each] if isinstance(each, str) else each for each in name]


def _path(weights: Mapping[str, str], names: Mapping[str, str]) -> str:
    """The path of a layer: as in the model that was exported where that is known, else as Paddle has named it."""
    first = next(iter(weights.values()))
    return names.get(first, first).rpartition(".")[0] or first.replace(".", "_")


def _holder(root: nn.Layer, path: str) -> nn.Layer:
    for part in filter(None, path.split(".")):
        inner = root._sub_layers.get(part)
        if inner is None:
            inner = nn.Layer()
            root.add_sublayer(part, inner)
        root = inner
    return root


def _put(root: nn.Layer, path: str, layer: nn.Layer) -> None:
    above, _, last = path.rpartition(".")
    _holder(root, above).add_sublayer(last, layer)


def _layer_at(root: nn.Layer, path: str) -> nn.Layer:
    for part in path.split("."):
        root = root._sub_layers[part]
    return root


def _with_last_uses(plan: list[tuple], outputs: Sequence[str]) -> list[tuple]:
    """The plan, each step with the values that no later one is given: they need not be held on."""
    later, done = set(outputs), []
    for what, asked, made in reversed(plan):
        used = {
            each
            for name in asked
            for each in ([name] if isinstance(name, str) else name or ())
            if isinstance(each, str)
        }
        done.append((what, asked, made, sorted((used | set(made)) - later)))
        later |= used
    return done[::-1]
