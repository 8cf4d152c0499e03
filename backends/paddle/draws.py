"""What Paddle draws, at its C-level operators, below every function, layer and distribution; see `contract.Draws`."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import paddle
from paddle import Tensor, _C_ops
from paddle.base import core

from ...common.dictionary.draws import BY_OPERATOR, Draw
from ..contract import GivenNumbers
from .calls import quiet
from .tensors import is_tensor, like, share, to_numpy

KNOWN = BY_OPERATOR["paddle"]
# Operators that draw in a way of their own, or inside a kernel of more: those without a function below are named.
_DROPPING = ("fused_dropout_add", "fused_bias_dropout_residual_layer_norm", "fused_attention", "flash_attn",
             "flash_attn_qkvpacked", "flash_attn_unpadded", "flash_attn_varlen_qkvpacked", "memory_efficient_attention",
             "fused_dot_product_attention")  # fmt: skip
_OTHERS = ("truncated_gaussian_random", "uniform_random_batch_size_like", "class_center_sample", "shuffle_batch")


def _known(draw: Draw, name: str, original: Callable, numbers: GivenNumbers, args: tuple, kwargs: dict):
    out = original(*args, **kwargs)
    told = dict(zip(draw.paddle[name], args, strict=False)) | kwargs
    arrays = {key: _array(value) for key, value in told.items() if not is_tensor(value) or key in draw.reads}
    _fill(out, numbers.made(draw, tuple(out.shape), arrays))
    return out


def _array(value: Any) -> Any:
    return to_numpy(value).astype(float) if is_tensor(value) else value


def _fill(tensor: Tensor, array: np.ndarray) -> None:
    """Write into a tensor's own memory, that of a view included."""
    if array.size:
        with paddle.no_grad():
            paddle.assign(like(array, tensor), output=tensor)


def _dropped(numbers: GivenNumbers, tensor: Tensor, p: float, testing: bool, mode: str) -> Tensor | None:
    """A dropout with the kit's mask; None where nothing is done.

    The factors are exact: Paddle's own are float32, in float64 too.
    """
    later = mode == "downgrade_in_infer"
    if not p or (testing and not later):
        return None
    shape = tuple(tensor.shape)
    factors = np.full(shape, 1 - p if testing else 1.0 if later or p == 1 else 1 / (1 - p))
    if not testing:
        factors = factors * (numbers.kept(shape, 1 - p) if p < 1 else 0.0)
    return tensor * like(factors, tensor)


def _dropout(original: Callable, numbers: GivenNumbers, *args: Any):
    tensor, _, p, testing, mode, *_ = args
    made = _dropped(numbers, tensor, float(p), testing, mode)
    if made is None:
        return original(*args)
    if original.__name__ == "dropout_":
        made = paddle.assign(made, output=tensor)
    return (made, None) if _mask_is_told() else made


@functools.cache
def _mask_is_told() -> bool:
    """Whether this release's operator returns its mask as well."""
    operator: Any = _C_ops.dropout
    return isinstance(operator(paddle.zeros([1]), None, 0.5, True, "upscale_in_train", 0, False), tuple)


def _rrelu(original: Callable, numbers: GivenNumbers, x: Tensor, lower: float, upper: float, testing: bool):
    if testing:
        return original(x, lower, upper, testing)
    slopes = numbers.slopes(tuple(x.shape), lower, upper)
    return x * like(np.where(to_numpy(x) < 0, slopes, 1.0), x)


def _gumbel_softmax(original: Callable, numbers: GivenNumbers, x: Tensor, temperature: float, hard: bool, axis: int):
    """The kit's numbers, put in behind the back of Paddle's own backward pass, which is not PyTorch's."""
    out = original(x, temperature, hard, axis)
    scores = (to_numpy(x).astype(float) - np.log(numbers.exponential(tuple(x.shape)))) / temperature
    raised = np.exp(scores - scores.max(axis, keepdims=True))
    made = raised / raised.sum(axis, keepdims=True)
    if hard:
        first = np.expand_dims(made.argmax(axis), axis)
        made = np.zeros_like(made)
        np.put_along_axis(made, first, 1.0, axis)
    memory = paddle.empty([0], out.dtype)
    share(out, memory)
    paddle.assign(like(made, out), memory)
    return out


def _recurrent(original: Callable, numbers: GivenNumbers, *args: Any):
    """Layer by layer, with the kit's masks between them, as PyTorch has its own: over `[time, batch, features]`."""
    x, states, weights, lengths, kept, p, both, _, hidden, layers, mode, seed, testing = args
    if testing:  # where its kernel keeps nothing to go back with, it is told to train, and to drop nothing
        return original(*args[:5], 0.0, *args[6:-1], not paddle.is_grad_enabled())
    if not p or layers == 1:
        return original(*args)
    ways, half, ends = 1 + both, len(weights) // 2, []
    states = states if isinstance(states, (list, tuple)) else [states]
    for layer in range(layers):
        if layer:
            mask = numbers.kept(tuple(x.shape), 1 - p) if p < 1 else np.zeros(tuple(x.shape))
            x = x * like(mask * (1.0 if p == 1 else 1 / (1 - p)), x)
        here = slice(2 * ways * layer, 2 * ways * (layer + 1))
        of_layer = [*weights[:half][here], *weights[half:][here]]
        start = [state[ways * layer : ways * (layer + 1)] for state in states]
        x, _, end, *more = original(
            x, start, of_layer, lengths, kept, 0.0, both, x.shape[-1], hidden, 1, mode, seed, testing
        )
        ends.append(end)
    return (x, kept, [paddle.concat(list(parts), 0) for parts in zip(*ends, strict=True)], *more)


_WHOLE: dict[str, Callable] = {
    "dropout": _dropout, "dropout_": _dropout, "rrelu": _rrelu, "gumbel_softmax": _gumbel_softmax,
    "rnn": _recurrent,
}  # fmt: skip


def _drops(name: str, args: tuple) -> bool:
    """Whether a kernel with a dropout inside drops anything: some number that it is told is a chance."""
    return name in _OTHERS or any(isinstance(value, float) and 0 < value < 1 for value in args)


def _teller(name: str, original: Callable, numbers: GivenNumbers) -> Callable:
    @functools.wraps(original)
    def given(*args: Any, **kwargs: Any):
        if numbers.paused:
            return original(*args, **kwargs)
        with quiet():
            if name in KNOWN:
                return _known(KNOWN[name], name, original, numbers, args, kwargs)
            if name in _WHOLE:
                return _WHOLE[name](original, numbers, *args, **kwargs)
            if _drops(name, args):
                numbers.unknown(f"paddle's {name}")
        return original(*args, **kwargs)

    return given


@contextlib.contextmanager
def given(numbers: GivenNumbers) -> Iterator[None]:
    originals = {
        name: getattr(_C_ops, name) for name in (*KNOWN, *_WHOLE, *_DROPPING, *_OTHERS) if hasattr(_C_ops, name)
    }
    for name, original in originals.items():
        setattr(_C_ops, name, _teller(name, original, numbers))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(_C_ops, name, original)


def _generator() -> Any:
    on_cpu = paddle.device.get_device() == "cpu"
    return core.default_cpu_generator() if on_cpu else core.default_cuda_generator(0)


def place() -> int:
    return _generator().initial_seed()


def go_to(place: int) -> None:
    _generator().manual_seed(place)
