"""One walk through a spec for both frameworks: what a network computes is written here and nowhere else.

A backend gives its kind of module and what its layers are called; everything else is arithmetic that both kinds of
tensor understand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ..common import spec
from ..common.spec import Activation, Condition, Dropout, LabelChannel, Latent, Network, Reshape
from .contract import Layers, Tensor
from .layers import make_layer

Observer = Callable[[str, Tensor], None]


def unseen(name: str, tensor: Tensor) -> None:
    """The observer of a pass that nobody watches."""


def run_network(
    network: Network,
    modules: Mapping[str, Callable[[Tensor], Tensor]],
    concatenate: Callable[[list[Tensor]], Tensor],
    inputs: Tensor,
    label: Tensor | None = None,
    masks: Mapping[str, Tensor] | None = None,
    observe: Observer = unseen,
) -> tuple[Tensor, ...]:
    """Outputs of `network`, one a head, or one.

    Args:
        modules: a callable for each layer, by its name, or by its place (`"#3"`) where it has none.
        inputs: `[N, *input_shape]`, or anything that reshapes to it.
        label: one-hot `[N, classes]`, in any shape of as many values; needed when the network is conditioned.
        masks: for each dropout, by name, what its input is multiplied by. Without masks nothing is dropped.
        observe: called with the name and the tensor of every intermediate value, in execution order.
    """
    count = inputs.shape[0]
    x = inputs.reshape([count, *network.input_shape])
    if network.condition is not None:
        joined = _as_channel(network, network.condition, modules, label, count)
        observe(f"{network.name}.label", joined)
        x = concatenate([x, joined])
        observe(f"{network.name}.input", x)
    for place, layer in enumerate(network.layers):
        if isinstance(layer, Reshape):
            x = x.reshape([count, *layer.shape])
        elif isinstance(layer, Dropout):
            x = x if masks is None else x * masks[layer.name].reshape(x.shape)
        else:
            x = modules[layer.name or f"#{place}"](x)
        observe(network.activation_name(place), x)
    heads = tuple(modules[head.name](x) for head in network.heads)
    for head, output in zip(network.heads, heads, strict=True):
        observe(f"{network.name}.{head.name}", output)
    return heads or (x,)


def _as_channel(
    network: Network, condition: Condition, modules: Mapping[str, Callable], label: Tensor | None, count: int
) -> Tensor:
    """The label as it joins the input: drawn as one more image channel, or one-hot in the input's own rank."""
    if label is None:
        raise ValueError(f"{network.name} is conditioned: give it a one-hot label [N, {condition.classes}]")
    if isinstance(condition, LabelChannel):
        drawn = modules[condition.layer.name](label.reshape([count, condition.classes, 1, 1]))
        return drawn.reshape([count, 1, *network.input_shape[1:]])
    return label.reshape([count, condition.classes, *(1 for _ in network.input_shape[1:])])


def sample_latent(
    latent: Latent,
    heads: tuple[Tensor, ...],
    noise: Tensor,
    masks: Mapping[str, Tensor] | None = None,
    observe: Observer = unseen,
) -> Tensor:
    """z = mean + noise · σ from the encoder's heads; an autoencoder's z is its only head.

    Args:
        noise: `[N, *latent shape]`, standard normal.
    """
    z = heads[0]
    if latent.spread != "none":
        sigma = (heads[1] / 2).exp() if latent.spread == "logvar" else heads[1].exp()
        z = noise.reshape(z.shape) * sigma + z
    if latent.dropout is not None and masks is not None:
        observe("latent.sample", z)
        z = z * masks[latent.dropout.name].reshape(z.shape)
    observe("latent.z", z)
    return z


def objective_terms(
    objective,
    latent: Latent,
    functional: Any,
    decoded: Tensor,
    image: Tensor,
    heads: tuple[Tensor, ...],
) -> tuple[Tensor, Tensor, Tensor]:
    """The loss, and the sums over the batch of the reconstruction and KL terms.

    Args:
        functional: the framework's `nn.functional`.
        heads: what the encoder gave.
    """
    count = image.shape[0]
    decoded, image = decoded.reshape([count, -1]), image.reshape([count, -1])
    if objective.reconstruction == "squared_error":
        error = (decoded - image).square()
    else:
        error = _binary_cross_entropy(functional, decoded, image)
    each = error.sum(1) if objective.over_values == "sum" else error.mean(1)
    reconstruction = each.sum()
    kl = reconstruction * 0 if objective.kl == "none" else _divergence(objective.kl, latent, *heads).sum()
    total = reconstruction + objective.beta * kl
    return total / count if objective.over_batch == "mean" else total, reconstruction, kl


def _binary_cross_entropy(functional: Any, decoded: Tensor, image: Tensor) -> Tensor:
    """Element by element, NaN where `decoded` is. Both frameworks hold the logarithms above −100, and refuse a NaN: on
    CUDA by an assertion after which the device answers nothing, so that a diverged training could not be told."""
    lost = decoded.isnan()
    error = functional.binary_cross_entropy(decoded.masked_fill(lost, 0.5), image, reduction="none")
    return error.masked_fill(lost, float("nan"))


def _divergence(form: str, latent: Latent, mean: Tensor, spread: Tensor) -> Tensor:
    """KL of N(mean, σ²) from N(0, I), element by element, in the form that the write-up uses."""
    log_variance = spread if latent.spread == "logvar" else 2 * spread
    if form == "published_2d":  # twice the exact variance and mean terms: as published, not as derived
        return log_variance.exp() + mean * mean - log_variance / 2 - 0.5
    return -0.5 * (1 + log_variance - mean * mean - log_variance.exp())


class _Realised:
    """A module below which a framework's layers hang, so that its state dict carries the published names."""

    layers: ClassVar[Layers]

    def realise(self, network: Network, prefix: str) -> dict[str, Callable[[Tensor], Tensor]]:
        """Make a network's layers below this module; returns the callables that `run_network` asks for."""
        made = {layer.name: make_layer(self.layers, layer) for layer in network.walk() if layer.parameters()}
        for name, module in made.items():
            self._attach(prefix + name, module)
        places = {f"#{i}": layer for i, layer in enumerate(network.layers) if isinstance(layer, Activation)}
        return made | {place: make_layer(self.layers, layer) for place, layer in places.items()}

    def _attach(self, name: str, module: Any) -> None:
        """Hang `module` below this one under a dotted name, so that the state dict spells it that way."""
        root: Any = self
        *folders, last = name.split(".")
        for folder in folders:
            if folder not in dict(root.named_children()):
                setattr(root, folder, self.layers.MODEL())
            root = dict(root.named_children())[folder]
        setattr(root, last, module)

    def concatenate(self, tensors: list[Tensor]) -> Tensor:
        """Join along channels or features."""
        return self.layers.FRAMEWORK.concat(tensors, 1)


class Net(_Realised):
    """One network. `forward(x, label)` gives the encoder's heads, or the decoder's image `[N, *shape]`."""

    def __init__(self, network: Network, prefix: str = "") -> None:
        super().__init__()
        self.network = network
        self._callables = (self.realise(network, prefix),)  # in a tuple: not registered a second time

    def forward(self, x: Tensor, label: Tensor | None = None, masks: Mapping | None = None):
        outputs = run_network(self.network, self._callables[0], self.concatenate, x, label, masks)
        return outputs if self.network.heads else outputs[0]


class Model(_Realised):
    """Encoder, latent and decoder under canonical names. `forward(image, label, noise)` → image, heads."""

    def __init__(self, model: spec.Model) -> None:
        super().__init__()
        self.model = model
        self._callables = {name: self.realise(network, network.prefix) for name, network in model.networks().items()}

    def run(
        self,
        part: str,
        x: Tensor,
        label: Tensor | None = None,
        masks: Mapping | None = None,
        observe: Observer = unseen,
    ) -> tuple:
        """Outputs of one network: heads of `encoder`, or the one image of `decoder`."""
        network, modules = self.model.networks()[part], self._callables[part]
        return run_network(network, modules, self.concatenate, x, label, masks, observe)

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
