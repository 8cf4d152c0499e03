"""What training scripts keep beside their weights, and weights that lie in several files."""

from __future__ import annotations

import argparse
import collections
import json
import pathlib
import pickle
import pickletools

import numpy as np
import pytest
from dualport.common.errors import BadInput
from dualport.common.weights import read, write

WEIGHTS = {"a.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "a.bias": np.ones(2, np.float32)}


@pytest.mark.parametrize("protocol", [2, 4])
def test_options_and_paths_are_read_as_plain_data(tmp_path, protocol):
    options = argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("/runs/a"), layers={1, 2})
    found = collections.defaultdict(list, a=[1])
    content = {"model": WEIGHTS, "args": options, "found": found}
    if protocol == 4:
        del options.layers  # of a set protocol 4 has opcodes of its own
    (tmp_path / "a.pdparams").write_bytes(pickle.dumps(content, protocol))
    file = read(tmp_path / "a.pdparams", kind="weights")
    np.testing.assert_array_equal(file.arrays["a.weight"], WEIGHTS["a.weight"])
    assert file.tree["args"]["lr"] == 0.1
    assert file.tree["args"]["out"] == "/runs/a"
    assert file.tree["found"] == {"a": [1]}


class _Made:
    """An object of a class of the user's own, made as pickles make them."""


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_objects_of_other_classes_are_read_around(tmp_path, protocol):
    made = _Made()
    made.rate, made.parent = 0.5, made
    (tmp_path / "a.pdparams").write_bytes(pickle.dumps({"model": WEIGHTS, "args": made}, protocol))
    file = read(tmp_path / "a.pdparams", kind="weights")
    assert file.key == "model"
    assert file.tree["args"]["rate"] == 0.5
    assert file.objects == {f"{__name__}._Made": 1}


@pytest.mark.parametrize(
    "content",
    [
        b"cargparse\nNamespace\n)\x81(K\x01K\x02lb.",  # its attributes are a list
        b"cargparse\nNamespace\nK\x01\x85\x81.",  # made with arguments
        b"ccollections\nOrderedDict\n)\x81.",  # made as only objects are
        b"cargparse\nNamespace\n)\x81q\x00}X\x01\x00\x00\x00ah\x00sb.",  # in itself
    ],
)
def test_a_namespace_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "a.pdparams").write_bytes(b"\x80\x02" + content)
    with pytest.raises(BadInput):
        read(tmp_path / "a.pdparams")


def test_a_long_path_is_refused(tmp_path):
    path = pickletools.optimize(pickle.dumps(pathlib.PurePosixPath("/".join(["a" * 200] * 40)), 2))
    (tmp_path / "a.pdparams").write_bytes(path)
    with pytest.raises(BadInput, match="a path"):
        read(tmp_path / "a.pdparams")


def test_a_table_of_scores_is_no_set_of_weights(tmp_path):
    best = {"best_k_models": {"a": np.array(1.0, np.float32)}}
    write(tmp_path / "a.pt", {"state_dict": WEIGHTS, "callbacks": best})
    assert read(tmp_path / "a.pt", kind="weights").key == "state_dict"


def _sharded(folder, **other):
    files = {"a.weight": "model-00001-of-00002.safetensors", "a.bias": "model-00002-of-00002.safetensors"}
    for name, file in files.items():
        write(folder / file, {name: WEIGHTS[name]}, metadata={"format": "pt"})
    place = folder / "model.safetensors.index.json"
    place.write_text(json.dumps({"metadata": {}, "weight_map": files | other}))
    return place


def test_the_files_of_a_sharded_model_are_one(tmp_path):
    file = read(_sharded(tmp_path), kind="weights")
    assert file.framework == "torch"
    assert {name: array.tolist() for name, array in file.arrays.items()} == {
        name: array.tolist() for name, array in WEIGHTS.items()
    }


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"b": "../b.safetensors"}, "elsewhere"),
        ({"b": "C:b"}, "elsewhere"),
        ({"b": "absent.safetensors"}, "cannot be read"),
        ({"b": "model-00001-of-00002.safetensors"}, "does not hold what the index says"),
        ({"b": "model.safetensors.index.json"}, "index itself"),
        ({"b": 3}, "without a weight_map"),
    ],
)
def test_an_index_that_misleads_is_refused(tmp_path, other, said):
    with pytest.raises(BadInput, match=said):
        read(_sharded(tmp_path, **other))
