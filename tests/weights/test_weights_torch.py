"""`.pt` files against torch itself: what torch.save writes is read, and what is written torch.load reads."""

from __future__ import annotations

import collections
import io
import zipfile

import numpy as np
import pytest
from dualport.common.errors import BadInput
from dualport.common.weights import read, write
from dualport.common.weights.optimizer.adam_steps import torch_steps
from weight_samples import bfloat16_array, read_bytes, same, state


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed")


def saved(torch, content) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def network(torch):
    torch.manual_seed(3)
    return torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.Linear(4, 3))


def test_reads_a_state_dict(torch) -> None:
    model = network(torch)
    weights = read_bytes(saved(torch, model.state_dict()), "x.pt")
    same(weights.arrays, {name: tensor.numpy() for name, tensor in model.state_dict().items()})
    assert (weights.format, weights.framework, weights.protocol, weights.key) == ("pt", "torch", 2, None)
    assert all(array.flags.writeable for array in weights.arrays.values())


def test_reads_a_whole_checkpoint(torch) -> None:
    model = network(torch)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    for _ in range(4):
        optimizer.zero_grad()
        sum(parameter.sum() for parameter in model.parameters()).backward()
        optimizer.step()
        schedule.step()
    content = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "epoch": 3,
        "notes": ["α", None, True, -1.5, (1, 2**40)],
        "size": torch.Size([1, 2]),
        "dtype": torch.float32,
        "device": torch.device("cpu"),
        "best": np.float64(0.5),
        "random": torch.get_rng_state(),
    }
    weights = read_bytes(saved(torch, content), "x.pt", key="model")
    same(weights.arrays, {name: tensor.numpy() for name, tensor in model.state_dict().items()})
    tree = weights.tree
    assert (tree["notes"], tree["size"], tree["dtype"], tree["device"]) == (
        content["notes"],
        (1, 2),
        "torch.float32",
        "cpu",
    )
    assert tree["best"] == 0.5
    assert tree["optimizer"]["param_groups"] == optimizer.state_dict()["param_groups"]
    first = tree["optimizer"]["state"][0]
    assert np.array_equal(first["exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"].numpy())
    assert torch_steps(tree["optimizer"]) == {4}
    assert tree["schedule"]["milestones"] == {3: 1, 5: 1}
    assert torch_steps({"state": {0: {"step": 7}, 1: {"step": 2.5}, 2: {}}, "param_groups": []}) == {7, None}


def test_reads_every_type_and_view(torch) -> None:
    base = torch.arange(24.0).reshape(4, 6)
    content = {
        "transposed": base.t()[1:],
        "strided": base[::2, 1::3],
        "whole": base,
        "bfloat16": base.bfloat16().t(),
        "half": base.half(),
        "double": base.double(),
        "bool": base > 3,
        "uint8": base.to(torch.uint8),
        "uint16": base.to(torch.uint16),
        "complex": base.to(torch.complex64),
        "scalar": torch.tensor(5),
        "empty": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "float8": base.to(torch.float8_e4m3fn),
        "one": base[2:3, 3:4].expand(1, 1),
    }
    arrays = read_bytes(saved(torch, content), "x.pt").arrays
    assert list(arrays) == list(content)
    for name, tensor in content.items():
        plain = tensor.detach()
        expected = plain.float().numpy() if name in ("bfloat16", "float8") else plain.numpy()
        found = arrays[name].astype(np.float32) if name in ("bfloat16", "float8") else arrays[name]
        assert found.dtype == expected.dtype
        assert np.array_equal(found, expected), name
    assert str(arrays["bfloat16"].dtype) == "bfloat16"
    assert np.shares_memory(arrays["whole"], arrays["strided"])


@pytest.mark.parametrize("mapped", [False, True])
def test_torch_loads_what_is_written(torch, tmp_path, mapped) -> None:
    model = network(torch)
    arrays = {name: np.asarray(tensor.numpy() + 1) for name, tensor in model.state_dict().items()}
    write(tmp_path / "w.pt", arrays)
    loaded = torch.load(tmp_path / "w.pt", weights_only=True, mmap=mapped)
    assert type(loaded) is collections.OrderedDict
    assert str(model.load_state_dict(loaded, strict=True)) == "<All keys matched successfully>"
    same({name: tensor.numpy() for name, tensor in model.state_dict().items()}, arrays)
    assert all(tensor.data_ptr() % 64 == 0 for tensor in loaded.values()) or not mapped


def test_torch_loads_nested_content(torch, tmp_path) -> None:
    notes = ["α", None, True, 1.5, -1, 300, 2**40, (1, 2, 3, 4), (), (1, (2,)), [], {}]
    tied = np.arange(6, dtype=np.float32).reshape(2, 3).T
    content = {"model": {**state(), "bf16": bfloat16_array(), "a": tied, "b": tied}, "notes": notes, 7: {"x": 1}}
    write(tmp_path / "w.pth", content)
    loaded = torch.load(tmp_path / "w.pth", weights_only=True)
    assert loaded["notes"] == notes
    assert loaded[7] == {"x": 1}
    model = loaded["model"]
    assert model["bf16"].dtype == torch.bfloat16
    assert np.array_equal(model["bf16"].float().numpy(), bfloat16_array().astype(np.float32))
    same({name: model[name].numpy() for name in state()}, state())
    assert np.array_equal(model["a"].numpy(), tied)
    assert model["a"].data_ptr() == model["b"].data_ptr()
    back = read(tmp_path / "w.pth")
    same(back.arrays, content["model"])
    assert (back.key, back.tree["notes"]) == ("model", notes)


def test_the_zip_is_one_that_other_tools_read(tmp_path) -> None:
    write(tmp_path / "w.pt", state())
    with zipfile.ZipFile(tmp_path / "w.pt") as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "archive/data.pkl"
        assert archive.read("archive/byteorder") == b"little"
    first = (tmp_path / "w.pt").read_bytes()
    write(tmp_path / "w.pt", state())
    assert (tmp_path / "w.pt").read_bytes() == first  # no clock in it


def test_entries_beyond_four_gigabytes(monkeypatch, tmp_path) -> None:
    """The fields for large files, in a small one: the limit from which they are used is brought down."""
    from dualport.common.weights.formats import pt_zip

    arrays = {"big": np.arange(500, dtype=np.float64), "small": np.zeros(2)}
    monkeypatch.setattr(pt_zip, "LIMIT", 100)
    write(tmp_path / "w.pt", arrays)
    same(read(tmp_path / "w.pt").arrays, arrays)
    with zipfile.ZipFile(tmp_path / "w.pt") as archive:
        assert archive.testzip() is None
        assert archive.read("archive/data/0") == arrays["big"].tobytes()
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    same({name: tensor.numpy() for name, tensor in torch.load(tmp_path / "w.pt").items()}, arrays)


def test_more_entries_than_an_old_zip_can_count(tmp_path) -> None:
    many = {f"w{index}": np.full(1, index, np.int32) for index in range(66_000)}
    with pytest.raises(BadInput, match="steps"):  # refused as a pickle, but only after its zip has been read
        read_bytes(_written(tmp_path, many), "x.pt")
    with zipfile.ZipFile(tmp_path / "many.pt") as archive:
        assert len(archive.namelist()) == 66_003


def _written(folder, content) -> bytes:
    write(folder / "many.pt", content)
    return (folder / "many.pt").read_bytes()


@pytest.mark.parametrize("array", [np.array(["a"]), np.array([None]), np.array([1], np.uint16), np.zeros(1, "f4,i4")])
def test_refuses_to_write_what_torch_has_not_got(tmp_path, array) -> None:
    with pytest.raises(BadInput, match="cannot be written for torch"):
        write(tmp_path / "x.pt", {"w": array})
    assert list(tmp_path.iterdir()) == []
