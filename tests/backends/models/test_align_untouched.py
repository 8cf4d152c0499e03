"""`align` leaves live models and the process that it runs in as it found them, also where it fails."""

from __future__ import annotations

import contextlib
import os

import numpy as np
import paddle
import pytest
import torch
from dualport.common.errors import BadInput

from dualport import align

THIRD = 1 / 3  # float64 has digits of it that float32 has not


class PaddleMixed(paddle.nn.Layer):
    """A layer in float64 behind one in float32, with a frozen weight and a buffer that no state dict has."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = paddle.nn.Linear(5, 5), paddle.nn.Linear(5, 5)
        self.drop = paddle.nn.Dropout(0.5)
        self.second.to(dtype="float64")
        self.register_buffer("shift", paddle.to_tensor([THIRD], dtype="float64"), persistable=False)
        self.first.bias.stop_gradient = True

    def forward(self, x):
        hidden = self.drop(self.first(x))
        return self.second(hidden.astype(self.second.weight.dtype)) + self.shift.astype(self.second.weight.dtype)


class TorchMixed(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(5, 5), torch.nn.Linear(5, 5).double()
        self.drop = torch.nn.Dropout(0.5)
        self.register_buffer("shift", torch.tensor([THIRD], dtype=torch.float64), persistent=False)
        self.first.bias.requires_grad_(False)

    def forward(self, x):
        hidden = self.drop(self.first(x))
        return self.second(hidden.to(self.second.weight.dtype)) + self.shift.to(self.second.weight.dtype)


class Broken(TorchMixed):
    def forward(self, x):
        raise ValueError("out of order")


def of_paddle(model: paddle.nn.Layer) -> dict:
    """All that is to be as it was; tensors by identity, memory, type, place, values, flag and gradient."""
    tensors = [one for layer in model.sublayers(include_self=True) for one in layer.parameters(False)]
    tensors += [one for layer in model.sublayers(include_self=True) for one in layer.buffers(False)]
    return {
        "tensors": [
            (id(one), one.data_ptr(), str(one.dtype), str(one.place), one.numpy().tobytes(), one.stop_gradient)
            for one in tensors
        ],
        "gradients": [
            None if one.grad is None else (str(one.grad.dtype), one.grad.numpy().tobytes()) for one in tensors
        ],
        "modules": [(layer.training, str(layer._dtype)) for layer in model.sublayers(include_self=True)],
        "process": (paddle.get_default_dtype(), paddle.get_device(), os.environ.get("NVIDIA_TF32_OVERRIDE")),
        "random": paddle.get_rng_state("cpu")[0].current_seed(),
    }


def of_torch(model: torch.nn.Module) -> dict:
    tensors = [*model.parameters(), *model.buffers()]
    backends = torch.backends
    return {
        "tensors": [
            (id(one), one.data_ptr(), one.dtype, one.device, one.detach().numpy().tobytes(), one.requires_grad)
            for one in tensors
        ],
        "gradients": [
            None if one.grad is None else (id(one.grad), one.grad.dtype, one.grad.numpy().tobytes()) for one in tensors
        ],
        "modules": [module.training for module in model.modules()],
        "process": (
            torch.get_default_dtype(), backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32,
            backends.cudnn.benchmark, backends.cudnn.deterministic, torch.are_deterministic_algorithms_enabled(),
        ),
        "random": torch.get_rng_state().numpy().tobytes(),
    }  # fmt: skip


@pytest.fixture
def eager_process():
    """A process that is set for speed, as one that trains may be."""
    backends = torch.backends
    with contextlib.ExitStack() as back:
        for owner, name in ((backends.cuda.matmul, "allow_tf32"), (backends.cudnn, "allow_tf32"),
                            (backends.cudnn, "benchmark"), (backends.cudnn, "deterministic")):  # fmt: skip
            back.callback(setattr, owner, name, getattr(owner, name))
        backends.cuda.matmul.allow_tf32 = backends.cudnn.allow_tf32 = backends.cudnn.benchmark = True
        backends.cudnn.deterministic = False
        before = os.environ.pop("NVIDIA_TF32_OVERRIDE", None)
        yield
        os.environ.pop("NVIDIA_TF32_OVERRIDE", None)
        if before is not None:
            os.environ["NVIDIA_TF32_OVERRIDE"] = before


def with_gradients(one, other) -> tuple:
    x = np.linspace(-1, 1, 20, dtype=np.float32).reshape(4, 5)
    one(paddle.to_tensor(x)).sum().backward()
    other(torch.from_numpy(x)).sum().backward()
    one.drop.eval()
    other.eval()
    other.first.train()
    return one, other


@pytest.mark.usefixtures("eager_process")
def test_all_of_a_mixed_pair_and_of_the_process_is_as_before():
    one, other = with_gradients(PaddleMixed(), TorchMixed())
    before = of_paddle(one), of_torch(other)
    drawn = paddle.get_rng_state("cpu"), torch.get_rng_state()
    expected = paddle.randn([3]).numpy()
    paddle.set_rng_state(drawn[0])
    assert align(one, other, "4,5", steps=2).ok
    after = of_paddle(one), of_torch(other)
    assert paddle.randn([3]).numpy().tobytes() == expected.tobytes()
    assert before == after


@pytest.mark.usefixtures("eager_process")
def test_so_it_is_after_an_error():
    one, other = PaddleMixed(), Broken()
    before = of_paddle(one), of_torch(other)
    with pytest.raises(BadInput, match="out of order"):
        align(one, other, "4,5", direction="paddle-to-torch")
    assert before == (of_paddle(one), of_torch(other))


def test_tf32_that_was_set_by_its_newer_name_stays(monkeypatch):
    product = torch.backends.cuda.matmul
    if not hasattr(product, "fp32_precision"):
        pytest.skip("this release of torch has the older names alone")
    before = product.fp32_precision
    product.fp32_precision = "tf32"
    try:
        assert align(paddle.nn.Linear(3, 2), torch.nn.Linear(3, 2), "4,3").ok
        assert product.fp32_precision == "tf32"
    finally:
        product.allow_tf32 = False
        product.fp32_precision = before


class PaddleRecurrent(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.cell = paddle.nn.LSTM(3, 4, num_layers=2, dropout=0.25)

    def forward(self, x):
        return self.cell(x)[0]


class TorchRecurrent(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = torch.nn.LSTM(3, 4, num_layers=2, dropout=0.25, batch_first=True)

    def forward(self, x):
        return self.cell(x)[0]


def test_recurrent_layers_drop_inside_again_afterwards():
    one, other = PaddleRecurrent(), TorchRecurrent()
    names = [name for name, _ in one.named_buffers()]
    assert align(one, other, "2,5,3").ok
    assert (one.cell.dropout, other.cell.dropout) == (0.25, 0.25)
    assert [name for name, _ in one.named_buffers()] == names
    assert {str(weight.dtype) for weight in one.parameters()} == {"paddle.float32"}
    assert {weight.dtype for weight in other.parameters()} == {torch.float32}
