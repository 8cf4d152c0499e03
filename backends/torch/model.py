"""A spec as plain `torch.nn.Module`s whose state dicts carry the published names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...common import spec
from ..network import Observer, run_network, sample_latent, unseen
from .layers import make_layer


def attach(root: nn.Module, name: str, module: nn.Module) -> None:
    """Hang `module` below `root` under a dotted name, so that the state dict spells it that way."""
    *folders, last = name.split(".")
    for folder in folders:
        if not hasattr(root, folder):
            root.add_module(folder, nn.Module())
        root = getattr(root, folder)
    root.add_module(last, module)


def realise(network: spec.Network, root: nn.Module, prefix: str) -> dict:
    """Make a network's layers below `root`; returns the callables that `run_network` asks for."""
    made: dict[str, Any] = {layer.name: make_layer(layer) for layer in network.walk() if layer.parameters()}
    for name, module in made.items():
        attach(root, prefix + name, module)
    acts = {f"#{i}": make_layer(layer) for i, layer in enumerate(network.layers) if isinstance(layer, spec.Activation)}
    return made | acts


class Net(nn.Module):
    """One network. `forward(x, label)` gives the encoder's heads, or the decoder's image `[N, *shape]`."""

    def __init__(self, network: spec.Network, prefix: str = "") -> None:
        super().__init__()
        self.network = network
        self._callables = (realise(network, self, prefix),)  # in a tuple: not registered a second time

    def forward(self, x: Tensor, label: Tensor | None = None, masks: Mapping | None = None):
        outputs = run_network(self.network, self._callables[0], concatenate, x, label, masks)
        return outputs if self.network.heads else outputs[0]


class Model(nn.Module):
    """Encoder, latent and decoder under canonical names. `forward(image, label, noise)` → image, heads."""

    def __init__(self, model: spec.Model) -> None:
        super().__init__()
        self.model = model
        self._callables = {name: realise(network, self, network.prefix) for name, network in model.networks().items()}

    def run(
        self,
        part: str,
        x: Tensor,
        label: Tensor | None = None,
        masks: Mapping | None = None,
        observe: Observer = unseen,
    ) -> tuple:
        """Outputs of one network: heads of `encoder`, or the one image of `decoder`."""
        return run_network(self.model.networks()[part], self._callables[part], concatenate, x, label, masks, observe)

    def forward(
        self,
        image: Tensor,
        label: Tensor | None,
        noise: Tensor,
        masks: Mapping | None = None,
        observe: Observer = unseen,
    ):
        heads = self.run("encoder", image, label, masks, observe)
        z = sample_latent(self.model.latent, heads, noise, masks, observe)
        return self.run("decoder", z, label, masks, observe)[0], heads


def concatenate(tensors: list[Tensor]) -> Tensor:
    """Join along channels or features."""
    return torch.cat(tensors, dim=1)
