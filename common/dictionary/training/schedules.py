"""Entries of schedules. A formula gives the learning rate after a number of steps, from the base rate."""

from __future__ import annotations

from ..entry import Entry, argument, entry
from ..proof import Proof

LAST = argument("last_epoch", -1)

ENTRIES: tuple[Entry, ...] = (
    entry("step_decay", "optim.lr_scheduler.StepLR", "optimizer.lr.StepDecay",
          (argument("step_size"), argument("gamma", 0.1), LAST),
          formula=lambda base, step, step_size, gamma=0.1: base * gamma ** (step // step_size),
          proof=Proof(arguments={"step_size": 7, "gamma": 0.3}, steps=30)),
)  # fmt: skip
