"""The model as data: layers, conditioning, latent, objective, training recipe. Both backends walk it."""

from .layers import (
    Activation,
    BatchNorm,
    Condition,
    Conv2D,
    ConvTranspose2D,
    Dropout,
    LabelChannel,
    Layer,
    Linear,
    OneHot,
    Product,
    Reshape,
    Shape,
)
from .network import Latent, Model, Network
from .recipe import Data, Figure, Objective, Optimizer, Recipe, Training
from .serial import from_json, to_json

__all__ = [
    "Activation",
    "BatchNorm",
    "Condition",
    "Conv2D",
    "ConvTranspose2D",
    "Data",
    "Dropout",
    "Figure",
    "LabelChannel",
    "Latent",
    "Layer",
    "Linear",
    "Model",
    "Network",
    "Objective",
    "OneHot",
    "Optimizer",
    "Product",
    "Recipe",
    "Reshape",
    "Shape",
    "Training",
    "from_json",
    "to_json",
]
