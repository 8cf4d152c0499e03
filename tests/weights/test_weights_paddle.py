"""`.pdparams` and `.pdopt` against Paddle itself, and by hand where Paddle's files cannot be made small."""

from __future__ import annotations

import pickle

import ml_dtypes
import numpy as np
import pytest
from dualport.common.errors import BadInput
from dualport.common.weights import read, write
from dualport.common.weights.optimizer.adam_steps import paddle_steps
from weight_samples import bfloat16_array, read_bytes, refused, same, state

NAMES = {"fc.weight": "linear_0.w_0", "fc.bias": "linear_0.b_0"}
TABLE = "StructuredToParameterName@@"


@pytest.fixture(scope="module")
def paddle():
    return pytest.importorskip("paddle", reason="PaddlePaddle is not installed")


def network(paddle):
    paddle.seed(3)
    return paddle.nn.Sequential(paddle.nn.Conv2D(1, 2, 3), paddle.nn.BatchNorm2D(2), paddle.nn.Linear(4, 3))


def optimizer_after(paddle, steps: int, beta1: float = 0.9, beta2: float = 0.999):
    layer = paddle.nn.Linear(2, 3)
    rate = paddle.optimizer.lr.StepDecay(0.1, 3)
    optimizer = paddle.optimizer.Adam(parameters=layer.parameters(), learning_rate=rate, beta1=beta1, beta2=beta2)
    for _ in range(steps):
        layer(paddle.ones([1, 2])).sum().backward()
        optimizer.step()
        optimizer.clear_grad()
    return layer, optimizer


def test_reads_what_the_notebook_wrote(shared_data) -> None:
    files = sorted((shared_data / "aistudio").glob("*.pd*"))
    assert len(files) == 8
    for path in files:
        with path.open("rb") as file:
            expected = pickle.load(file)  # our own data: the notebook's file, known to be harmless
        weights = read(path)
        assert weights.names == expected.pop(TABLE)
        same(weights.arrays, expected)
        assert (weights.format, weights.framework, weights.protocol) == (path.suffix[1:], "paddle", 4)
        if path.suffix == ".pdopt":
            assert paddle_steps(weights.arrays) == {2811}  # three epochs of 937 batches


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_reads_flat_files_of_paddle(paddle, tmp_path, protocol) -> None:
    model = network(paddle)
    paddle.save(model.state_dict(), str(tmp_path / "model.pdparams"), protocol=protocol)
    weights = read(tmp_path / "model.pdparams")
    same(weights.arrays, {name: tensor.numpy() for name, tensor in model.state_dict().items()})
    assert weights.names == {name: tensor.name for name, tensor in model.state_dict().items()}
    assert (weights.format, weights.key, weights.protocol) == ("pdparams", None, protocol)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_reads_nested_checkpoints_of_paddle(paddle, tmp_path, protocol) -> None:
    layer, optimizer = optimizer_after(paddle, 2)
    content = {
        "model": layer.state_dict(),
        "optimiser": optimizer.state_dict(),
        "epoch": 3,
        "notes": ["α", None, True, -1.5, (1, 2**40)],
        "number": np.float32(0.5),
        "empty": {"x": paddle.zeros([0, 3])},
        "loss": paddle.to_tensor(3.0),
    }
    paddle.save(content, str(tmp_path / "all.pdparams"), protocol=protocol)
    weights = read(tmp_path / "all.pdparams", key="model")
    same(weights.arrays, {name: tensor.numpy() for name, tensor in layer.state_dict().items()})
    assert weights.names == {name: tensor.name for name, tensor in layer.state_dict().items()}
    assert weights.tree["notes"] == content["notes"]
    assert weights.tree["optimiser"]["LR_Scheduler"] == optimizer.state_dict()["LR_Scheduler"]
    assert weights.tree["empty"]["x"].shape == (0, 3)
    assert (weights.tree["number"], weights.tree["loss"].item(), weights.tree["epoch"]) == (0.5, 3.0, 3)
    of_optimizer = read(tmp_path / "all.pdparams", kind="optimiser")
    assert (of_optimizer.key, of_optimizer.format) == ("optimiser", "pdopt")
    assert paddle_steps(of_optimizer.arrays) == {2}


@pytest.mark.parametrize(
    ("steps", "beta1", "beta2"), [(1, 0.9, 0.999), (7, 0.5, 0.999), (1500, 0.9, 0.999), (900, 0.9, 0.99)]
)
def test_tells_the_optimizers_step(paddle, tmp_path, steps, beta1, beta2) -> None:
    _, optimizer = optimizer_after(paddle, steps, beta1, beta2)
    paddle.save(optimizer.state_dict(), str(tmp_path / "x.pdopt"))
    assert paddle_steps(read(tmp_path / "x.pdopt").arrays) == {steps}


def test_says_that_a_step_is_unknown() -> None:
    arrays = {"w_beta1_pow_acc_0": np.array([0.81], np.float32), "w_beta2_pow_acc_0": np.array([0.123], np.float32)}
    assert paddle_steps(arrays) == {None}
    beta1, beta2 = np.float32(0.9), np.float32(0.999)  # after two steps and after three: they contradict each other
    arrays = {"w_beta1_pow_acc_0": beta1 * beta1 * beta1, "w_beta2_pow_acc_0": beta2 * beta2 * beta2 * beta2}
    assert paddle_steps({name: np.array([value]) for name, value in arrays.items()}) == {None}


def test_paddle_loads_what_is_written(paddle, tmp_path) -> None:
    model = network(paddle)
    arrays = {name: tensor.numpy() + 1 for name, tensor in model.state_dict().items()}
    names = {name: tensor.name for name, tensor in model.state_dict().items()}
    for table in (names, None):
        write(tmp_path / "w.pdparams", arrays, names=table)
        missing, unexpected = model.set_state_dict(paddle.load(str(tmp_path / "w.pdparams")))
        assert (missing, unexpected) == ([], [])
        same({name: tensor.numpy() for name, tensor in model.state_dict().items()}, arrays)
        back = read(tmp_path / "w.pdparams")
        same(back.arrays, arrays)
        assert back.names == (table or {})


def test_paddle_resumes_an_optimizer_that_is_written(paddle, tmp_path) -> None:
    _, optimizer = optimizer_after(paddle, 3)
    paddle.save(optimizer.state_dict(), str(tmp_path / "a.pdopt"))
    original = read(tmp_path / "a.pdopt")
    write(tmp_path / "b.pdopt", original.tree, names=original.names)
    loaded = paddle.load(str(tmp_path / "b.pdopt"))
    assert loaded["LR_Scheduler"] == {"last_epoch": 0, "last_lr": 0.1}
    optimizer.set_state_dict(loaded)
    again = read(tmp_path / "b.pdopt")
    same(again.arrays, original.arrays)
    assert (again.format, again.names) == ("pdopt", original.names)


def test_bfloat16_both_ways(paddle, tmp_path) -> None:
    array = bfloat16_array()
    write(tmp_path / "b.pdparams", {"w": array})
    loaded = paddle.load(str(tmp_path / "b.pdparams"))["w"]
    assert loaded.dtype == paddle.bfloat16
    assert np.array_equal(loaded.astype("float32").numpy(), array.astype(np.float32))
    paddle.save({"w": loaded}, str(tmp_path / "c.pdparams"))
    same(read(tmp_path / "c.pdparams", dtype="bfloat16").arrays, {"w": array})


def test_sixteen_bit_integers_are_asked_about(tmp_path) -> None:
    write(tmp_path / "b.pdparams", {"w": bfloat16_array()})
    content = (tmp_path / "b.pdparams").read_bytes()
    assert "--dtype bfloat16" in refused(content, "16-bit integers")
    assert read_bytes(content, "x", dtype="bfloat16").arrays["w"].dtype == ml_dtypes.bfloat16
    assert read_bytes(content, "x", dtype="uint16").arrays["w"].dtype == np.uint16
    with pytest.raises(BadInput, match="no 16-bit type 'float8'"):
        read(tmp_path / "b.pdparams", dtype="float8")


def sliced(**changes) -> bytes:
    """A file as protocols 2 and 3 cut arrays of 1 GiB, but small."""
    whole = np.arange(7, dtype=np.float32)
    entry = {"OriginShape": (7, 1), "slices": ["w@@.0", "w@@.1", "w@@.2"], **changes}
    parts = {f"w@@.{index}": whole[3 * index : 3 * index + 3] for index in range(3)}
    return pickle.dumps({**parts, "b": whole[:2], "UnpackBigParamInfor@@": {"w": entry}, TABLE: NAMES}, protocol=2)


def test_joins_sliced_arrays() -> None:
    weights = read_bytes(sliced(), "x")
    same(weights.arrays, {"w": np.arange(7, dtype=np.float32).reshape(7, 1), "b": np.arange(2, dtype=np.float32)})
    assert weights.names == NAMES


@pytest.mark.parametrize(
    "changes",
    [
        {"OriginShape": (8, 1)},
        {"OriginShape": (-7, -1)},
        {"OriginShape": [7]},
        {"slices": ["w@@.0", "w@@.1"]},
        {"slices": ["w@@.0", "w@@.1", "w@@.9"]},
        {"slices": ["w@@.0", "w@@.1", "w@@.1"]},
        {"slices": []},
        {"slices": [None]},
    ],
)
def test_refuses_a_damaged_table_of_slices(changes) -> None:
    refused(sliced(**changes), "sliced tensors is damaged")


def test_refuses_slices_that_do_not_match() -> None:
    refused(pickle.dumps({"UnpackBigParamInfor@@": []}), "sliced tensors is damaged")
    refused(pickle.dumps({"UnpackBigParamInfor@@": {"w": []}}), "sliced tensors is damaged")
    for other in (np.zeros((1, 2), np.float32), np.zeros(2), [1.0, 2.0]):
        parts = {"w@@.0": np.zeros(2, np.float32), "w@@.1": other}
        table = {"w": {"OriginShape": (4,), "slices": ["w@@.0", "w@@.1"]}}
        refused(pickle.dumps({**parts, "UnpackBigParamInfor@@": table}), "sliced tensors is damaged")


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_reads_every_array_that_numpy_writes(protocol) -> None:
    rng = np.random.default_rng(1)
    arrays = state()
    arrays["fortran"] = np.asfortranarray(rng.standard_normal((3, 5)))
    arrays["big-endian"] = np.arange(5, dtype=">f4")
    arrays["complex"] = np.array([1 + 2j], np.complex64)
    arrays["long"] = rng.integers(0, 256, 300_001, dtype=np.uint8)  # longer than any block it is decoded in
    arrays["long, cut in a character"] = np.full(2**16 + 1, 0xE9, np.uint8)
    weights = read_bytes(pickle.dumps(arrays, protocol=protocol), "x")
    for name, array in arrays.items():
        assert np.array_equal(weights.arrays[name], array, equal_nan=array.dtype.kind == "f"), name
        assert weights.arrays[name].dtype == array.dtype.newbyteorder("=")
        assert weights.arrays[name].flags.writeable
        assert weights.arrays[name].flags.aligned


def test_a_shared_array_stays_shared(tmp_path) -> None:
    tied = np.arange(4, dtype=np.float32)
    write(tmp_path / "x.pdparams", {"a": tied, "b": tied})
    for content in (pickle.dumps({"a": tied, "b": tied}), (tmp_path / "x.pdparams").read_bytes()):
        arrays = read_bytes(content, "x").arrays
        assert arrays["a"] is arrays["b"]


def test_what_is_written_is_a_pickle_that_numpy_reads(tmp_path) -> None:
    write(
        tmp_path / "x.pdparams", {"model": state(), "notes": ["α", None, True, 1.5, -1, 300, 2**40, (1, 2, 3, 4), ()]}
    )
    content = (tmp_path / "x.pdparams").read_bytes()
    assert b"numpy.core.multiarray" in content  # NumPy 1 has no numpy._core.multiarray
    loaded = pickle.loads(content)  # our own file
    same(loaded["model"], state())
    assert loaded["notes"] == ["α", None, True, 1.5, -1, 300, 2**40, (1, 2, 3, 4), ()]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"w": np.array([1], np.uint16)}, "would take them for bfloat16"),
        ({"w": np.array([1], np.uint32)}, "has no such tensors"),
        ({"w": np.array(["a"])}, "has no such tensors"),
        ({"w": np.array([None])}, "has no such tensors"),
        ({"w": object()}, "object cannot be written"),
        ({("a",): 1}, "cannot be written"),
        ({"w": 2**3000}, "2,000 bits"),
    ],
)
def test_refuses_to_write_what_paddle_has_not_got(tmp_path, content, match) -> None:
    with pytest.raises(BadInput, match=match) as caught:
        write(tmp_path / "x.pdparams", content)
    assert str(caught.value).startswith(str(tmp_path / "x.pdparams"))
    assert list(tmp_path.iterdir()) == []


def test_refuses_to_write_a_tree_inside_itself(tmp_path) -> None:
    content: dict = {}
    content["again"] = content
    with pytest.raises(BadInput, match="levels deep"):
        write(tmp_path / "x.pdparams", content)


def test_a_damaged_name_table_is_refused() -> None:
    refused(pickle.dumps({"w": np.zeros(1), TABLE: {"w": 3}}), "table of parameter names is damaged")
    refused(pickle.dumps({"w": np.zeros(1), TABLE: ["w"]}), "table of parameter names is damaged")
