"""Files cut at every byte, and files changed at random: a refusal or a correct read, never anything else.

`DUALPORT_FUZZ=1000000 pytest tests/weights/test_weights_cut_and_mutated.py` mutates more files than the usual 10,000.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import random

import numpy as np
import pytest
from dualport.common.errors import BadInput
from dualport.common.weights import WeightFile
from dualport.scripts.inspect_file import describe
from mutations import mutate, read_or_refuse
from weight_samples import pickle_of, read_bytes, recomputed, refused, samples

pytestmark = pytest.mark.no_cover
SAMPLES = samples()
MUTATED = int(os.environ.get("DUALPORT_FUZZ", "10000"))
SHARDS = 8


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_cut_at_any_byte_is_refused(name) -> None:
    content = SAMPLES[name]
    read_bytes(content, "whole")
    for length in range(len(content)):
        with pytest.raises(BadInput, match=r"ends|is empty|no weight file|claims|no end"):
            read_bytes(content[:length], "cut")
    refused(content[: len(content) // 2], "ends|damaged|claims")


class HonestReader(pickle.Unpickler):
    """Python's own reader with NumPy's own functions: safe here because only names of arrays are let through."""

    def find_class(self, module: str, name: str):
        allowed = {"ndarray", "dtype", "_reconstruct", "scalar", "encode", "tuple", "OrderedDict", "bytes", "Counter"}
        if name not in allowed:
            raise pickle.UnpicklingError(name)
        return super().find_class(module, name)


def equal(ours: object, theirs: object) -> bool:
    """The same content, NaN equal to NaN; a tensor's tuple (name, array) counts as the array."""
    if (
        isinstance(theirs, tuple)
        and len(theirs) == 2
        and isinstance(theirs[0], str)
        and isinstance(theirs[1], np.ndarray)
    ):
        theirs = theirs[1]
    if isinstance(theirs, np.ndarray):
        return ours.shape == theirs.shape and ours.tobytes() == theirs.astype(theirs.dtype.newbyteorder("=")).tobytes()
    if isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(equal(ours[key], value) for key, value in theirs.items())
    if isinstance(theirs, (list, tuple)):
        return len(ours) == len(theirs) and all(map(equal, ours, theirs))
    return ours == theirs or (ours != ours and theirs != theirs)


def check_read(weights: WeightFile, content: bytes) -> None:
    """What was read is what the formats' own readers find, and can be printed."""
    assert sum(array.nbytes for array in weights.arrays.values()) <= 8 * len(content) + 2**20
    assert len(json.dumps(describe(weights), allow_nan=False)) < 2**24
    if weights.format in ("pdparams", "pdopt"):
        assert equal(weights.tree, HonestReader(io.BytesIO(content), encoding="latin1").load())
    elif weights.format == "safetensors":
        from safetensors import deserialize  # not safetensors.numpy, which has no bfloat16

        theirs = dict(deserialize(content))
        assert theirs.keys() == weights.arrays.keys()
        for name, entry in theirs.items():
            assert weights.arrays[name].tobytes() == bytes(entry["data"])
            assert list(weights.arrays[name].shape) == entry["shape"]


@pytest.mark.parametrize("shard", range(SHARDS))
def test_mutated_files(shard) -> None:
    rng = random.Random(f"mutations {shard}")
    read = 0
    for number in range(MUTATED // SHARDS):
        name = rng.choice(list(SAMPLES))
        content = mutate(SAMPLES[name], rng, SAMPLES)
        try:
            dtype, key = rng.choice((None, "bfloat16", "uint16")), rng.choice((None, "."))
            weights = read_or_refuse(content, name, dtype=dtype, key=key)
            if weights is not None:
                check_read(weights, content)
                read += 1
        except Exception as error:
            raise AssertionError(f"mutation {number} of shard {shard}, made from {name}") from error
    assert read or MUTATED < 1000  # some changes touch nothing that matters, or only numbers


@pytest.mark.parametrize("shard", range(2))
def test_mutated_pickles_in_a_sound_zip(shard) -> None:
    """The checksum of a `.pt` catches every change, so here it is made to fit; torch itself says what is right."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rng = random.Random(f"pickles {shard}")
    read = 0
    for number in range(MUTATED // 20):
        content = recomputed(SAMPLES["pt"], "archive/data.pkl", lambda data: mutate(data, rng, SAMPLES))
        weights = read_or_refuse(content, "pt")
        if weights is None:
            continue
        read += 1
        try:
            theirs = torch.load(io.BytesIO(content), weights_only=True)
        except Exception:
            continue  # torch may refuse what is read here: an odd key, an opcode that it has not got
        assert equal_to_torch(weights.tree, theirs), f"mutation {number} of shard {shard}"
    assert read or MUTATED < 1000


def equal_to_torch(ours: object, theirs: object) -> bool:
    if isinstance(theirs, dict):
        return list(ours) == list(theirs) and all(equal_to_torch(ours[key], value) for key, value in theirs.items())
    if hasattr(theirs, "detach"):
        theirs = theirs.detach()
        if str(theirs.dtype) == "torch.bfloat16":
            return np.array_equal(ours.astype(np.float32), theirs.float().numpy(), equal_nan=True)
        theirs = theirs.numpy()
        return (ours.dtype, ours.shape, ours.tobytes()) == (theirs.dtype, theirs.shape, theirs.tobytes())
    if isinstance(theirs, (list, tuple)):
        return len(ours) == len(theirs) and all(map(equal_to_torch, ours, theirs))
    return equal(ours, theirs)


WORDS = [b"K\x01", b"\x8c\x01a", b"](", b"}(", b"h\x00", b"C\x04abcd", b")", b"t", b"e", b"u", b"\x94", b"a", b"\x85"]


@pytest.mark.parametrize("seed", range(4))
def test_random_pickles(seed) -> None:
    """Opcodes in random order: a refusal, or what Python's own reader makes of them."""
    rng = random.Random(f"opcodes {seed}")
    words = [bytes((code,)) for code in range(256)] + WORDS * 40
    read = 0
    for _ in range(2000):
        content = pickle_of(b"".join(rng.choice(words) for _ in range(rng.randint(1, 12))))
        weights = read_or_refuse(content, "x")
        if weights is not None and weights.format in ("pdparams", "pdopt"):
            assert equal(weights.tree, HonestReader(io.BytesIO(content), encoding="latin1").load())
            read += 1
    assert read
