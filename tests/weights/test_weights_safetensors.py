"""`.safetensors` against the safetensors library: what it writes is read, what is written it reads."""

from __future__ import annotations

import json

import numpy as np
import pytest
from dualport.common.errors import BadInput
from dualport.common.weights import read, write
from safetensors.numpy import load, save
from weight_samples import bfloat16_array, read_bytes, refused, safetensors_of, same, state


def test_reads_what_the_library_writes() -> None:
    weights = read_bytes(save(state(), metadata={"format": "pt", "note": "α"}), "x")
    same(weights.arrays, state())
    assert (weights.format, weights.framework, weights.protocol) == ("safetensors", "torch", None)
    assert weights.metadata == {"format": "pt", "note": "α"}
    assert all(array.flags.writeable and array.flags.aligned for array in weights.arrays.values())


def test_the_library_reads_what_is_written(tmp_path) -> None:
    arrays = {**state(), "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T, "big": np.arange(3, dtype=">f8")}
    write(tmp_path / "x.safetensors", arrays, names={"fc.weight": "linear_0.w_0"}, metadata={"format": "paddle"})
    loaded = load((tmp_path / "x.safetensors").read_bytes())
    for name, array in arrays.items():
        assert np.array_equal(loaded[name], array, equal_nan=array.dtype.kind == "f"), name
    weights = read(tmp_path / "x.safetensors")
    assert (weights.framework, weights.metadata) == ("paddle", {"format": "paddle"})
    assert weights.names == {"fc.weight": "linear_0.w_0"}
    assert weights.arrays["big"].dtype == np.float64


def test_bfloat16_with_both_frameworks(tmp_path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from safetensors.torch import load as load_torch
    from safetensors.torch import save as save_torch

    write(tmp_path / "x.safetensors", {"w": bfloat16_array()})
    loaded = load_torch((tmp_path / "x.safetensors").read_bytes())["w"]
    assert loaded.dtype == torch.bfloat16
    assert np.array_equal(loaded.float().numpy(), bfloat16_array().astype(np.float32))
    same(read_bytes(save_torch({"w": loaded}), "x").arrays, {"w": bfloat16_array()})


def header(**tensors) -> bytes:
    return json.dumps(tensors).encode()


def tensor(start: int, end: int, shape=None, dtype="F32", **more) -> dict:
    shape = [(end - start) // 4] if shape is None else shape
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end], **more}


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (safetensors_of(header(a=tensor(0, 8)), bytes(8), length=2**62), "header claims to be longer"),
        (safetensors_of(header(a=tensor(0, 8)), bytes(17_000_000), length=16_000_001), "header claims to be longer"),
        (safetensors_of(b"{" + b" " * 20), "not JSON"),
        (safetensors_of(b'{"a": NaN}'), "not JSON"),
        (safetensors_of(b'{"\xff": 1}'), "not JSON"),
        (safetensors_of(b"{" * 8 + b'"a":' * 90_000), "not JSON"),
        (safetensors_of(b'{"a":' + b"[" * 90_000), "not JSON"),
        (safetensors_of(b'{"a":' + b"9" * 5000 + b"}"), "not JSON"),
        (safetensors_of(header(a=tensor(0, 8), b=tensor(4, 12)), bytes(12)), "'b' overlaps another"),
        (safetensors_of(header(a=tensor(0, 8), b=tensor(0, 8)), bytes(8)), "'b' overlaps another"),
        (safetensors_of(header(a=tensor(0, 8), b=tensor(12, 16)), bytes(16)), "'b' follows a hole"),
        (safetensors_of(header(a=tensor(4, 8)), bytes(8)), "'a' follows a hole"),
        (safetensors_of(header(a=tensor(0, 8)), bytes(12)), "bytes after its last tensor"),
        (safetensors_of(header(a=tensor(0, 8)), bytes(7)), "ends in the middle"),
        (safetensors_of(header(a=tensor(0, 2**40, [2**38])), bytes(8)), "ends in the middle"),
        (safetensors_of(header(a=tensor(0, 8, [3])), bytes(8)), "does not fit its bytes"),
        (safetensors_of(header(a=tensor(0, 8, [-2])), bytes(8)), "impossible"),
        (safetensors_of(header(a=tensor(0, 8, [2.0])), bytes(8)), "impossible"),
        (safetensors_of(header(a=tensor(0, 8, [True, 2])), bytes(8)), "impossible"),
        (safetensors_of(header(a=tensor(0, 0, [0, 2**61, 2**61])), b""), "does not fit its bytes"),
        (safetensors_of(header(a=tensor(0, 8, [2] + [1] * 40)), bytes(8)), "shape is not one"),
        (safetensors_of(header(a=tensor(8, 0, [2])), bytes(8)), "does not fit its bytes"),
        (safetensors_of(header(a=tensor(0, 8, note="x")), bytes(8)), "impossible"),
        (safetensors_of(header(a=[0, 8]), bytes(8)), "impossible"),
        (safetensors_of(header(a=tensor(0, 8, dtype="F4")), bytes(8)), "unknown type"),
        (safetensors_of(header(a=tensor(0, 2, [2], "BOOL")), b"\x00\x02"), "neither true nor false"),
        (
            safetensors_of(
                b'{"a":' + json.dumps(tensor(0, 4)).encode() + b',"a":' + json.dumps(tensor(4, 8)).encode() + b"}",
                bytes(8),
            ),
            "'a' is in its header twice",
        ),
        (safetensors_of(header(**{"a\0b": tensor(0, 8)}), bytes(8)), "NUL"),
        (safetensors_of(header(__metadata__={"a": 1})), "metadata"),
        (safetensors_of(header(__metadata__=["a"])), "metadata"),
    ],
)
def test_refuses(content, match) -> None:
    refused(content, match)


def test_reads_a_file_without_tensors() -> None:
    assert read_bytes(safetensors_of(b"{}"), "x").arrays == {}


def test_a_flat_file_has_no_parts() -> None:
    refused(save(state()), "is flat", key="model")
    same(read_bytes(save(state()), "x", key=".").arrays, state())


def test_names_from_elsewhere_are_not_believed() -> None:
    for kept in ("[1]", "{", '{"a": 1}', "[" * 100_000):
        assert read_bytes(save(state(), metadata={"dualport.names": kept}), "x").names == {}


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ({"model": state()}, "not an array"),
        ({"a\0": np.zeros(1)}, "cannot name a tensor"),
        ({"__metadata__": np.zeros(1)}, "cannot name a tensor"),
        ({3: np.zeros(1)}, "cannot name a tensor"),
        ({"a": np.array(["x"])}, "has not got"),
    ],
)
def test_refuses_to_write_what_the_format_has_not_got(tmp_path, content, match) -> None:
    with pytest.raises(BadInput, match=match):
        write(tmp_path / "x.safetensors", content)
    with pytest.raises(BadInput, match="must be text"):
        write(tmp_path / "x.safetensors", state(), metadata={"a": 1})
    assert list(tmp_path.iterdir()) == []
