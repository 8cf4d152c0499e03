"""Right pairs by the hundred: one random plan of steps, spelled independently in each framework, under other names.

    python tests/real/generated.py [--pairs N] [--seed N]

Every pair is the same system by construction, so that each verdict but "same system" is a false alarm.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import paddle
import torch
from dualport.common.errors import DualportError

from dualport import align

WIDTH = 8
Build = Callable[[Any, "Words", str], Callable]  # owner, words, name → what the step does


class Words:
    """What the two frameworks call things, so that a spelling is written once."""

    def __init__(self, framework: str) -> None:
        self.paddle = framework == "paddle"
        self.nn: Any = paddle.nn if self.paddle else torch.nn
        self.f: Any = self.nn.functional
        self.lib: Any = paddle if self.paddle else torch

    def add(self, owner: Any, name: str, layer: Any) -> Any:
        (owner.add_sublayer if self.paddle else owner.add_module)(name, layer)
        return layer

    def parameter(self, owner: Any, name: str, array: np.ndarray) -> Any:
        if self.paddle:
            made = owner.create_parameter(
                list(array.shape), default_initializer=paddle.nn.initializer.Assign(array.astype("float32"))
            )
            owner.add_parameter(name, made)
            return lambda: getattr(owner, name)
        owner.register_parameter(name, torch.nn.Parameter(torch.tensor(array, dtype=torch.float32)))
        return lambda: getattr(owner, name)

    def order(self, x: Any, axes: tuple[int, ...]) -> Any:
        return paddle.transpose(x, list(axes)) if self.paddle else x.permute(*axes)

    def mean(self, x: Any, axis: Any) -> Any:
        return x.mean(axis, keepdim=True)

    def join(self, parts: list, axis: int) -> Any:
        return paddle.concat(parts, axis=axis) if self.paddle else torch.cat(parts, dim=axis)

    def softmax(self, x: Any, axis: int = -1) -> Any:
        return self.f.softmax(x, axis)


def _random(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(len(shape) * 100 + sum(shape)).standard_normal(shape) / 3


def linear_layer(owner: Any, words: Words, name: str) -> Callable:
    return words.add(owner, name, words.nn.Linear(WIDTH, WIDTH))


def linear_in_out(owner: Any, words: Words, name: str) -> Callable:
    """A dense layer of one's own whose weight is [in, out]."""
    weight = words.parameter(owner, f"{name}_weight", _random((WIDTH, WIDTH)))
    bias = words.parameter(owner, f"{name}_bias", _random((WIDTH,)))
    return lambda x: words.lib.matmul(x, weight()) + bias()


def relu_layer(owner: Any, words: Words, name: str) -> Callable:
    return words.add(owner, name, words.nn.ReLU())


def relu_function(owner: Any, words: Words, name: str) -> Callable:
    return words.f.relu


def relu_clip(owner: Any, words: Words, name: str) -> Callable:
    return lambda x: words.lib.clip(x, min=0.0)


def silu_layer(owner: Any, words: Words, name: str) -> Callable:
    return words.add(owner, name, words.nn.Silu() if words.paddle else words.nn.SiLU())


def silu_product(owner: Any, words: Words, name: str) -> Callable:
    return lambda x: x * words.f.sigmoid(x)


def gelu_layer(owner: Any, words: Words, name: str) -> Callable:
    return words.add(owner, name, words.nn.GELU())


def gelu_by_erf(owner: Any, words: Words, name: str) -> Callable:
    return lambda x: x * 0.5 * (1.0 + words.lib.erf(x / math.sqrt(2.0)))


def norm_layer(owner: Any, words: Words, name: str) -> Callable:
    return words.add(owner, name, words.nn.LayerNorm(WIDTH))


def norm_by_hand(owner: Any, words: Words, name: str) -> Callable:
    weight = words.parameter(owner, f"{name}_gain", np.ones(WIDTH))
    bias = words.parameter(owner, f"{name}_shift", np.zeros(WIDTH))

    def normed(x: Any) -> Any:
        centred = x - words.mean(x, -1)
        return centred / words.lib.sqrt(words.mean(centred * centred, -1) + 1e-5) * weight() + bias()

    return normed


def attention_sums(owner: Any, words: Words, name: str) -> Callable:
    return _attention(owner, words, name, "matmul")


def attention_einsum(owner: Any, words: Words, name: str) -> Callable:
    return _attention(owner, words, name, "einsum")


def attention_fused(owner: Any, words: Words, name: str) -> Callable:
    return _attention(owner, words, name, "fused")


def _attention(owner: Any, words: Words, name: str, how: str) -> Callable:
    query, key, value, out = (
        words.add(owner, f"{name}_{part}", words.nn.Linear(WIDTH, WIDTH)) for part in ("q", "k", "v", "o")
    )
    size = WIDTH // 2

    def heads(x: Any) -> Any:
        return x.reshape([x.shape[0], x.shape[1], 2, size])

    def attended(x: Any) -> Any:
        q, k, v = heads(query(x)), heads(key(x)), heads(value(x))  # [B, S, H, D]
        if how == "fused" and words.paddle:
            mixed = words.f.scaled_dot_product_attention(q, k, v)
        elif how == "fused":
            mixed = words.f.scaled_dot_product_attention(*(words.order(each, (0, 2, 1, 3)) for each in (q, k, v)))
            mixed = words.order(mixed, (0, 2, 1, 3))
        elif how == "einsum":
            weights = words.softmax(words.lib.einsum("bshd,bthd->bhst", q, k) / math.sqrt(size))
            mixed = words.lib.einsum("bhst,bthd->bshd", weights, v)
        else:
            q, k, v = (words.order(each, (0, 2, 1, 3)) for each in (q, k, v))
            weights = words.softmax(words.lib.matmul(q * size**-0.5, words.order(k, (0, 1, 3, 2))))
            mixed = words.order(words.lib.matmul(weights, v), (0, 2, 1, 3))
        return out(mixed.reshape([x.shape[0], x.shape[1], WIDTH]))

    return attended


def branch_list(owner: Any, words: Words, name: str) -> Callable:
    return _branches(owner, words, name, chained=False)


def branch_chain(owner: Any, words: Words, name: str) -> Callable:
    return _branches(owner, words, name, chained=True)


def _branches(owner: Any, words: Words, name: str, chained: bool) -> Callable:
    first, second = (words.add(owner, f"{name}_{n}", words.nn.Linear(WIDTH, WIDTH // 2)) for n in (1, 2))
    back = words.add(owner, f"{name}_back", words.nn.Linear(2 * WIDTH, WIDTH))

    def joined(x: Any) -> Any:
        a, b = first(x), second(x)
        return back(words.join([words.join([x, a], -1), b], -1) if chained else words.join([x, a, b], -1))

    return joined


def conv_layer(owner: Any, words: Words, name: str) -> Callable:
    """Along the sequence."""
    conv = words.add(owner, name, (words.nn.Conv1D if words.paddle else words.nn.Conv1d)(WIDTH, WIDTH, 3, padding=1))
    return lambda x: words.order(conv(words.order(x, (0, 2, 1))), (0, 2, 1))


def conv_flat(owner: Any, words: Words, name: str) -> Callable:
    """The same as a plane of height 1, padded by hand."""
    conv = words.add(owner, name, (words.nn.Conv1D if words.paddle else words.nn.Conv1d)(WIDTH, WIDTH, 3))

    def convolved(x: Any) -> Any:
        edge = x[:, :1] * 0.0
        return words.order(conv(words.order(words.join([edge, x, edge], 1), (0, 2, 1))), (0, 2, 1))

    return convolved


STEPS: tuple[tuple[Build, ...], ...] = (
    (linear_layer, linear_in_out),
    (relu_layer, relu_function, relu_clip),
    (silu_layer, silu_product),
    (gelu_layer, gelu_by_erf),
    (norm_layer, norm_by_hand),
    (attention_sums, attention_einsum, attention_fused),
    (branch_list, branch_chain),
    (conv_layer, conv_flat),
)


def model(framework: str, plan: list[tuple[int, int, bool]], prefix: str) -> Any:
    """A model of one framework: for each step its kind, its spelling, and whether it is added to what it was given."""
    words = Words(framework)
    base = paddle.nn.Layer if words.paddle else torch.nn.Module

    class Made(base):
        def __init__(self) -> None:
            super().__init__()
            built = [STEPS[kind][way](self, words, f"{prefix}{place}") for place, (kind, way, _) in enumerate(plan)]
            self.built = built if words.paddle else tuple(built)

        def forward(self, x):
            for step, (_, _, added) in zip(self.built, plan, strict=True):
                x = x + step(x) if added else step(x)
            return x

    return Made()


def pair(seed: int) -> tuple[Any, Any, list[str]]:
    """Both models, and how each step is spelled."""
    draw = np.random.default_rng(seed)
    kinds = draw.integers(0, len(STEPS), draw.integers(3, 9))
    added = draw.random(len(kinds)) < 0.4
    ways = [[int(draw.integers(len(STEPS[kind]))) for kind in kinds] for _ in range(2)]
    paddle.seed(seed)
    torch.manual_seed(seed)
    plans = [list(zip(map(int, kinds), way, map(bool, added), strict=True)) for way in ways]
    told = [f"{STEPS[k][a].__name__}/{STEPS[k][b].__name__}" for k, a, b in zip(kinds, *ways, strict=True)]
    names = ("step", "step") if draw.random() < 0.3 else ("step", "layer_")
    return model("paddle", plans[0], names[0]), model("torch", plans[1], names[1]), told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    right, start = 0, time.perf_counter()
    for seed in range(given.seed, given.seed + given.pairs):
        paddles, torchs, told = pair(seed)
        try:
            found = align(paddles, torchs, "2,5,8", dtypes=("float64",), modes=("train",))
            said = "" if found.ok else found.sentence
        except DualportError as error:
            said = f"refused: {error}"
        right += not said
        if said:
            print(f"{seed}: {said}\n    {' '.join(told)}", flush=True)
    print(f"{right} of {given.pairs} right pairs are the same system, {time.perf_counter() - start:.0f} s")
    return int(right < given.pairs)


if __name__ == "__main__":
    sys.exit(main())
