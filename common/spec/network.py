"""Networks and models as data. Every shape is inferred and checked when the spec is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Literal

from ..errors import BadInput
from .layers import BatchNorm, Condition, Dropout, LabelChannel, Layer, Shape


@dataclass(frozen=True)
class Network:
    """A chain of layers, then parallel heads.

    Args:
        name: `encoder` or `decoder`; errors and reports use it.
        input_shape: of one example, before a label joins it.
        layers: applied in order.
        heads: applied side by side to the last output; without heads the last output is the result.
        condition: how the label enters, if it does.
        prefix: what the published state dict puts before the layers' names (`"encoder."`, or nothing).

    Raises:
        BadInput: a layer does not take the shape it is given, or two layers share a name.
    """

    name: str
    input_shape: Shape
    layers: tuple[Layer, ...]
    heads: tuple[Layer, ...] = ()
    condition: Condition | None = None
    prefix: str = ""

    def __post_init__(self) -> None:
        names = [layer.name for layer in self.walk() if layer.name]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise BadInput(f"{self.name}: two layers are called {', '.join(sorted(twice))}; names must differ")
        self.output_shapes()

    def walk(self) -> Iterator[Layer]:
        """Every layer, in the order in which the published code defines them."""
        if isinstance(self.condition, LabelChannel):
            yield self.condition.layer
        yield from self.layers
        yield from self.heads

    def shapes(self) -> list[tuple[Layer, Shape, Shape]]:
        """Each layer with the shape that goes in and the shape that comes out."""
        try:
            shape, rows = self.input_shape, []
            if self.condition:
                joined = self.condition.join(shape)
                if isinstance(self.condition, LabelChannel):
                    layer, classes = self.condition.layer, (self.condition.classes, 1, 1)
                    rows.append((layer, classes, layer.output_shape(classes)))
                shape = joined
            for layer in self.layers:
                rows.append((layer, shape, layer.output_shape(shape)))
                shape = rows[-1][2]
            return rows + [(head, shape, head.output_shape(shape)) for head in self.heads]
        except BadInput as error:
            raise BadInput(f"{self.name}, {error}") from None

    def output_shapes(self) -> tuple[Shape, ...]:
        """What comes out: one shape a head, or the single last one."""
        return tuple(out for _, _, out in self.shapes()[-max(1, len(self.heads)) :])

    def activation_name(self, place: int) -> str:
        """What the output of `layers[place]` is called in traces: by its layer, or by its place and kind."""
        layer = self.layers[place]
        return f"{self.name}.{layer.name or f'#{place}:{layer.kind}'}"

    def parameters(self, prefix: str | None = None) -> dict[str, Shape]:
        """Trained arrays by state-dict name."""
        before = self.prefix if prefix is None else prefix
        return {before + name: shape for layer in self.walk() for name, shape in layer.parameters().items()}

    def buffers(self, prefix: str | None = None) -> dict[str, Shape]:
        """Untrained state by state-dict name."""
        before = self.prefix if prefix is None else prefix
        return {before + name: shape for layer in self.walk() for name, shape in layer.buffers().items()}


@dataclass(frozen=True)
class Latent:
    """How the encoder's heads become z.

    `spread` says what the second head gives: log σ² (`logvar`), log σ (`logsigma`), or nothing (`none`: an
    autoencoder, whose z is its only output). `dropout` acts on z after sampling.
    """

    size: int
    spread: Literal["logvar", "logsigma", "none"] = "logvar"
    dropout: Dropout | None = None


@dataclass(frozen=True)
class Model:
    """Encoder, latent and decoder. `parts` are the networks that the published code saves in files of their own."""

    encoder: Network
    decoder: Network
    latent: Latent
    parts: tuple[str, ...] = ("model",)
    image: Shape = ()

    def __post_init__(self) -> None:
        heads = self.encoder.output_shapes()
        wanted = 1 if self.latent.spread == "none" else 2
        if len(heads) != wanted or any(prod(shape) != self.latent.size for shape in heads):
            raise BadInput(f"encoder: gives {heads}, but the latent takes {wanted} of {self.latent.size} values")
        if prod(self.decoder.input_shape) != self.latent.size:
            raise BadInput(f"decoder: takes {self.decoder.input_shape}, but the latent has {self.latent.size} values")
        drawn = self.decoder.output_shapes()[0]
        if prod(drawn) != prod(self.image_shape):
            raise BadInput(f"decoder: gives {drawn}, but the image is {self.image_shape}")
        if (self.encoder.condition is None) != (self.decoder.condition is None):
            raise BadInput("encoder and decoder: either both take the label or neither does")
        both = set(self.encoder.parameters()) & set(self.decoder.parameters())
        if both:
            raise BadInput(f"encoder and decoder both hold {', '.join(sorted(both))}; give one of them a prefix")

    @property
    def image_shape(self) -> Shape:
        """`(C, H, W)` of one image; an encoder that takes vectors says it through `image`."""
        return self.image or self.encoder.input_shape

    @property
    def conditional(self) -> bool:
        return self.encoder.condition is not None

    @property
    def classes(self) -> int:
        """Number of labels, 0 without conditioning."""
        return self.encoder.condition.classes if self.encoder.condition else 0

    def networks(self) -> dict[str, Network]:
        return {"encoder": self.encoder, "decoder": self.decoder}

    def parameters(self) -> dict[str, Shape]:
        """Trained arrays by canonical name."""
        return self.encoder.parameters() | self.decoder.parameters()

    def buffers(self) -> dict[str, Shape]:
        return self.encoder.buffers() | self.decoder.buffers()

    def parameter_owners(self) -> dict[str, str]:
        """Parameter → the activation that it makes, both by the names that traces have."""
        owners = {}
        for network in self.networks().values():
            joined = getattr(network.condition, "layer", None)
            for layer in network.walk():
                made = f"{network.name}.{'label' if layer is joined else layer.name}"
                owners |= {network.prefix + name: made for name in layer.parameters()}
        return owners

    def has_batch_norm(self) -> bool:
        return any(isinstance(layer, BatchNorm) for network in self.networks().values() for layer in network.walk())

    def dropouts(self) -> list[tuple[Dropout, Shape]]:
        """Every dropout with the shape of its mask for one example."""
        dropouts = [
            (layer, given)
            for network in self.networks().values()
            for layer, given, _ in network.shapes()
            if isinstance(layer, Dropout)
        ]
        return dropouts + ([(self.latent.dropout, self.decoder.input_shape)] if self.latent.dropout else [])
