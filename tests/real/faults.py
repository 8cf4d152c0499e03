"""Faults planted into real PyTorch models, one at a time: what the verdicts are scored on.

    python tests/real/faults.py [MODEL…] [--seed N] [--each N]

Each fault changes one module of a model that is right. A fault is found where the verdict is "different", and located
where what is named is the module, or an operation inside it. A fault that leaves all outputs and gradients as they
were is none, and is not counted.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from packages import found
from pairs import PAIRS
from torch import nn

from dualport import align

Planted = tuple[str, str, Callable[[], Callable[[], None]]]  # where, what, plant it and get how to take it out


def faults_of(model: nn.Module) -> Iterator[Planted]:
    """Every fault that fits a module of the model."""
    for path, module in model.named_modules():
        for what, change in _changes(module):
            yield path, what, change


def _changes(module: nn.Module) -> Iterator[tuple[str, Callable[[], Callable[[], None]]]]:
    if isinstance(module, (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)):
        yield "eps 1e-2", lambda: _attribute(module, "eps", 1e-2)
    if isinstance(module, (nn.ReLU, nn.ReLU6, nn.Hardswish, nn.GELU, nn.SiLU)):
        yield "left out", lambda: _forward(module, lambda made, x: x)
        yield "leaky", lambda: _forward(module, lambda made, x: torch.nn.functional.leaky_relu(x, 0.01))
    if isinstance(module, nn.GELU):
        yield "tanh form", lambda: _attribute(module, "approximate", "tanh" if module.approximate == "none" else "none")
    if isinstance(module, nn.MaxPool2d):
        yield "average", lambda: _forward(module, lambda made, x: _averaged(module, x, made))
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        yield "times 1.001", lambda: _forward(module, lambda made, x: made * 1.001)
        yield "turned", lambda: _forward(module, lambda made, x: made.flip(1))
    if isinstance(module, nn.Conv2d) and max(module.padding) > 0:
        yield "reflected border", lambda: _padding(module)
    if isinstance(module, nn.Softmax):
        yield "another axis", lambda: _attribute(module, "dim", 1)


def _attribute(module: nn.Module, name: str, value: Any) -> Callable[[], None]:
    before = getattr(module, name)
    setattr(module, name, value)
    return lambda: setattr(module, name, before)


def _forward(module: nn.Module, change: Callable) -> Callable[[], None]:
    plain = module.forward
    module.forward = lambda x, *rest, **named: change(plain(x, *rest, **named), x)
    return lambda: module.__dict__.pop("forward", None) and None


def _padding(module: nn.Conv2d) -> Callable[[], None]:
    pads = tuple(side for size in reversed(module.padding) for side in (size, size))

    def reflected(made: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        wide = torch.nn.functional.pad(x, pads, mode="reflect" if min(x.shape[-2:]) > max(pads) else "replicate")
        return torch.nn.functional.conv2d(
            wide, module.weight, module.bias, module.stride, 0, module.dilation, module.groups
        )

    return _forward(module, reflected)


def _averaged(module: nn.MaxPool2d, x: torch.Tensor, made: torch.Tensor) -> torch.Tensor:
    pooled = torch.nn.functional.avg_pool2d(x, module.kernel_size, module.stride, module.padding, module.ceil_mode)
    return pooled if pooled.shape == made.shape else made * 0.9


def named_by(comparison: Any) -> str:
    """All that the verdict names as the first divergence."""
    first = comparison.first_divergence
    return "" if first is None else f"{comparison.sentence} {first[1].name} {first[1].remark}"


def score(name: str, each: int, seed: int) -> list[dict]:
    """Plant some faults into one pair and see what is said of each."""
    pair = next(pair for pair in PAIRS if pair.name == name)
    paddles, torchs = pair.make()
    faults = list(faults_of(torchs))
    chosen = np.random.default_rng(seed).permutation(len(faults))[:each]
    scores = []
    for path, what, plant in (faults[place] for place in sorted(chosen)):
        take_out, start = plant(), time.perf_counter()
        try:
            comparison = align(paddles, torchs, pair.inputs, dtypes=("float64",), modes=("eval",))
        finally:
            take_out()
        told = named_by(comparison)
        scores.append({
            "model": name, "where": path, "fault": what, "found": not comparison.ok,
            "located": bool(path) and path in told, "told": told, "seconds": time.perf_counter() - start,
        })  # fmt: skip
        print(json.dumps(scores[-1]), flush=True)
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", help="names of pairs; all that are right and installed if none is given")
    parser.add_argument("--each", type=int, default=10, help="faults a model")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    names = given.models or [pair.name for pair in PAIRS if not pair.differs and found(*pair.needs)]
    scores = [one for name in names for one in score(name, given.each, given.seed)]
    hit = [one for one in scores if one["found"]]
    print(
        f"{len(scores)} faults in {len(names)} models: {len(hit)} found, {sum(one['located'] for one in hit)} located, "
        f"{sum(one['seconds'] for one in scores):.0f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
