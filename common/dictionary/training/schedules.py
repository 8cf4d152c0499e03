"""Entries of schedules. A formula gives the learning rate after a number of steps, from the base rate.

PyTorch's take an optimizer and change its rate; an optimizer of Paddle is given the schedule in place of a rate.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, floor, pi, prod

from ..entry import REQUIRED, Contrast, Entry, argument, entry
from ..proof import Proof

LAST = argument("last_epoch", -1)
GAMMA = argument("gamma", 0.1)
ETA_MIN = argument("eta_min", 0.0)
FUNCTION = argument("lr_lambda")
HELD = Contrast("who holds it", "it is given the optimizer", "the optimizer is given it as learning_rate",
                "`step()` at the same places, once a batch or once an epoch")  # fmt: skip
STEADY = {"cycle_momentum": False}  # PyTorch's would move the momentum as well, which Paddle's does not
MOMENTUM = Contrast("momentum", "moves against the rate, unless cycle_momentum=False", "is left alone")


def _between(start: float, end: float, share: float) -> float:
    """Along half a cosine, from start to end."""
    return end + (start - end) * (1 + cos(pi * share)) / 2


def _warm_restarts(base: float, step: int, T_0: int, T_mult: int = 1, eta_min: float = 0.0) -> float:  # noqa: N803
    length = T_0
    while step >= length:
        step, length = step - length, length * T_mult
    return _between(base, eta_min, step / length)


def _linear(base: float, step: int, start_factor: float = 1 / 3, end_factor: float = 1.0,
            total_iters: int = 5) -> float:  # fmt: skip
    return base * (start_factor + (end_factor - start_factor) * min(step, total_iters) / total_iters)


def _multiplied(base: float, step: int, lr_lambda: Callable[[int], float]) -> float:
    return base * prod(lr_lambda(place) for place in range(1, step + 1))


def _one_cycle(_base: float, step: int, max_lr: float, total_steps: int, pct_start: float = 0.3,
               div_factor: float = 25.0, anneal_strategy: str = "cos",
               three_phase: bool = False) -> float:  # fmt: skip
    """Up to max_lr in pct_start of the steps, then down to 1e-4 of where it began."""
    start, end = max_lr / div_factor, max_lr / div_factor / 1e4
    peak = pct_start * total_steps - 1
    ends = [(peak, max_lr), (2 * peak, start), (total_steps - 1, end)] if three_phase else [
        (peak, max_lr), (total_steps - 1, end)]  # fmt: skip
    begun, rate = 0.0, start
    for until, aim in ends:
        if step <= until or until == ends[-1][0]:
            share = (step - begun) / (until - begun)
            return _between(rate, aim, share) if anneal_strategy == "cos" else rate + (aim - rate) * share
        begun, rate = until, aim
    return rate


def _cyclic(_base: float, step: int, base_lr: float, max_lr: float, step_size_up: int = 2000,
            step_size_down: int | None = None, mode: str = "triangular", gamma: float = 1.0) -> float:  # fmt: skip
    """Up and down in a straight line; the height halves each cycle (triangular2), or shrinks with gamma (exp_range)."""
    length = step_size_up + (step_size_down or step_size_up)
    cycle, place = floor(step / length), step % length
    share = place / step_size_up if place <= step_size_up else (length - place) / (length - step_size_up)
    height = {"triangular": 1.0, "triangular2": 0.5**cycle, "exp_range": gamma**step}[mode]
    return base_lr + (max_lr - base_lr) * share * height


def halving(step: int) -> float:
    """A factor for proofs: 1, 1/2, 1/3, …"""
    return 1 / (1 + step)


def _noam(step: int) -> float:
    """Of a model of width 16 that warms up for 4 steps."""
    return 16**-0.5 * min(step**-0.5 if step else 0.0, step * 4**-1.5)


def _schedule(kind: str, torch: str, paddle: str, *arguments, differs: tuple[Contrast, ...] = (), **more) -> Entry:
    classes = (f"optim.lr_scheduler.{torch}", " ".join(f"optimizer.lr.{name}" for name in paddle.split()))
    return entry(kind, *classes, (*arguments, LAST), differs=(*differs, HELD), **more)


def _told(steps: int = 30, **arguments) -> Proof:
    return Proof(arguments=arguments, steps=steps)


ENTRIES: tuple[Entry, ...] = (
    _schedule("step_decay", "StepLR", "StepDecay", argument("step_size"), GAMMA,
              formula=lambda base, step, step_size, gamma=0.1: base * gamma ** (step // step_size),
              proof=_told(step_size=7, gamma=0.3)),
    _schedule("multi_step_decay", "MultiStepLR", "MultiStepDecay", argument("milestones"), GAMMA,
              formula=lambda base, step, milestones, gamma=0.1: base * gamma ** sum(step >= one for one in milestones),
              proof=_told(milestones=[3, 10, 11], gamma=0.3)),
    _schedule("exponential_decay", "ExponentialLR", "ExponentialDecay", argument("gamma"),
              formula=lambda base, step, gamma: base * gamma**step, proof=_told(gamma=0.9)),
    _schedule("cosine_annealing", "CosineAnnealingLR", "CosineAnnealingDecay", argument("T_max"), ETA_MIN,
              formula=lambda base, step, T_max, eta_min=0.0: (  # noqa: N803
                  eta_min + (base - eta_min) * (1 + cos(pi * step / T_max)) / 2),
              proof=_told(T_max=8, eta_min=0.01)),
    _schedule("cosine_warm_restarts", "CosineAnnealingWarmRestarts", "CosineAnnealingWarmRestarts", argument("T_0"),
              argument("T_mult", 1), ETA_MIN, formula=_warm_restarts,
              proof=(_told(T_0=4, T_mult=2, eta_min=0.01), _told(T_0=7))),
    _schedule("linear_rate", "LinearLR", "LinearLR LinearWarmup", argument("start_factor", 1 / 3),
              argument("end_factor", 1.0),
              argument("total_iters", 5, paddle="total_steps warmup_steps", paddle_default=REQUIRED),
              paddle_order="total_iters start_factor end_factor", formula=_linear,
              differs=(Contrast("a warm-up to another schedule", "SequentialLR", "LinearWarmup(schedule, …)",
                                "the other begins at its own step 0 when the warm-up ends"),),
              proof=(_told(start_factor=0.2, end_factor=0.8, total_iters=9),
                     Proof(torch={"start_factor": 0.2, "total_iters": 8}, steps=12, formula=False,
                           paddle={"warmup_steps": 8, "start_lr": 0.1, "end_lr": 0.5},
                           names=("optim.lr_scheduler.LinearLR", "optimizer.lr.LinearWarmup")))),
    _schedule("polynomial_decay", "PolynomialLR", "PolynomialDecay",
              argument("total_iters", 5, paddle="decay_steps", paddle_default=REQUIRED),
              argument("end_lr", 1e-4, torch=""), argument("power", 1.0), argument("cycle", False, torch=""),
              formula=lambda base, step, total_iters=5, power=1.0: base * (1 - min(step / total_iters, 1)) ** power,
              differs=(Contrast("where it ends", "at 0", "at end_lr: 1e-4 unless told"),),
              proof=Proof(arguments={"total_iters": 9, "power": 2.0}, paddle={"end_lr": 0.0}, steps=12)),
    _schedule("lambda_rate", "LambdaLR", "LambdaDecay", FUNCTION,
              formula=lambda base, step, lr_lambda: base * lr_lambda(step), proof=_told(lr_lambda=halving)),
    _schedule("multiplicative_rate", "MultiplicativeLR", "MultiplicativeDecay", FUNCTION, formula=_multiplied,
              proof=_told(steps=12, lr_lambda=halving)),
    _schedule("noam", "LambdaLR", "NoamDecay", argument("d_model", torch=""), argument("warmup_steps", torch=""),
              formula=lambda base, step: base * _noam(step),
              differs=(Contrast("written as",
                                "base rate 1, lr_lambda n ↦ min(n^-0.5, n · warmup_steps^-1.5) / √d_model",
                                "with d_model and warmup_steps", "the rate at step 0 is 0"),),
              proof=Proof(torch={"lr_lambda": _noam}, paddle={"d_model": 16, "warmup_steps": 4}, steps=30)),
    _schedule("one_cycle", "OneCycleLR", "OneCycleLR", argument("max_lr", paddle="max_learning_rate"),
              argument("total_steps", None, paddle_default=REQUIRED), argument("pct_start", 0.3, paddle="phase_pct"),
              argument("anneal_strategy", "cos"), argument("div_factor", 25.0, paddle="divide_factor"),
              argument("end_learning_rate", 1e-4, torch=""), argument("three_phase", False),
              paddle_order="max_lr total_steps div_factor end_learning_rate pct_start anneal_strategy three_phase",
              formula=_one_cycle,
              differs=(Contrast("where it ends",
                                "at the first rate / 1e4 (final_div_factor)", "at 1e-4 (end_learning_rate)"),
                       MOMENTUM),
              proof=tuple(Proof(arguments={"max_lr": 0.5, "total_steps": 20} | more, torch=STEADY,
                                paddle={"end_learning_rate": 2e-6}, steps=19)
                          for more in ({}, {"pct_start": 0.4, "anneal_strategy": "linear", "three_phase": True}))),
    _schedule("cyclic", "CyclicLR", "CyclicLR", argument("base_lr", paddle="base_learning_rate"),
              argument("max_lr", paddle="max_learning_rate"),
              argument("step_size_up", 2000, paddle_default=REQUIRED), argument("step_size_down", None),
              argument("mode", "triangular"), argument("gamma", 1.0, paddle="exp_gamma"), formula=_cyclic,
              differs=(MOMENTUM,),
              proof=tuple(Proof(arguments={"base_lr": 0.1, "max_lr": 0.7, "step_size_up": 4} | more, torch=STEADY,
                                steps=30)
                          for more in ({}, {"mode": "triangular2", "step_size_down": 3},
                                       {"mode": "exp_range", "gamma": 0.95}))),
)  # fmt: skip
