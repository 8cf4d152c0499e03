"""A spec as plain `torch.nn.Module`s whose state dicts carry the published names."""

from __future__ import annotations

from .. import network
from . import layers


class Net(network.Net, layers.MODEL):
    """See `network.Net`."""

    layers = layers


class Model(network.Model, layers.MODEL):
    """See `network.Model`."""

    layers = layers
