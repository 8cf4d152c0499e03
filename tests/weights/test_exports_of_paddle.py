"""Inference exports that Paddle itself has made: what is read is what it holds, and what is written it takes."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from dualport.common.distance import relative_error
from dualport.common.tolerances import bound
from dualport.common.weights import read
from dualport.common.weights.conversion import convert
from dualport.common.weights.exports.summary import summary

paddle = pytest.importorskip("paddle", reason="Paddle is not installed")
LAYERS = {"conv2d": 1, "batch_norm": 1, "linear": 2, "prelu": 1, "embedding": 1}


class Net(paddle.nn.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.body = paddle.nn.Sequential(
            paddle.nn.Conv2D(3, 4, 3), paddle.nn.BatchNorm2D(4), paddle.nn.PReLU(4), paddle.nn.Dropout(0.5)
        )
        self.words = paddle.nn.Embedding(6, 4)
        self.head = paddle.nn.Sequential(paddle.nn.Linear(4, 5, bias_attr=False), paddle.nn.Linear(5, 2))
        self.register_buffer("scale", paddle.to_tensor([2.0, 3.0]))

    def forward(self, image, word):
        return self.head(self.body(image).mean([2, 3]) + self.words(word)) * self.scale


@contextlib.contextmanager
def old_programs():
    """Within, Paddle writes programs as it did before 3.0."""
    paddle.set_flags({"FLAGS_enable_pir_api": False})
    try:
        yield
    finally:
        paddle.set_flags({"FLAGS_enable_pir_api": True})


@pytest.fixture(scope="module", params=["pir", "desc"])
def exported(request, tmp_path_factory):
    """A model in evaluation mode, and the path of its export without an extension."""
    paddle.seed(3)
    model = Net()
    for parameter in model.state_dict().values():
        parameter.set_value(paddle.uniform(parameter.shape, min=0.1))
    model.eval()
    prefix = tmp_path_factory.mktemp(request.param) / "net"
    spec = [
        paddle.static.InputSpec([None, 3, 8, 8], "float32", "image"),
        paddle.static.InputSpec([None], "int64", "word"),
    ]
    with old_programs() if request.param == "desc" else contextlib.nullcontext():
        paddle.jit.save(model, str(prefix), spec)
    return model, prefix


def test_the_values_are_paddles_own(exported) -> None:
    model, prefix = exported
    file = read(f"{prefix}.pdiparams")
    told = {tensor.name: tensor.numpy() for tensor in model.state_dict().values()}
    got = {file.names[name]: array for name, array in file.arrays.items()}
    assert set(got) == set(told)
    for name, array in told.items():
        assert (got[name].dtype, got[name].shape, got[name].tobytes()) == (array.dtype, array.shape, array.tobytes())
    structured = {name: tensor.name for name, tensor in model.state_dict().items()}
    assert file.names == structured or file.program.kind == "PIR"  # Paddle 3 writes no structured names


def test_what_is_told_of_it(exported) -> None:
    _, prefix = exported
    about = summary(read(f"{prefix}.pdiparams"))
    assert about["layers"] == LAYERS
    assert [one["name"] for one in about["program"]["inputs"]] == ["image", "word"]
    assert [one["shape"] for one in about["program"]["inputs"]] == [[-1, 3, 8, 8], [-1]]
    counts = about["operations"]
    assert counts["conv2d"] == counts["batch_norm"] == counts["prelu"] == counts["dropout"] == 1
    assert counts.get("matmul_v2", 0) + counts.get("matmul", 0) == 2
    assert about["folded"] == {"partly": {}, "skipped": [], "fused": {}, "quantised": {}}


def test_paddle_takes_what_is_written(exported, tmp_path) -> None:
    model, prefix = exported
    convert(prefix.with_suffix(".pdiparams"), tmp_path / "net.pdparams")
    state = paddle.load(str(tmp_path / "net.pdparams"))
    by_structure = (prefix.parent / "net.pdiparams.info").exists()
    again = Net()
    if not by_structure:  # tensors are numbered on, so the model that made the export is the one that has the names
        again = model
        kept = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
        for tensor in model.state_dict().values():
            tensor.set_value(paddle.zeros(tensor.shape))
    missing, unexpected = again.set_state_dict(state, use_structured_name=by_structure)
    assert (missing, unexpected) == ([], [])
    kept = {name: tensor.numpy() for name, tensor in model.state_dict().items()} if by_structure else kept
    for name, tensor in again.state_dict().items():
        assert np.array_equal(tensor.numpy(), kept[name]), name


def test_torch_takes_what_is_written(exported, tmp_path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model, prefix = exported
    convert(prefix.with_suffix(".pdiparams"), tmp_path / "net.pt")
    state = torch.load(tmp_path / "net.pt", weights_only=True)
    paths = {"conv2d": "body.0", "batch_norm2d": "body.1", "p_re_lu": "body.2", "embedding": "words"}
    if not (prefix.parent / "net.pdiparams.info").exists():
        owners = sorted({name.rpartition(".")[0] for name in state} - {""}, key=lambda one: int(one.rpartition("_")[2]))
        linear = [owner for owner in owners if owner.startswith("linear_")]
        structured = {owner: paths.get(owner.rpartition("_")[0]) for owner in owners} | dict(
            zip(linear, ["head.0", "head.1"], strict=True)
        )
        state = {
            f"{structured[owner]}.{leaf}" if (owner := name.rpartition(".")[0]) else "scale": tensor
            for name, tensor in state.items()
            for leaf in [name.rpartition(".")[2]]
        }
    port = torch.nn.Module()
    port.body = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.PReLU(4), torch.nn.Dropout(0.5)
    )
    port.words = torch.nn.Embedding(6, 4)
    port.head = torch.nn.Sequential(torch.nn.Linear(4, 5, bias=False), torch.nn.Linear(5, 2))
    port.register_buffer("scale", torch.zeros(2))
    port.load_state_dict(state, strict=True)
    port.eval()
    image = np.random.default_rng(1).standard_normal((2, 3, 8, 8)).astype(np.float32)
    word = np.array([1, 5])
    with torch.no_grad():
        ours = port.head(port.body(torch.tensor(image)).mean([2, 3]) + port.words(torch.tensor(word))) * port.scale
    theirs = model(paddle.to_tensor(image), paddle.to_tensor(word)).numpy()
    assert relative_error(ours.numpy(), theirs) <= bound("converted model, float32 forward")
