"""Files of which the arrays are read one at a time."""

from __future__ import annotations

import json
import os
import tracemalloc

import numpy as np
import pytest
from dualport.common.errors import BadInput
from dualport.common.weights import read, write
from dualport.common.weights.files import opened
from dualport.common.weights.formats.stored import BLOCK, Stored, turned
from weight_samples import bfloat16_array, same, samples, state

LARGE = {f"block.{place}.weight": np.full((512, 2048), place, np.float32) for place in range(12)}  # 4 MiB each


@pytest.mark.parametrize("sample", sorted(samples()))
def test_what_is_read_later_is_what_is_read_at_once(tmp_path, sample):
    (tmp_path / "w").write_bytes(samples()[sample])
    key = "model" if sample in ("pickle3", "pickle4", "pt") else None
    whole = read(tmp_path / "w", key=key)
    with opened(tmp_path / "w", key=key) as file:
        same({name: np.asarray(array) for name, array in file.arrays.items()}, whole.arrays)
        assert (file.names, file.metadata, file.format, file.framework) == (
            whole.names, whole.metadata, whole.format, whole.framework)  # fmt: skip


@pytest.mark.parametrize("extension", [".pdparams", ".pt", ".bin", ".safetensors"])
def test_a_file_is_opened_and_written_within_the_memory_of_an_array(tmp_path, extension):
    path = tmp_path / f"w{extension}"
    write(path, LARGE)
    tracemalloc.start()
    try:
        with opened(path) as file:
            assert all(isinstance(array, Stored) for array in file.arrays.values())
            write(tmp_path / f"again{extension}", file.arrays)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 2.5 * LARGE["block.0.weight"].nbytes
    same(read(tmp_path / f"again{extension}").arrays, LARGE)


def test_bfloat16_of_paddle_is_told_later_too(tmp_path):
    wide = np.tile(bfloat16_array(), (100, 100))
    write(tmp_path / "w.pdparams", {"w": wide})
    with opened(tmp_path / "w.pdparams", dtype="bfloat16") as file:
        same({"w": np.asarray(file.arrays["w"])}, {"w": wide})
    with pytest.raises(BadInput, match="16-bit integers"), opened(tmp_path / "w.pdparams"):
        pass


def test_tensors_on_one_storage_are_read_once(tmp_path):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    whole = torch.arange(40_000.0)
    torch.save({"a": whole[:20_000], "b": whole[20_000:].view(100, 200).t()}, tmp_path / "w.pt")
    with opened(tmp_path / "w.pt") as file:
        np.testing.assert_array_equal(file.arrays["a"], whole[:20_000].numpy())
        np.testing.assert_array_equal(file.arrays["b"], whole[20_000:].view(100, 200).t().numpy())


@pytest.mark.parametrize(
    ("extension", "said"), [(".pt", "checksum"), (".safetensors", "neither true nor false")], ids=["pt", "safetensors"]
)
def test_damage_that_only_the_content_shows_is_told_when_it_is_read(tmp_path, extension, said):
    path = tmp_path / f"w{extension}"
    write(path, {"mask": np.ones(10_000, bool)})
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\x01" * 10_000, b"\x01" * 9_999 + b"\x07"))
    with pytest.raises(BadInput, match=said), opened(path) as file:
        np.asarray(file.arrays["mask"])


def _cut_while_open(path):
    with opened(path) as file:
        os.truncate(path, 10_000)
        np.asarray(file.arrays["block.11.weight"])


def test_a_file_that_is_cut_meanwhile_is_refused(tmp_path):
    write(tmp_path / "w.safetensors", LARGE)
    with pytest.raises(BadInput, match="ends in the middle"):
        _cut_while_open(tmp_path / "w.safetensors")


def test_an_array_of_a_large_matrix_is_turned_in_blocks():
    array = np.arange((BLOCK + 3) * (BLOCK + 7), dtype=np.int64).reshape(BLOCK + 3, BLOCK + 7)
    np.testing.assert_array_equal(turned(array), array.T)
    assert turned(array).flags.c_contiguous


def test_parts_of_an_array_that_is_not_read_yet():
    whole = np.arange(24, dtype=np.float32).reshape(4, 6)
    stored = Stored(whole.shape, whole.dtype, lambda: whole)
    for made, wanted in [
        (stored.T, whole.T), (stored[1:3], whole[1:3]), (stored.reshape((2, 12)), whole.reshape(2, 12)),
        (stored.astype("float64"), whole.astype("float64")), (stored.view("int32"), whole.view("int32")),
    ]:  # fmt: skip
        assert (made.shape, made.dtype, made.nbytes) == (wanted.shape, wanted.dtype, wanted.nbytes)
        np.testing.assert_array_equal(np.asarray(made), wanted)


def test_shards_of_paddle_keep_their_tables_of_names(tmp_path):
    files = {"a": "model_state-00001-of-00002.pdparams", "b": "model_state-00002-of-00002.pdparams"}
    for name, file in files.items():
        write(tmp_path / file, {name: state()["fc.weight"]}, names={name: f"linear_{name}.w_0"})
    index = tmp_path / "model_state.pdparams.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": files}))
    with opened(index) as file:
        assert file.names == {"a": "linear_a.w_0", "b": "linear_b.w_0"}
        assert (file.framework, file.arrays["b"].shape) == ("paddle", (3, 2))
        np.testing.assert_array_equal(file.arrays["b"], state()["fc.weight"])
