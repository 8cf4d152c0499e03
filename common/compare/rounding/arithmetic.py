"""The witness's arithmetic on `Rounded` numbers: the same walk, with errors followed forwards and backwards."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ...spec import Activation, BatchNorm, Latent, Product
from ..witness.layers import but_channels, per_channel, product_map
from ..witness.walk import activation
from .numbers import Precision, Rounded, given, plain_sum, product_sum

ELEMENTARY = 2.0  # error of exp, tanh and the logistic function in roundoffs: vendors promise 1 to 2 ulp
SAFETY = 5.0  # a bound in standard deviations: room for errors that depend on each other
DOUBT = 6.0  # so near its kink, in standard deviations, rounding may move a value across
CROSSED = 3.0  # a value that crossed counts as so many jumps: its jump is known only as well as the gradient there


class Following:
    """Arithmetic on `Rounded`; `made` holds every number in the order of computation, for the backward pass.

    Args:
        measured: what the judged framework got behind each ReLU, in execution order, if that is known: then only the
            values that did cross the kink count.
    """

    def __init__(self, precision: Precision, measured: Iterable[np.ndarray] | None = None) -> None:
        self.precision, self.made = precision, []
        self.measured = None if measured is None else iter(measured)
        self.once = precision.store**2 / 3  # variance of one stored rounding, relative

    def _note(self, value, variance, send) -> Rounded:
        number = Rounded(value, variance)
        number.send = lambda: send(number)
        self.made.append(number)
        return number

    def backward(self) -> None:
        """Send every gradient on, last number first."""
        for number in reversed(self.made):
            if number.reached and number.send is not None:
                number.send()

    def constant(self, array) -> Rounded:
        return array if isinstance(array, Rounded) else given(array, self.precision)

    def weigh(self, layer: Product, weight: Rounded, bias: Rounded | None, x: Rounded) -> Rounded:
        products = product_map(layer, x.shape)
        w, v = (weight.value, weight.variance), (x.value, x.variance)
        value, variance, _ = product_sum(products.output, products.terms.output, self.precision, w, v)
        if bias is not None:
            value = value + per_channel(bias.value, value.ndim)
            variance = variance + self.once * value**2 + per_channel(bias.variance, value.ndim)

        def send(y: Rounded) -> None:
            g = (y.gradient, y.gradient_variance)
            x.receive(*product_sum(products.to_input, products.terms.to_input, self.precision, w, g))
            weight.receive(*product_sum(products.to_weight, products.terms.to_weight, self.precision, g, v))
            if bias is not None:
                bias.receive(*plain_sum(g, but_channels(y.value.ndim), self.precision))

        return self._note(value, variance, send)

    def normalize(self, layer: BatchNorm, x, weight, bias, statistics) -> Rounded:
        """Errors of the batch's mean and variance are shared by the batch, so a later sum over it adds them up."""
        axes, rank = but_channels(x.value.ndim), x.value.ndim
        count = x.value.size // layer.features
        mean = x.value.mean(axes) if statistics is None else statistics[0].value
        spread = (x.value.var(axes) if statistics is None else statistics[1].value) + layer.held_eps
        inverse = per_channel(1 / np.sqrt(spread), rank)
        scaled = (x.value - per_channel(mean, rank)) * inverse
        variance = (x.variance + self.once * x.value**2) * inverse**2 + 4 * self.once * scaled**2
        if statistics is None:
            _, of_sum, _ = plain_sum((x.value, x.variance), axes, self.precision)
            of_mean = per_channel(of_sum / count**2 / spread, rank)
            # A variance from Σx² − (Σx)² / n loses what the mean is larger than the deviation.
            lost = per_channel((1 + mean**2 / spread) ** 2, rank)
            serial = count / 36 * self.precision.accumulate**2 * lost
            variance = variance + of_mean * (1 + scaled**2) + serial * scaled**2
        gamma = per_channel(weight.value, rank)
        value = scaled * gamma + per_channel(bias.value, rank)
        number = (scaled, variance)
        return self._note(
            value,
            gamma**2 * (variance + self.once * scaled**2) + self.once * value**2,
            lambda y: self._normalize_back(y, x, weight, bias, number, inverse, statistics is None),
        )

    def _normalize_back(self, y, x, weight, bias, number, inverse, batch: bool) -> None:
        """γ/σ · (g − mean(g) − x̂ · mean(g x̂)), in which the three may cancel."""
        (scaled, variance), rank = number, y.value.ndim
        axes, g, of_g = but_channels(rank), y.gradient, y.gradient_variance
        products = (g * scaled, of_g * scaled**2 + variance * g**2 + self.once * (g * scaled) ** 2)
        along, straight = plain_sum(products, axes, self.precision), plain_sum((g, of_g), axes, self.precision)
        relative = variance.mean(axes)  # of x̂ with its mean and 1/σ, whose errors the batch shares
        weight.receive(along[0], along[1] + relative * (along[0] ** 2 + straight[0] ** 2), along[2])
        bias.receive(*straight)
        factor = per_channel(weight.value, rank) * inverse
        if not batch:
            x.receive(factor * g, factor**2 * (of_g + 2 * self.once * g**2))
            return
        count = g.size // scaled.shape[1]
        means = [per_channel(part[0] / count, rank) for part in (straight, along)]
        of_means = [per_channel(part[1] / count, rank) for part in (straight, along)]  # shared: · count / count²
        gradient = factor * (g - means[0] - scaled * means[1])
        squares = factor**2 * (g**2 + means[0] ** 2 + (scaled * means[1]) ** 2)
        inner = of_g + of_means[0] + scaled**2 * of_means[1] + variance * means[1] ** 2
        rounding = 4 * self.once * squares + per_channel(relative, rank) * gradient**2
        x.receive(gradient, factor**2 * inner + rounding, squares)

    def activate(self, layer: Activation, x: Rounded) -> Rounded:
        value = activation(layer, x.value)
        if layer.function in ("relu", "leaky_relu"):
            return self._kinked(layer, x, value)
        slope = 1 - value**2 if layer.function == "tanh" else value * (1 - value)
        bend = 2 * value * slope if layer.function == "tanh" else slope * (1 - 2 * value)
        variance = slope**2 * x.variance + ELEMENTARY**2 * self.once * value**2

        def send(y: Rounded) -> None:
            # The derivative comes from the stored output: 1 − y² is off by what y is rounded by.
            of_slope = bend**2 * x.variance + 4 * ELEMENTARY**2 * self.once * value**2 + 2 * self.once * slope**2
            rounding = of_slope * y.gradient**2
            x.receive(slope * y.gradient, slope**2 * y.gradient_variance + rounding)

        return self._note(value, variance, send)

    def _kinked(self, layer: Activation, x: Rounded, value: np.ndarray) -> Rounded:
        low = layer.slope if layer.function == "leaky_relu" else 0.0
        slope = np.where(x.value > 0, 1.0, low)
        doubtful = (np.abs(x.value) <= DOUBT * np.sqrt(x.variance)) & (x.variance > 0)
        if self.measured is not None:
            # At exactly 0 Paddle takes the slope from above, PyTorch that from below: 0 is on neither side.
            doubtful &= np.sign(np.reshape(next(self.measured), x.shape)) != np.sign(value)

        def send(y: Rounded) -> None:
            y.doubtful = int(doubtful.sum())
            flipped = doubtful * ((1 - low) * y.gradient) ** 2 * CROSSED**2 / SAFETY**2
            rounding = self.once * (slope * y.gradient) ** 2
            x.receive(slope * y.gradient, slope**2 * y.gradient_variance + rounding + flipped)

        return self._note(value, slope**2 * x.variance + self.once * value**2 * (low != 0), send)

    def scale(self, x: Rounded, factor) -> Rounded:
        held = given(np.reshape(factor, x.shape), self.precision)
        factor = held.value
        value = x.value * factor

        def send(y: Rounded) -> None:
            rounding = self.once * (factor * y.gradient) ** 2
            x.receive(factor * y.gradient, factor**2 * y.gradient_variance + rounding)

        return self._note(value, factor**2 * x.variance + held.variance * x.value**2 + self.once * value**2, send)

    def reshape(self, x: Rounded, shape) -> Rounded:
        def send(y: Rounded) -> None:
            x.receive(*(part.reshape(x.shape) for part in (y.gradient, y.gradient_variance, y.squares)))

        return self._note(x.value.reshape(shape), x.variance.reshape(shape), send)

    def join(self, first: Rounded, second: Rounded) -> Rounded:
        width = first.shape[1]

        def send(y: Rounded) -> None:
            parts = (y.gradient, y.gradient_variance, y.squares)
            first.receive(*(part[:, :width] for part in parts))
            second.receive(*(part[:, width:] for part in parts))

        value = np.concatenate([first.value, second.value], 1)
        return self._note(value, np.concatenate([first.variance, second.variance], 1), send)

    def sample(self, latent: Latent, mean: Rounded, spread: Rounded, noise) -> Rounded:
        rate = 0.5 if latent.spread == "logvar" else 1.0
        held, sigma = given(np.reshape(noise, mean.shape), self.precision), np.exp(rate * spread.value)
        drawn = held.value * sigma
        value = mean.value + drawn
        rounding = (ELEMENTARY**2 + 1) * self.once * drawn**2 + held.variance * sigma**2
        variance = mean.variance + (rate * drawn) ** 2 * spread.variance + rounding + self.once * value**2

        def send(y: Rounded) -> None:
            g, of_g, turn = y.gradient, y.gradient_variance, rate * drawn
            mean.receive(g, of_g, y.squares)
            inherited = turn**2 * of_g + (rate * turn * g) ** 2 * spread.variance
            spread.receive(turn * g, inherited + (ELEMENTARY**2 + 2) * self.once * (turn * g) ** 2)

        return self._note(value, variance, send)
