"""Entries of losses of numbers and of distributions over them."""

from __future__ import annotations

import numpy as np

from ...entry import Contrast, Entry, setting
from ...proof import Proof, positive, probability, proved, proved_layer, real
from .reduced import loss

TWO = (real(6, 5), real(6, 5))
VARIANCE = positive(6, 5, fixed=True)
HUBER = "huber_loss with delta, unless is_huber=False"


def _smooth_l1(x, target, beta: float = 1.0, is_huber: bool = False):
    if is_huber:
        return _huber(x, target, beta)
    distance = np.abs(x - target)
    return np.where(distance < beta, distance**2 / (2 * beta), distance - beta / 2)


def _huber(x, target, delta: float = 1.0, is_huber: bool = True):
    if not is_huber:
        return _smooth_l1(x, target, delta)
    distance = np.abs(x - target)
    return np.where(distance < delta, distance**2 / 2, delta * (distance - delta / 2))


def _kl_div(x, target, log_target: bool = False):
    if log_target:
        return np.exp(target) * (target - x)
    return np.where(target > 0, target * (np.log(np.where(target > 0, target, 1)) - x), 0)


def _poisson_nll(x, target, log_input: bool = True, full: bool = False, eps: float = 1e-8):
    each = np.exp(x) - target * x if log_input else x - target * np.log(x + eps)
    stirling = target * np.log(target) - target + np.log(2 * np.pi * target) / 2
    return each + np.where(target > 1, stirling, 0) if full else each


def _gaussian_nll(x, target, variance, full: bool = False, eps: float = 1e-6):
    variance = np.maximum(variance, eps)
    return (np.log(variance) + (x - target) ** 2 / variance + (np.log(2 * np.pi) if full else 0)) / 2


ENTRIES: tuple[Entry, ...] = (
    loss("mse_loss", "nn.MSELoss F.mse_loss", "nn.MSELoss F.mse_loss", lambda x, target: (x - target) ** 2, TWO,
         differs=(Contrast("each element's own", "reduction='none'", "that, or square_error_cost"),)),
    loss("l1_loss", "nn.L1Loss F.l1_loss", "nn.L1Loss F.l1_loss", lambda x, target: np.abs(x - target), TWO,
         kink="sign"),
    loss("smooth_l1_loss", "nn.SmoothL1Loss F.smooth_l1_loss", "nn.SmoothL1Loss F.smooth_l1_loss", _smooth_l1, TWO,
         setting("beta", 1.0, "beta delta", paddle="delta"),
         setting("is_huber", False, "- is_huber", torch="", paddle_default=True),
         differs=(Contrast("beta other than 1", "divides by it", HUBER),
                  Contrast("beta in float64", "exact", "in float32: 0.5 is exact, 0.7 is not")),
         proof=(Proof(TWO, {"beta": 0.5}, paddle={"is_huber": False}),)),
    loss("huber_loss", "nn.HuberLoss F.huber_loss", "nn.HuberLoss F.smooth_l1_loss", _huber, TWO,
         setting("delta", 1.0, "delta"), setting("is_huber", True, "- is_huber", torch=""), float32={"delta": None},
         differs=(Contrast("name of the function", "huber_loss", "smooth_l1_loss"),),
         proof=(proved_layer(*TWO, delta=0.7), proved(*TWO, delta=1.5))),
    loss("kl_div", "nn.KLDivLoss F.kl_div", "nn.KLDivLoss F.kl_div", _kl_div,
         (real(6, 5), probability(6, 5, fixed=True)),
         setting("log_target", False, "log_target"),
         reductions=("batchmean", "sum", "none"), differs=(Contrast("reduction='mean'", "warns", "is taken"),),
         proof=(proved(real(6, 5), real(6, 5, fixed=True), log_target=True, reduction="batchmean"),)),
    loss("poisson_nll_loss", "nn.PoissonNLLLoss F.poisson_nll_loss", "nn.PoissonNLLLoss F.poisson_nll_loss",
         _poisson_nll, (real(6, 5), positive(6, 5, fixed=True)),
         setting("log_input", True), setting("full", False), setting("eps", 1e-8, "eps _epsilon", paddle="epsilon"),
         before=3, proof=(proved(positive(6, 5), positive(6, 5, fixed=True), log_input=False, eps=1e-3),
                proved(real(6, 5), positive(6, 5, fixed=True), full=True))),
    loss("gaussian_nll_loss", "nn.GaussianNLLLoss F.gaussian_nll_loss", "nn.GaussianNLLLoss F.gaussian_nll_loss",
         _gaussian_nll, (*TWO, VARIANCE), setting("full", False, "full"),
         setting("eps", 1e-6, "eps epsilon", paddle="epsilon"), before=2,
         differs=(Contrast("gradient of the variance", "given", "none, in silence"),),
         proof=(proved(*TWO, VARIANCE, full=True), proved(*TWO, VARIANCE, eps=1.0))),
)  # fmt: skip
