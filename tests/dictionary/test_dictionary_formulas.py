"""Formulas of the commonest layers, each against PyTorch's layer, in float64, with settings drawn at random."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dualport.common.dictionary.formula import evaluate
from dualport.common.dictionary.index import ACTIVATIONS, BY_KIND
from dualport.common.distance import relative_error
from dualport.common.tolerances import bound
from torch import nn
from torch.nn import functional as F  # noqa: N812

SEEDS = range(4)
# What a class of PyTorch is called after; others are tried in tests of their own, below.
LAYERS = ACTIVATIONS | {"linear", "batch_norm", "instance_norm", "group_norm", "layer_norm", "softmax", "log_softmax"}
LAYERS |= {f"{kind}{n}d" for kind in ("conv", "conv_transpose", "max_pool", "avg_pool") for n in (1, 2, 3)}


def evaluated(kind: str, *call) -> np.ndarray | None:
    return evaluate(BY_KIND.get(kind), *call)


def sizes(draw, n: int, low: int = 1, high: int = 3) -> tuple[int, ...]:
    return tuple(int(one) for one in draw.integers(low, high + 1, n))


def conv_case(n: int, draw):
    groups, mode = int(draw.choice([1, 2])), str(draw.choice(["zeros", "reflect", "replicate", "circular"]))
    settings = {"stride": sizes(draw, n, 1, 2), "padding": sizes(draw, n, 0, 2), "dilation": sizes(draw, n, 1, 2)}
    if draw.random() < 0.3:
        settings |= {"stride": 1, "padding": str(draw.choice(["same", "valid"]))}
    settings |= {"groups": groups, "padding_mode": mode}
    return getattr(nn, f"Conv{n}d")(4, 6, sizes(draw, n), **settings), (2, 4, *sizes(draw, n, 6, 8)), settings


def transposed_case(n: int, draw):
    stride = sizes(draw, n, 2, 3)
    settings = {"stride": stride, "padding": sizes(draw, n, 0, 1), "dilation": sizes(draw, n, 1, 2), "groups": 2,
                "output_padding": sizes(draw, n, 0, 1)}  # fmt: skip
    return (
        getattr(nn, f"ConvTranspose{n}d")(4, 6, sizes(draw, n, 2, 3), **settings),
        (2, 4, *sizes(draw, n, 3, 5)),
        settings,
    )


def pool_case(which: str, n: int, draw):
    settings = {"kernel_size": sizes(draw, n, 2, 3), "padding": sizes(draw, n, 0, 1), "ceil_mode": draw.random() < 0.5}
    if draw.random() < 0.7:
        settings["stride"] = sizes(draw, n)
    settings |= {"dilation": sizes(draw, n, 1, 2)} if which == "Max" else {"count_include_pad": draw.random() < 0.5}
    return getattr(nn, f"{which}Pool{n}d")(**settings), (2, 3, *sizes(draw, n, 6, 9)), settings


def norm_case(name: str, draw):
    eps = float(draw.choice([1e-5, 1e-2, 0.3]))
    if name == "layer_norm":
        return nn.LayerNorm([3, 5], eps=eps), (4, 2, 3, 5), {"normalized_shape": [3, 5], "eps": eps}
    if name == "group_norm":
        return nn.GroupNorm(2, 6, eps=eps), (4, 6, 3, 5), {"num_groups": 2, "eps": eps}
    kind = {"batch_norm": nn.BatchNorm2d, "instance_norm": nn.InstanceNorm2d}[name]
    more = {"affine": True, "track_running_stats": bool(draw.random() < 0.5)}
    return kind(6, eps=eps, **more), (4, 6, 3, 5), {"eps": eps, "momentum": 0.1}


def activation_case(name: str, draw):
    number = float(draw.uniform(0.3, 2))
    settings = {"leaky_relu": {"negative_slope": number}, "elu": {"alpha": number}, "celu": {"alpha": number},
                "gelu": {"approximate": str(draw.choice(["none", "tanh"]))},
                "softplus": {"beta": number, "threshold": 2.0},
                "hardtanh": {"min": -number, "max": 0.7}, "softmax": {"axis": int(draw.integers(-2, 3))},
                "log_softmax": {"axis": int(draw.integers(-2, 3))}}.get(name, {})  # fmt: skip
    words = {"axis": "dim", "min": "min_val", "max": "max_val"}
    classes = {kind.lower(): getattr(nn, kind) for kind in dir(nn)}
    layer = classes[name.replace("_", "")](**{words.get(one, one): value for one, value in settings.items()})
    return layer, (3, 4, 5), settings


def case(name: str, draw):
    """The layer, the shape of its input, and its settings."""
    if name[-1] == "d" and name[-2].isdigit():
        n, which = int(name[-2]), name[:-2]
        if which == "conv":
            return conv_case(n, draw)
        if which == "conv_transpose":
            return transposed_case(n, draw)
        return pool_case(which[:3].capitalize(), n, draw)
    if name.endswith("norm"):
        return norm_case(name, draw)
    if name == "linear":
        return nn.Linear(5, 3, bias=bool(draw.random() < 0.7)), (4, 2, 5), {}
    if name == "prelu":
        return nn.PReLU(int(draw.choice([1, 4]))), (3, 4, 5), {}
    return activation_case(name, draw)


def filled(layer, draw) -> dict[str, np.ndarray]:
    """The weights and statistics of a layer, drawn, so that no default hides a missing factor."""
    layer.double()
    for name, tensor in layer.state_dict().items():
        if tensor.dtype.is_floating_point:
            values = draw.standard_normal(tensor.shape)
            tensor.copy_(torch.from_numpy(np.abs(values) + 0.1 if name == "running_var" else values))
    return {name: tensor.numpy().copy() for name, tensor in layer.state_dict().items() if tensor.ndim}


def agrees(found: np.ndarray | None, tensor: torch.Tensor) -> bool:
    assert found is not None
    assert found.dtype == np.float64
    assert found.shape == tuple(tensor.shape)
    return relative_error(found, tensor.detach().numpy()) <= bound("closed form")


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", sorted(LAYERS))
def test_a_layer(name: str, seed: int, training: bool) -> None:
    draw = np.random.default_rng(seed)
    layer, shape, settings = case(name, draw)
    weights, x = filled(layer, draw), 2 * draw.standard_normal(shape)
    expected = layer.train(training)(torch.from_numpy(x))
    assert agrees(evaluated(name, [x], settings, weights, training), expected)


@pytest.mark.parametrize("size", [(7, 4), (9, 12), (3, 1), None])
@pytest.mark.parametrize("corners", [False, True], ids=["areas", "corners"])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear"])
def test_interpolation(mode: str, corners: bool, size: tuple | None) -> None:
    x = np.random.default_rng(1).standard_normal((2, 3, 5, 6))
    where = {"size": size} if size else {"scale_factor": 1.7}
    more = {"align_corners": corners} if mode == "bilinear" else {}
    expected = F.interpolate(torch.from_numpy(x), mode=mode, **where, **more)
    assert agrees(evaluated("interpolate", [x], {"mode": mode} | where | more, {}, False), expected)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
@pytest.mark.parametrize(("old", "new"), [(39, 33), (30, 52), (36, 58), (36, 33)])
def test_nearest_elements_that_rounding_decides(mode: str, old: int, new: int) -> None:
    """PyTorch tells the place in double precision and rounds it to float32, which lifts 32.99999999 to 33."""
    x = np.arange(float(old)).reshape(1, 1, -1)
    assert agrees(evaluated("interpolate", [x], {"mode": mode, "size": [new]}, {}, False),
                  F.interpolate(torch.from_numpy(x), size=new, mode=mode))  # fmt: skip


def test_a_scale_that_is_taken_from_the_sizes() -> None:
    x = np.random.default_rng(1).standard_normal((2, 3, 5, 6))
    told = {"scale_factor": 1.7, "mode": "bilinear", "recompute_scale_factor": True}
    assert agrees(evaluated("interpolate", [x], told, {}, False), F.interpolate(torch.from_numpy(x), **told))


@pytest.mark.parametrize(("mode", "shape"), [("linear", (2, 3, 5)), ("trilinear", (2, 3, 4, 5, 3))])
def test_interpolation_of_other_ranks(mode: str, shape: tuple) -> None:
    x = np.random.default_rng(1).standard_normal(shape)
    expected = F.interpolate(torch.from_numpy(x), scale_factor=2.0, mode=mode)
    assert agrees(evaluated("interpolate", [x], {"mode": mode, "scale_factor": 2.0, "size": None}, {}, False), expected)


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding", [(1, 2, 0, 3), (2, 1, 1, 0)])
def test_padding(mode: str, padding: tuple) -> None:
    x = np.random.default_rng(2).standard_normal((2, 3, 5, 6))
    value = {"value": 0.7} if mode == "constant" else {}
    expected = F.pad(torch.from_numpy(x), padding, mode=mode, **value)
    assert agrees(evaluated("pad", [x], {"padding": list(padding), "mode": mode} | value, {}, False), expected)


def test_padding_that_crops() -> None:
    x = np.random.default_rng(2).standard_normal((2, 3, 5, 6))
    assert agrees(evaluated("pad", [x], {"pad": [-1, 2, 1, -2]}, {}, False), F.pad(torch.from_numpy(x), (-1, 2, 1, -2)))


@pytest.mark.parametrize("n", [1, 2])
def test_padding_of_both_ends_goes_axis_by_axis(n: int) -> None:
    draw = np.random.default_rng(3)
    x, weight = draw.standard_normal((2, 3, 7, 8)[: n + 2]), draw.standard_normal((4, 3, 3, 2)[: n + 2])
    around = [1, 2, 0, 3][: 2 * n]
    padded = F.pad(
        torch.from_numpy(x), [one for pair in zip(around[-2::-2], around[::-2], strict=True) for one in pair]
    )
    expected = getattr(F, f"conv{n}d")(padded, torch.from_numpy(weight))
    assert agrees(evaluated(f"conv{n}d", [x], {"padding": around}, {"weight": weight}, False), expected)


@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "divide", "matmul"])
def test_operations_on_two_inputs(name: str) -> None:
    a, b = np.random.default_rng(4).standard_normal((2, 4, 4))
    function = {"subtract": "sub", "multiply": "mul", "divide": "div"}.get(name, name)
    expected = getattr(torch, function)(torch.from_numpy(a), torch.from_numpy(b))
    assert agrees(evaluated(name, [a, b], {}, {}, False), expected)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("kernel", [(2, 4), (4, 3)])
def test_the_same_size_with_an_even_kernel(kernel: tuple) -> None:
    draw = np.random.default_rng(3)
    x, weight = draw.standard_normal((2, 3, 7, 8)), draw.standard_normal((4, 3, *kernel))
    expected = F.conv2d(torch.from_numpy(x), torch.from_numpy(weight), padding="same")
    assert agrees(evaluated("conv2d", [x], {"padding": "same"}, {"weight": weight}, False), expected)


def test_operations_with_a_number() -> None:
    a = np.random.default_rng(4).standard_normal((3, 4))
    assert agrees(evaluated("multiply", [a], {"other": 2.5}, {}, False), torch.from_numpy(a) * 2.5)
    assert agrees(evaluated("add", [a, a], {"alpha": 3}, {}, False), torch.from_numpy(a) * 4)


def test_concatenation() -> None:
    a, b = np.random.default_rng(4).standard_normal((2, 3, 4))
    expected = torch.cat([torch.from_numpy(a), torch.from_numpy(b)], 1)
    assert agrees(evaluated("concat", [a, b], {"dim": 1}, {}, False), expected)


def test_an_embedding() -> None:
    draw = np.random.default_rng(5)
    weight, index = draw.standard_normal((9, 4)), draw.integers(0, 9, (3, 7))
    expected = F.embedding(torch.from_numpy(index), torch.from_numpy(weight), 2)
    assert agrees(evaluated("embedding", [index], {"padding_idx": 2}, {"weight": weight}, False), expected)


@pytest.mark.parametrize("eps", [None, 1e-2])
def test_the_root_mean_square(eps: float | None) -> None:
    layer = nn.RMSNorm([3, 5], eps=eps)
    weights, x = filled(layer, np.random.default_rng(6)), np.random.default_rng(7).standard_normal((4, 3, 5))
    assert agrees(evaluated("rms_norm", [x], {"eps": eps}, weights, False), layer(torch.from_numpy(x)))


def test_weights_that_a_function_is_given_as_inputs() -> None:
    draw = np.random.default_rng(8)
    x, weight, bias = draw.standard_normal((2, 3, 6, 6)), draw.standard_normal((4, 3, 3, 3)), draw.standard_normal(4)
    expected = F.conv2d(*map(torch.from_numpy, (x, weight, bias)), stride=2)
    assert agrees(evaluated("conv2d", [x, weight, bias], {"stride": [2, 2]}, {}, False), expected)


@pytest.mark.parametrize(
    ("name", "settings"),
    [("searchsorted", {}), ("relu", {"power": 2}), ("conv2d", {"data_format": "NHWC"}),
     ("conv2d", {"padding_mode": "odd"}), ("conv2d", {"stride": [1, 1, 1]}), ("gelu", {"approximate": "quick"}),
     ("softmax", {"axis": 7}),
     ("interpolate", {"mode": "bicubic", "size": 3}), ("linear", {"weight_norm": True}),
     ("max_pool2d", {"return_mask": True, "kernel_size": 2})],
)  # fmt: skip
def test_what_is_not_understood_has_no_form(name: str, settings: dict) -> None:
    x, weights = np.ones((2, 3, 5, 5)), {"weight": np.ones((4, 3, 3, 3)) if "conv" in name else np.ones((3, 5))}
    assert evaluated(name, [x], settings, weights, False) is None


def test_a_weight_that_is_missing_has_no_form() -> None:
    assert evaluated("linear", [np.ones((2, 3))], {}, {}, False) is None


# `data_format` and what decides nothing are understood; Paddle's opposite of PyTorch's setting is turned round.
def test_names_of_paddle() -> None:
    x = np.random.default_rng(9).standard_normal((2, 3, 6, 6))
    settings = {"kernel_size": 3, "padding": 1, "stride": 2, "data_format": "NCHW", "name": None}
    expected = F.avg_pool2d(torch.from_numpy(x), 3, 2, 1, count_include_pad=False)
    assert agrees(evaluated("avg_pool2d", [x], settings | {"exclusive": True}, {}, False), expected)
    assert not agrees(evaluated("avg_pool2d", [x], settings | {"exclusive": False}, {}, False), expected)


@pytest.mark.parametrize("settings", [{}, {"num_layers": 2, "bidirectional": True, "batch_first": True}])
@pytest.mark.parametrize(("kind", "made"), [("lstm", nn.LSTM), ("gru", nn.GRU), ("rnn", nn.RNN)])
def test_recurrent_layers(kind: str, made: type, settings: dict) -> None:
    layer, x = made(3, 4, **settings).double(), torch.randn(5, 2, 3, dtype=torch.float64)
    weights = {name: weight.detach().numpy() for name, weight in layer.named_parameters()}
    wanted = layer(x)[0].detach().numpy()
    assert relative_error(evaluated(kind, [x.numpy()], settings, weights, True), wanted) <= bound("closed form")
    turned = {"batch_first": not settings.get("batch_first", False)}
    assert relative_error(evaluated(kind, [x.numpy()], settings | turned, weights, True), wanted) > 0.1
