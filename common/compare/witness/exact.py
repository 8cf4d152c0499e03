"""A witness outside both frameworks: the forward pass, the objective and differences of it, in NumPy float64.

Written from the spec and the write-ups, not from the backends: that two frameworks agree with each other is no evidence
where both are driven by the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

import numpy as np

from ...random_streams import stream
from ...spec import BatchNorm, Recipe
from .layers import but_channels
from .walk import Arrays, Exact, outputs, walk

LOWEST_LOG = -100.0  # where both frameworks hold the logarithms of a binary cross-entropy
EPS = float(np.finfo(np.float64).eps)
STEP = EPS ** (1 / 3)
SMALLEST = 0.1  # scale of parameters that start at 0: far below the activations that a bias joins
UNRELIABLE = 1e-4  # a wrong formula is wrong by far more, a kink by anything


def forward(
    recipe: Recipe,
    weights: Arrays,
    image: np.ndarray,
    label: np.ndarray | None,
    noise: np.ndarray,
    masks: Arrays | None = None,
    training: bool = True,
) -> dict[str, np.ndarray]:
    """Every intermediate activation in float64, by name, in execution order.

    Names are `network.layer` (`encoder.conv1`), `network.#place:function` for layers without a name
    (`encoder.#1:leaky_relu`, `encoder.#4:reshape`), `network.label` for the label as it joins, `network.input` for what
    it has joined, `latent.z`, and `latent.sample` for what that is before a dropout.

    Args:
        weights: canonical name → array of any float dtype.
        image: `[N, C, H, W]`. label: one-hot `[N, classes]`, or None without conditioning.
        noise: standard normal `[N, latent]`.
        masks: for each dropout, by name, 0 or 1/(1 − p) for each value. None: nothing is dropped.
        training: batch statistics; otherwise the running ones.

    Raises:
        BadInput: the model is conditional and there is no label, or a weight is missing.
    """
    return walk(Exact(), recipe, weights, image, label, noise, masks, training)


def running_statistics(recipe: Recipe, weights: Arrays, image, label, noise, masks=None) -> dict[str, np.ndarray]:
    """Running means and variances after one training forward: canonical name → float64 `[C]`.

    new = (1 − momentum) · old + momentum · batch, the batch's variance divided by n or n − 1 as the layer says.
    Arguments as for `forward`. Empty without batch normalisation.
    """
    watching, after = _Watching(), {}
    walk(watching, recipe, weights, image, label, noise, masks)
    layers = [(n.prefix, layer) for n in recipe.model.networks().values() for layer in n.layers]
    normalized = [(prefix, layer) for prefix, layer in layers if isinstance(layer, BatchNorm)]
    for (prefix, layer), x in zip(normalized, watching.inputs, strict=True):
        axes = but_channels(x.ndim)
        batch = {"running_mean": x.mean(axes), "running_var": x.var(axes, ddof=layer.variance == "unbiased")}
        for part, value in batch.items():
            name = f"{prefix}{layer.name}.{part}"
            after[name] = (1 - layer.momentum) * np.asarray(weights[name], np.float64) + layer.momentum * value
    return after


class _Watching(Exact):
    """Notes what each batch normalisation is given, in execution order."""

    def __init__(self) -> None:
        self.inputs: list[np.ndarray] = []

    def normalize(self, layer, x, weight, bias, statistics):
        self.inputs.append(x)
        return super().normalize(layer, x, weight, bias, statistics)


def objective(
    recipe: Recipe, heads: Sequence[np.ndarray], decoded: np.ndarray, image: np.ndarray
) -> tuple[float, float, float]:
    """The loss as optimised, and the sums over the batch of the reconstruction and of the unweighted KL.

    Args:
        heads: what the encoder gave: mean and spread, or the only one of an autoencoder.
        decoded: the decoder's image, in any shape of `image`'s size. image: `[N, C, H, W]`.
    """
    terms = recipe.objective
    image = np.asarray(image, np.float64)
    decoded, image = decoded.reshape(len(image), -1), image.reshape(len(image), -1)
    if terms.reconstruction == "squared_error":
        errors = (decoded - image) ** 2
    else:
        errors = -(image * _held_log(decoded) + (1 - image) * _held_log(1 - decoded))
    each = errors.sum(1) if terms.over_values == "sum" else errors.mean(1)
    divergence = (
        np.zeros(len(image)) if terms.kl == "none" else _divergence(recipe, *heads).reshape(len(image), -1).sum(1)
    )
    total = each + terms.beta * divergence
    return (
        float(total.mean() if terms.over_batch == "mean" else total.sum()),
        float(each.sum()),
        float(divergence.sum()),
    )


def _held_log(x: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.maximum(np.log(x), LOWEST_LOG)


def _divergence(recipe: Recipe, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """KL of N(mean, σ²) from N(0, 1) for each latent, or the 2-D write-up's σ² + μ² − log σ − ½."""
    log_sigma = spread / 2 if recipe.model.latent.spread == "logvar" else spread
    variance = np.exp(2 * log_sigma)
    if recipe.objective.kl == "published_2d":
        return variance + mean**2 - log_sigma - 0.5
    return (variance + mean**2 - 1) / 2 - log_sigma


def loss(recipe: Recipe, weights: Arrays, image, label, noise, masks=None) -> float:
    """The loss as optimised, in training mode. Arguments as for `forward`."""
    heads, decoded = outputs(recipe, forward(recipe, weights, image, label, noise, masks))
    return objective(recipe, heads, decoded, image)[0]


def pick(recipe: Recipe, seed: int, per_parameter: int = 3) -> dict[str, np.ndarray]:
    """Elements to differentiate: canonical name → `[k]` int64 flat indices, all different, k ≤ `per_parameter`."""
    sizes = {name: prod(shape) for name, shape in recipe.model.parameters().items()}
    return {
        name: np.sort(stream(seed, f"elements/{name}").choice(size, min(size, per_parameter), replace=False))
        for name, size in sizes.items()
    }


def central_differences(
    recipe: Recipe,
    weights: Arrays,
    image,
    label,
    noise,
    masks=None,
    picks: Mapping[str, Sequence[int] | np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """Gradient of the loss with respect to chosen elements: parameter → float64 `[k]`; NaN where it is not reliable.

    The step is `STEP` · max(|element|, RMS of the parameter, 0.1): near the cube root of eps, where the cubic term and
    the rounding of the loss weigh alike. Two more steps, a quarter and a sixteenth of it, repeat the measurement; the
    value is that of the neighbours which agree best, so that a kink which only the widest step crosses does no harm.

    A value is uncertain by what two steps disagree by, or what rounding of the loss leaves, whichever is larger; a kink
    of a ReLU between the two evaluations makes that large. It is unreliable where that exceeds `UNRELIABLE` of the
    largest derivative found in its parameter or, where all of these are next to nothing, of a thousandth of the largest
    found anywhere.

    Args:
        picks: flat indices by parameter, as `pick` gives them (its choice for seed 0 if None). Others as `forward`.
    """
    held = {name: np.asarray(array, np.float64) for name, array in weights.items()}
    measured = {}
    for name, places in (pick(recipe, 0) if picks is None else picks).items():
        flat = held[name].ravel().copy()
        held_here = held | {name: flat.reshape(held[name].shape)}  # a view: nudging `flat` nudges the model

        def at(place: int, value: float, flat=flat, held_here=held_here) -> float:
            before, flat[place] = flat[place], value
            result_here = loss(recipe, held_here, image, label, noise, masks)
            flat[place] = before
            return result_here

        usual = max(float(np.sqrt(np.mean(flat**2))), SMALLEST)
        each = [_derivative(at, place, flat[place], STEP * max(abs(flat[place]), usual)) for place in places]
        measured[name] = tuple(np.array(column) for column in zip(*each, strict=True))
    largest = {name: np.abs(value).max() for name, (value, _) in measured.items()}
    floor = max(largest.values()) / 1000
    return {
        name: np.where(uncertainty <= UNRELIABLE * max(largest[name], floor), value, np.nan)
        for name, (value, uncertainty) in measured.items()
    }


def _derivative(at: Callable[[int, float], float], place: int, here: float, wide: float) -> tuple[float, float]:
    """Value and uncertainty of one derivative from three steps."""
    values, noise = [], []
    for size in (wide, wide / 4, wide / 16):
        above, below = at(place, here + size), at(place, here - size)
        values.append((above - below) / ((here + size) - (here - size)))
        noise.append(4 * EPS * max(abs(above), abs(below)) / size)
    pairs = [(abs(values[i] - values[i + 1]), noise[i + 1], i) for i in range(2)]
    apart, rounding, i = min(pairs, key=lambda pair: pair[0] + pair[1])
    return values[i], max(apart, rounding)
