"""In a pass in float64 Paddle computes with the numbers that it was told, not with those numbers in float32.

The truth is NumPy's, in float64, and its gradient by a complex step: the imaginary part of f(x + ih)/h, without any
difference of close numbers.
"""

from __future__ import annotations

import warnings

import numpy as np
import paddle
import pytest
from dualport.backends import load_backend
from paddle.nn import functional as pf

DRAW = np.random.default_rng(4)
X, Y = DRAW.standard_normal((2, 4, 6))
U = DRAW.uniform(0.05, 0.95, (4, 6))
IMAGE, ROW = DRAW.standard_normal((2, 6, 5, 4)), DRAW.uniform(0.5, 1.5, 6)
CLASSES = np.array([0, 3, 5, 1])
CHOSEN = np.eye(6)[CLASSES]
STEP = 1e-40
BOUND = 1e-13


def given(array):
    return paddle.to_tensor(array)


def at_least(x, bound):
    return np.where(x.real > bound, x, bound)


def at_most(x, bound):
    return np.where(x.real < bound, x, bound)


def size(x):
    return np.where(x.real < 0, -x, x)


def elu(x, alpha, scale=1.0, inside=1.0):
    return scale * np.where(x.real > 0, x, alpha * np.expm1(inside * x))


def normal(x, axes, eps):
    rest = x - x.mean(axes, keepdims=True)
    return rest / np.sqrt((rest**2).mean(axes, keepdims=True) + eps)


def by_channel(row):
    return row[:, None, None]


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def grouped(x, eps):
    return normal(x.reshape(2, 3, -1), 2, eps).reshape(x.shape)


def local(x, alpha, beta, k):
    padded = np.pad(x**2, [(0, 0), (1, 1), (0, 0), (0, 0)])
    return x / (k + alpha * sum(padded[:, i : i + 6] for i in range(3)) / 3) ** beta


def focal(x, alpha, gamma):
    labels, p = Y > 0, 1 / (1 + np.exp(-x))
    right = np.where(labels, p, 1 - p)
    return np.where(labels, alpha, 1 - alpha) * -np.log(right) * (1 - right) ** gamma


def smooth(x, delta):
    far = size(x - Y)
    return np.where(far.real < delta, far**2 / 2, delta * (far - delta / 2))


def windows(x, k):
    return sum(x[:, :, i : i + 3, j : j + 2] for i in range(k) for j in range(k)) / k**2


def cosine(x, eps):
    return (x * Y).sum(1) / at_least(np.sqrt((x**2).sum(1) * (Y**2).sum(1)), eps)


def written_over(change):
    """A change in place, of what is no leaf."""

    def call(x):
        made = x * 1
        changed = change(made)
        assert changed is made
        return made

    return call


def batch_norm(training):
    return lambda x: pf.batch_norm(
        x, given(0 * ROW), given(ROW), given(ROW), given(ROW), training=training, epsilon=0.1
    )


# What is asked of Paddle, what that is, and for which input.
CALLS = {
    "power": (lambda x: x**1.7, lambda x: x**1.7, U),
    "pow": (lambda x: paddle.pow(x, 0.3), lambda x: x**0.3, U),
    "pow by a tensor": (lambda x: paddle.pow(x, paddle.to_tensor(0.3)), lambda x: x**0.3, U),
    "exponent": (lambda x: 1.7**x, lambda x: 1.7**x, X),
    "times": (lambda x: x * 0.1, lambda x: x * 0.1, X),
    "divided": (lambda x: 0.3 / x, lambda x: 0.3 / x, U),
    "root with epsilon": (lambda x: paddle.sqrt(x.square() + 0.1), lambda x: np.sqrt(x**2 + 0.1), X),
    "scale": (lambda x: paddle.scale(x, 0.1, bias=0.3), lambda x: 0.1 * x + 0.3, X),
    "full": (lambda x: x * paddle.full([6], 0.1), lambda x: x * 0.1, X),
    "clip": (lambda x: x.clip(-0.7, 0.3), lambda x: at_most(at_least(x, -0.7), 0.3), X),
    "hardtanh": (lambda x: pf.hardtanh(x, -0.7, 0.3), lambda x: at_most(at_least(x, -0.7), 0.3), X),
    "leaky_relu": (lambda x: pf.leaky_relu(x, 0.01), lambda x: np.where(x.real > 0, x, 0.01 * x), X),
    "rrelu": (lambda x: pf.rrelu(x, 0.1, 0.3, training=False), lambda x: np.where(x.real > 0, x, 0.2 * x), X),
    "elu": (lambda x: pf.elu(x, 0.7), lambda x: elu(x, 0.7), X),
    "celu": (lambda x: pf.celu(x, 0.7), lambda x: elu(x, 0.7, inside=1 / 0.7), X),
    "selu": (pf.selu, lambda x: elu(x, 1.6732632423543772, 1.0507009873554805), X),
    "selu, other numbers": (lambda x: pf.selu(x, 1.1, 1.7), lambda x: elu(x, 1.7, 1.1), X),
    "softplus": (lambda x: pf.softplus(x, 1.3), lambda x: np.log1p(np.exp(1.3 * x)) / 1.3, X),
    "thresholded_relu": (lambda x: pf.thresholded_relu(x, 0.3, 0.1), lambda x: np.where(x.real > 0.3, x, 0.1), X),
    "hardsigmoid": (pf.hardsigmoid, lambda x: at_most(at_least(x / 6 + 0.5, 0), 1), X),
    "hardsigmoid, other numbers": (
        lambda x: pf.hardsigmoid(x, 0.2, 0.3), lambda x: at_most(at_least(x * 0.2 + 0.3, 0), 1), 3 * X),
    "hardshrink": (lambda x: pf.hardshrink(x, 0.3), lambda x: np.where(size(x).real > 0.3, x, 0), X),
    "softshrink": (lambda x: pf.softshrink(x, 0.3), lambda x: x - at_most(at_least(x, -0.3), 0.3), X),
    "stanh": (lambda x: paddle.stanh(x, 0.67, 1.7159), lambda x: 1.7159 * np.tanh(0.67 * x), X),
    "layer_norm": (lambda x: pf.layer_norm(x, [6], epsilon=1e-4), lambda x: normal(x, 1, 1e-4), 0.01 * X),
    "batch_norm": (batch_norm(True), lambda x: normal(x, (0, 2, 3), 0.1) * by_channel(ROW) + by_channel(ROW), IMAGE),
    "batch_norm, eval": (
        batch_norm(False), lambda x: x / np.sqrt(by_channel(ROW) + 0.1) * by_channel(ROW) + by_channel(ROW), IMAGE),
    "instance_norm": (lambda x: pf.instance_norm(x, eps=0.1), lambda x: normal(x, (2, 3), 0.1), IMAGE),
    "group_norm": (
        lambda x: pf.group_norm(x, 3, 0.1, given(ROW), given(ROW)),
        lambda x: by_channel(ROW) * (grouped(x, 0.1) + 1), IMAGE),
    "local_response_norm": (
        lambda x: pf.local_response_norm(x, 3, 0.1, 0.7, 0.9), lambda x: local(x, 0.1, 0.7, 0.9), IMAGE),
    "smooth_l1_loss": (
        lambda x: pf.smooth_l1_loss(x, given(Y), "none", delta=0.3), lambda x: smooth(x, 0.3), X),
    "label_smooth": (lambda x: pf.label_smooth(x, epsilon=0.1), lambda x: 0.9 * x + 0.1 / 6, U),
    "cross_entropy, smoothed": (
        lambda x: pf.cross_entropy(x, given(CLASSES), reduction="none", label_smoothing=0.1).flatten(),
        lambda x: -((0.9 * CHOSEN + 0.1 / 6) * log_softmax(x)).sum(-1), X),
    "sigmoid_focal_loss": (
        lambda x: pf.sigmoid_focal_loss(x, given(1.0 * (Y > 0)), None, 0.3, 2.3, "none"),
        lambda x: focal(x, 0.3, 2.3), X),
    "addmm": (
        lambda x: paddle.addmm(x, given(Y), given(CHOSEN[[0, 1, 2, 3, 0, 1]]), 0.3, 0.7),
        lambda x: 0.3 * x + 0.7 * Y @ CHOSEN[[0, 1, 2, 3, 0, 1]], X),
    "norm": (lambda x: paddle.norm(x, 2.3, 1), lambda x: (size(x) ** 2.3).sum(1) ** (1 / 2.3), X),
    "norm of order 3": (lambda x: paddle.norm(x, 3, 1), lambda x: (size(x) ** 3).sum(1) ** (1 / 3), X),
    "cosine_similarity": (
        lambda x: pf.cosine_similarity(x, given(Y), 1, 0.3), lambda x: cosine(x, 0.3), X * [[1e-2], [1], [1], [1]]),
    "logit": (lambda x: paddle.logit(x, 0.1), lambda x: np.log((c := at_most(at_least(x, 0.1), 0.9)) / (1 - c)), U),
    "average of 9": (lambda x: pf.avg_pool2d(x, 3, 1), lambda x: windows(x, 3), IMAGE),
    "average of all": (lambda x: pf.adaptive_avg_pool2d(x, 1), lambda x: x.mean((2, 3), keepdims=True), IMAGE),
    "in place": (written_over(lambda x: pf.elu_(x, 0.7)), lambda x: elu(x, 0.7), X),
    "power in place": (written_over(lambda x: x.pow_(1.7)), lambda x: x**1.7, U),
    "whole numbers times": (lambda x: x * (paddle.arange(6) * 0.1), lambda x: x * np.arange(6) * 0.1, X),
    "whole numbers divided": (lambda x: x * (paddle.arange(6) / 7), lambda x: x * np.arange(6) / 7, X),
    "mean of float32": (
        lambda x: x - given(Y.astype(np.float32)).mean(), lambda x: x - Y.astype(np.float32).astype(float).mean(), X),
    "cast to float32": (lambda x: x.astype("float32") ** 3, lambda x: x**3, X),
    "chosen": (lambda x: x * pf.one_hot(given(CLASSES), 6) * 0.1, lambda x: x * CHOSEN * 0.1, X),
    "log of a density": (
        lambda x: paddle.distribution.Normal(x, x * 0 + 0.3).log_prob(given(Y)),
        lambda x: -((Y - x) ** 2) / 0.18 - np.log(0.3) - np.log(2 * np.pi) / 2, X),
}  # fmt: skip


def both(call, truth, x):
    """Relative errors of the values, and of the gradient along a random direction, in a pass in float64."""
    paddle_tensor = paddle.to_tensor(x, stop_gradient=False)
    backend = load_backend("paddle")
    with backend.device.default_dtype("float64"), backend.float64.throughout(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = call(paddle_tensor)
        along, toward = (np.random.default_rng(9).standard_normal(shape) for shape in (x.shape, made.shape))
        (made * given(toward)).sum().backward()
    exact = truth(x + STEP * 1j * along)
    slope = (toward * exact.imag).sum() / STEP
    gradient = paddle_tensor.grad.numpy()
    assert made.dtype == paddle.float64
    return (
        np.linalg.norm(made.numpy() - exact.real) / np.linalg.norm(exact.real),
        abs((gradient * along).sum() - slope) / (np.linalg.norm(gradient) * np.linalg.norm(along)),
    )


@pytest.mark.parametrize("name", CALLS)
def test_numbers_are_those_that_paddle_is_told(name) -> None:
    values, gradient = both(*CALLS[name])
    assert values <= BOUND
    assert gradient <= BOUND
