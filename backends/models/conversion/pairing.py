"""Both sides of a conversion by the user's own models: which weight of one is which of the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ....common.compare.matching.graph import Node, nodes_of
from ....common.compare.matching.layers import Matching, carried, inverted, match_nodes
from ....common.traces.inputs import Input
from ....common.traces.plan import Plan
from ....common.weights.model_conversion import Layout, layout_of, other_layout, own_buffer, require_rules
from ....common.weights.rules import with_aliases
from ..model import UserModel
from ..start_weights import match_models, sketch
from .exports import EXPORT


@dataclass
class Sides:
    """Origin and target: the models that are there, the layouts of both, and which canonical weight is which."""

    origin: str
    into: str
    user_models: dict[str, UserModel]
    layouts: dict[str, Layout]
    matching: Matching | None
    pairs: Mapping[str, str]

    def moved(self, canonical: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Canonical arrays of the origin as the target has them, by its names."""
        if self.matching is None:
            return {y: canonical[x] for x, y in self.pairs.items() if x in canonical}
        return with_aliases(carried(self.matching, canonical), self.layouts[self.into].views)

    def tensor_names(self) -> dict[str, str] | None:
        """Paddle's table from structured names to tensor names, which its optimizer files need."""
        model = self.user_models.get("paddle")
        return model and {name: tensor.name for name, tensor in model.backend.weights.tensors(model.model).items()}


def sides_of(
    models: Mapping[str, str],
    origin: str,
    into: str,
    arguments: Mapping[str, str],
    inputs: Sequence[Input],
    layer_map: Mapping[str, str],
) -> Sides:
    """Make the models, and match their layers.

    Raises:
        BadInput: a model cannot be made, or a layer has no rule or no certain counterpart.
    """
    plan = Plan(list(inputs), dtypes=("float32",), modes=("eval",))
    user_models = {
        name: UserModel("paddle" if name == EXPORT else name, reference, plan, arguments.get(name, ""))
        for name, reference in models.items()
    }
    for model in user_models.values():
        require_rules(model.views)
    layouts = {name: _layout(model) for name, model in user_models.items()}
    matching = None
    if len(user_models) == 2:
        matching = _match(user_models, origin, into, layer_map, bool(inputs))
        pairs = matching.weights
    else:
        (known,) = user_models
        other = origin if known == into else into
        layouts[other] = other_layout(known, user_models[known].modules, user_models[known].views)
        pairs = {name: name for name in layouts[origin].views if name in layouts[into].views}
    return Sides(origin, into, user_models, layouts, matching, pairs)


def _layout(model: UserModel) -> Layout:
    shapes = {name: tuple(tensor.shape) for name, tensor in model.backend.weights.tensors(model.model).items()}
    return layout_of(model.modules, model.views, shapes)


def _match(
    user_models: Mapping[str, UserModel], origin: str, into: str, layer_map: Mapping[str, str], run: bool
) -> Matching:
    """The layers of both; a pass through each tells more than their names, where there is an input for it."""
    nodes = {}
    for name, model in user_models.items():
        nodes[name] = sketch(model)[0] if run else nodes_of(model.views, [], {}, [])
    if origin == "torch":
        layer_map = inverted(layer_map)
    buffers = [_bare_buffers(nodes[side]) for side in (origin, into)]
    for side, ours, others in ((origin, *buffers), (into, *buffers[::-1])):
        for name in ours.keys() - layer_map.keys() - set(layer_map.values()):
            if ours[name] not in others.values():  # what only one side keeps for itself
                del nodes[side][name]
    matching = match_nodes(nodes[origin], nodes[into], layer_map)
    if run and not matching.certain:
        matching = matching.unless_better(match_models(user_models[origin], user_models[into], matching))
        for model in user_models.values():
            model.prepare("float32", "eval")  # as it was made
    why = "the weights cannot be converted" + (
        "" if run else " by names alone (give --input, so that a pass tells more)"
    )
    matching.require((origin, into), why)
    return matching


def _bare_buffers(nodes: Mapping[str, Node]) -> dict[str, tuple]:
    """Buffers that stand for themselves: name → the last word of it, and the shape."""
    return {
        name: (view.leaf, view.shape)
        for name, node in nodes.items()
        if len(node.weights) == 1 and own_buffer(view := next(iter(node.weights.values())))
    }
